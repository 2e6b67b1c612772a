"""Average precision equals pycocotools to the last bit: the twelve numbers and the arrays
precision, recall and scores, on generated sets full of what protocols differ in, on stored
predictions and on what a bundled model finds on photographs.

coco_ap_test.py PROGRAM VENV SYOLO SOURCE. Without pycocotools the test is skipped (exit 77); with
SYOLO_JUDGE=required it fails then. SYOLO_JUDGE_SETS: how many sets (default 200)."""

import contextlib
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

NUMBERS = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()
SIDES = (32, 96, 31.999, 96.0001)  # areas on the limits of small, medium and large


def use_environment(venv):
    """Goes on in the virtual environment that test.sh made, when there is one."""
    python = pathlib.Path(venv) / "bin" / "python"
    if python.exists() and pathlib.Path(sys.prefix).resolve() != pathlib.Path(venv).resolve():
        os.execv(python, [str(python), "-B", *sys.argv])


def box(rng):
    side = lambda: rng.choice((*SIDES, rng.uniform(1, 200), rng.randint(1, 150)))
    return [rng.randint(0, 300), rng.uniform(0, 300), side(), side()]


def score(rng):
    return rng.choice((0.5, 0.25, 0.9, round(rng.random(), 2), rng.random(),
                       float("nan") if rng.random() < 0.1 else 0.0))


def annotation(rng, image, classes, ids):
    b = box(rng)
    area = rng.choice((1024, 9216, 1e10, b[2] * b[3], b[2] * b[3] * 0.6))
    return {"id": ids.pop(), "image_id": image, "category_id": rng.choice(classes), "bbox": b,
            "area": area, "iscrowd": int(rng.random() < 0.12)}


def near(rng, truth, classes):
    """A prediction on a truth: exact, shifted or far, sometimes of another class."""
    jitter = rng.choice((0, 0, 1, 8))
    cls = truth["category_id"] if rng.random() < 0.75 else rng.choice(classes)
    return {"image_id": truth["image_id"], "category_id": cls,
            "bbox": [x + rng.uniform(-jitter, jitter) for x in truth["bbox"]], "score": score(rng)}


def generate(number):
    """Ids unsorted and far apart, images and classes without truths or predictions, equal scores,
    equal boxes, crowds, more than 100 predictions of one class, every seventh set an id 0."""
    rng = random.Random(number)
    images = rng.sample(range(1, 10**6), rng.choice((1, 3, 12, 40)))
    classes = rng.sample(range(1, 95), rng.choice((1, 2, 7)))
    ids = rng.sample(range(1, 10**5), 3000) + ([0] if number % 7 == 0 else [])
    truths, found = [], []
    for image in images:
        if rng.random() < 0.2:
            continue
        for _ in range(rng.choice((0, 1, 5, 20))):
            truths.append(annotation(rng, image, classes, ids))
            found += [near(rng, truths[-1], classes) for _ in range(rng.choice((0, 1, 1, 3)))]
        if rng.random() < 0.1:
            found += [{"image_id": image, "category_id": classes[0], "bbox": box(rng),
                       "score": round(rng.random(), 1)} for _ in range(130)]
    rng.shuffle(truths)
    rng.shuffle(found)
    pictures = [{"id": i, "width": 500, "height": 500, "file_name": f"{i}.jpg"} for i in images]
    names = [{"id": k, "name": str(k)} for k in classes]
    return {"images": pictures, "annotations": truths, "categories": names}, found


def real_sets(folder):
    """Predictions that a program made on photographs, beside the truths of their datasets."""
    data = pathlib.Path(__file__).resolve().parents[1] / "data" / "eval"
    sets = []
    for name in ("air_bird", "coco_100"):
        one = folder / name
        one.mkdir()
        shutil.copy(data / f"{name}.json", one / "truths.json")
        shutil.copy(data / f"{name}_results.json", one / "results.json")
        sets.append(one)
    return sets


def own_set(folder, syolo, source):
    """What the bundled model finds on real pictures; the set and what `syolo eval` prints."""
    one = folder / "blood-cells"
    one.mkdir()
    data = str(source / "tests" / "data" / "blood-cells")
    run = lambda *words: subprocess.run([syolo, *words], check=True, capture_output=True).stdout
    printed = json.loads(run("eval", str(source / "models" / "blood-cells.safetensors"), "--data",
                             data, "--split", "test", "--json", "--save-json",
                             str(one / "results.json")))
    run("convert-data", data, "--to", "coco", "--pictures", "none", "--out", str(one / "coco"))
    shutil.move(one / "coco" / "annotations" / "instances_test.json", one / "truths.json")
    return one, [printed[name] for name in NUMBERS]


def judged(folder):
    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truths = COCO(str(folder / "truths.json"))
        judge = COCOeval(truths, truths.loadRes(str(folder / "results.json")), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    arrays = {"numbers": judge.stats, "precision": judge.eval["precision"][..., 2],
              "recall": judge.eval["recall"], "scores": judge.eval["scores"][..., 2]}
    return {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in arrays.items()}


def differences(folder):
    """Where the arrays differ in a bit; NaN equals NaN whatever its bits."""
    import numpy as np
    ours = np.fromfile(folder / "ours.bin", dtype=np.float64)
    expected = judged(folder)
    if ours.size != sum(array.size for array in expected.values()):
        return [f"{ours.size} numbers"]
    texts, at = [], 0
    for name, array in expected.items():
        mine = ours[at:at + array.size].reshape(array.shape)
        at += array.size
        same = (mine.view(np.int64) == array.view(np.int64)) | (np.isnan(mine) & np.isnan(array))
        same |= (mine == 0) & (array == 0)
        for place in np.argwhere(~same)[:2]:
            place = tuple(int(i) for i in place)
            texts.append(f"{name}{list(place)}: expected {array[place]!r}, found {mine[place]!r}")
    return texts


def main():
    program, venv, syolo, source = sys.argv[1:5]
    use_environment(venv)
    try:
        import pycocotools  # noqa: F401
    except ImportError:
        print("skipped: pycocotools is not installed; ./test.sh parity installs it when PyPI answers")
        return 1 if os.environ.get("SYOLO_JUDGE") == "required" else 77
    count = int(os.environ.get("SYOLO_JUDGE_SETS", "200"))
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        sets = []
        for number in range(count):
            truths, found = generate(number)
            if not found:  # pycocotools refuses an empty list
                continue
            folder = pathlib.Path(temporary) / str(number)
            folder.mkdir()
            (folder / "truths.json").write_text(json.dumps(truths))
            (folder / "results.json").write_text(json.dumps(found))
            sets.append(folder)
        sets += real_sets(pathlib.Path(temporary))
        own, printed = own_set(pathlib.Path(temporary), syolo, pathlib.Path(source))
        sets.append(own)
        first = None
        for threads in ("1", "8"):
            subprocess.run([program, temporary, threads], check=True)
            bytes_now = [(folder / "ours.bin").read_bytes() for folder in sets]
            if first is not None and bytes_now != first:
                print("1 thread and 8 threads differ")
                failed += 1
            first = bytes_now
        expected = [float(number) for number in judged(own)["numbers"]]
        if printed != expected:
            print(f"syolo eval prints {printed}, expected {expected}")
            failed += 1
        for folder in sets:
            texts = differences(folder)
            failed += bool(texts)
            for text in texts:
                print(f"set {folder.name}: {text}")
    print(f"{len(sets)} sets, {failed} differ")
    return 1 if failed or len(sets) < count // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
