"""How long a whole evaluation takes, files read and all: ours, pycocotools and faster-coco-eval on
one generated set of COCO val2017's size. Every evaluator runs in a process of its own, one after
the other, ours several times before and after, so that the spread is seen.

speed.py SYOLO [--images N] [--json FILE]"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

PEER = """
import sys
if sys.argv[1] == "pycocotools":
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
else:
    from faster_coco_eval import COCO, COCOeval_faster as COCOeval
truths = COCO(sys.argv[2])
judge = COCOeval(truths, truths.loadRes(sys.argv[3]), "bbox")
judge.evaluate()
judge.accumulate()
judge.summarize()
print("AP", repr(float(judge.stats[0])))
"""


def generate(folder, images):
    """7 truths and 40 boxes a picture, 80 classes; three in four truths are found, roughly."""
    rng = random.Random(1)
    classes = list(range(1, 81))
    truths, found = [], []
    for image in range(1, images + 1):
        for _ in range(7):
            side = [rng.uniform(8, 200), rng.uniform(8, 200)]
            box = [round(rng.uniform(0, 640 - side[0]), 2), round(rng.uniform(0, 480 - side[1]), 2),
                   *(round(s, 2) for s in side)]
            truth = {"id": len(truths) + 1, "image_id": image, "category_id": rng.choice(classes),
                     "bbox": box, "area": box[2] * box[3] * 0.6, "iscrowd": int(rng.random() < 0.01)}
            truths.append(truth)
            if rng.random() < 0.75:
                found.append({"image_id": image, "category_id": truth["category_id"],
                              "bbox": [round(v + rng.gauss(0, 3), 3) for v in box],
                              "score": round(rng.betavariate(3, 2), 5)})
    while len(found) < 40 * images:
        found.append({"image_id": rng.randint(1, images), "category_id": rng.choice(classes),
                      "bbox": [round(rng.uniform(0, 400), 3), round(rng.uniform(0, 300), 3),
                               round(rng.uniform(8, 200), 3), round(rng.uniform(8, 150), 3)],
                      "score": round(rng.betavariate(1, 6), 5)})
    rng.shuffle(found)
    pictures = [{"id": i, "width": 640, "height": 480, "file_name": f"{i:012}.jpg"}
                for i in range(1, images + 1)]
    names = [{"id": k, "name": f"class {k}"} for k in classes]
    files = folder / "truths.json", folder / "results.json"
    files[0].write_text(json.dumps({"images": pictures, "annotations": truths, "categories": names}))
    files[1].write_text(json.dumps(found))
    return files, (images, len(truths), len(found))


def timed(command):
    """Seconds on the clock, seconds of processors, and the AP printed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - begin
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    line = [line for line in run.stdout.splitlines() if line.startswith("AP ")][-1:]
    ap = float(line[0].split()[1]) if line else json.loads(run.stdout)["AP"]
    return wall, cpu, ap


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("syolo")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        (truths, found), size = generate(pathlib.Path(temporary), args.images)
        ours = [args.syolo, "eval", "--from", str(found), "--data", str(truths), "--json"]
        peer = lambda name: [sys.executable, "-c", PEER, name, str(truths), str(found)]
        runs = {"syolo": [timed(ours) for _ in range(3)]}
        runs["faster-coco-eval"] = [timed(peer("faster-coco-eval"))]
        runs["pycocotools"] = [timed(peer("pycocotools"))]
        runs["syolo"] += [timed(ours) for _ in range(3)]
    best = {name: min(rows) for name, rows in runs.items()}
    print(f"{size[0]} images, {size[1]} truths, {size[2]} detections; {os.cpu_count()} processors")
    for name, rows in runs.items():
        walls = sorted(row[0] for row in rows)
        ratio = best[name][0] / best["syolo"][0]
        print(f"{name:18} {walls[0]:8.2f} s (to {walls[-1]:.2f}), processors {best[name][1]:.2f} s, "
              f"{ratio:6.1f} x ours, AP {rows[0][2]!r}")
    same = best["syolo"][2] == best["pycocotools"][2]
    print("AP equals pycocotools to the last bit" if same else "AP DIFFERS from pycocotools")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(runs))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
