"""Images per second of training: syolo beside plain PyTorch on the same network, batch, input and
threads, in turns.

speed.py SYOLO [--model M] [--width W] [--depth D] [--input S] [--batch B] [--rounds N]

syolo's are whole steps of a run: pictures read, moved and mixed, the family's loss, the step, the
averaged weights (results.csv, a round's last epoch). PyTorch's are torch_step.py's."""

import argparse
import csv
import pathlib
import random
import statistics
import subprocess
import tempfile

import torch

import torch_step


def make_pictures(folder, count, side, classes):
    rng = random.Random(1)
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i in range(count):
        row = bytes(rng.randrange(256) for _ in range(3 * side))
        pixels = b"".join(row[3 * y:] + row[:3 * y] for y in range(side))
        (folder / "images" / f"{i}.ppm").write_bytes(b"P6\n%d %d\n255\n" % (side, side) + pixels)
        boxes = [(rng.randrange(classes), rng.uniform(.3, .7), rng.uniform(.3, .7),
                  rng.uniform(.05, .5), rng.uniform(.05, .5)) for _ in range(7)]
        (folder / "labels" / f"{i}.txt").write_text(
            "".join(" ".join(map(str, box)) + "\n" for box in boxes))
    names = ", ".join(f"c{i}" for i in range(classes))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images\nval: images\nnames: [{names}]\n")


def ours(args, folder, run, precision):
    out = folder / f"run{run}"
    subprocess.run([args.syolo, "train", str(folder / "net.cfg"), "--data", str(folder / "data.yaml"),
                    "--epochs", "3", "--eval-every", "3", "--batch", str(args.batch), "--threads",
                    str(args.threads), "--precision", precision, "--autoanchor", "off", "--out",
                    str(out), "--quiet"], check=True)
    rows = list(csv.DictReader(open(out / "results.csv", encoding="utf-8")))
    return float(rows[1]["images_per_second"])  # the first epoch warms up, the last one measures AP


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("syolo")
    parser.add_argument("--model", default="yolov4-csp")
    parser.add_argument("--width", default="1")
    parser.add_argument("--depth", default="1")
    parser.add_argument("--input", type=int, default=416)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=2, help="of an epoch")
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    precision = "bf16" if args.bf16 else "f32"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run([args.syolo, "scale", args.model, "--width", args.width, "--depth", args.depth,
                        "--input", str(args.input), "--out", str(folder / "net.cfg"), "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        make_pictures(folder, args.batch * args.batches, args.input, 80)
        rates = {"syolo": [], "PyTorch": [], "PyTorch, channels last": []}
        for round_ in range(args.rounds):
            rates["syolo"].append(ours(args, folder, round_, precision))
            for name, last in (("PyTorch", False), ("PyTorch, channels last", True)):
                seconds = torch_step.seconds_of_step(folder / "net.cfg", args.input, args.batch,
                                                     args.threads, args.batches, last, args.bf16)
                rates[name].append(args.batch / seconds)
        for name, values in rates.items():
            print(f"{name:<24}{statistics.median(values):8.3f} images/s   "
                  f"{min(values):.3f} to {max(values):.3f}")
        best = max(statistics.median(rates[n]) for n in rates if n != "syolo")
        print(f"ratio to the faster PyTorch {torch.__version__}: "
              f"{statistics.median(rates['syolo']) / best:.2f}")


if __name__ == "__main__":
    main()
