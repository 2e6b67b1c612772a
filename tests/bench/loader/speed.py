"""Images per second of the mosaic recipe: our loader and a PyTorch pipeline of the same recipe (2
threads, 2 workers), in turn, on the same pictures; and how many times what training consumes.

speed.py LOADER_SPEED [--side S] [--consumed R]"""

import argparse
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import pipeline

ROOT = pathlib.Path(__file__).resolve().parents[3]
BATCH = 16
CACHE = 1024  # MiB of decoded pictures, as training keeps them


def ours(program, folder, side, batches, cache):
    """Images/s, and milliseconds of processors for an image."""
    run = subprocess.run([program, str(folder), str(side), str(BATCH), str(batches), "2", str(cache)],
                         capture_output=True, text=True, check=True)
    return tuple(map(float, re.match(r"([\d.]+) images/s, ([\d.]+) ms", run.stdout).groups()))


def processor_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def theirs(folder, side, batches):
    import torch

    def collate(samples):
        pictures = torch.stack([torch.from_numpy(picture) for picture, _ in samples])
        rows = []
        for i, (_, own) in enumerate(samples):
            own = torch.from_numpy(own)
            rows.append(torch.cat([torch.full((len(own), 1), float(i)), own], 1))
        return pictures, torch.cat(rows)

    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(pipeline.Mosaics(folder, side), batch_size=BATCH,
                                         shuffle=True, num_workers=2, collate_fn=collate,
                                         persistent_workers=True)
    before = set(multiprocessing.active_children())
    images, begin, used, pids = 0, None, 0, []
    while True:
        for pictures, _ in loader:
            if begin is None:  # workers and files are warm
                workers = set(multiprocessing.active_children()) - before
                pids = [os.getpid()] + [worker.pid for worker in workers]
                begin, used = time.perf_counter(), processor_seconds(pids)
                continue
            images += len(pictures)
            if images >= batches * BATCH:
                seconds = time.perf_counter() - begin
                return images / seconds, 1000 * (processor_seconds(pids) - used) / images


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--consumed", type=float, default=10,
                        help="images/s of yolov4-tiny's training at 416 (its results.csv)")
    parser.add_argument("--batches", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        pipeline.make_pictures(ROOT / "tests/data/images/photos", folder, 320)
        run = lambda side, cache: ours(args.program, folder, side, args.batches, cache)
        runs = {"ours": [], "ours, decoded anew": [], "PyTorch pipeline": []}
        small = []
        for _ in range(3):
            runs["ours"].append(run(args.side, CACHE))
            runs["ours, decoded anew"].append(run(args.side, 0))
            runs["PyTorch pipeline"].append(theirs(folder, args.side, args.batches))
            small.append(run(416, CACHE))
    print(f"mosaic recipe at {args.side}, pictures of 640x480, batches of {BATCH}, 2 threads:")
    for name, rows in runs.items():
        rates = sorted(row[0] for row in rows)
        print(f"  {name:20} {rates[-1]:7.1f} images/s (from {rates[0]:.1f}), "
              f"{min(row[1] for row in rows):5.1f} ms of processors each")
    best = {name: (max(row[0] for row in rows), min(row[1] for row in rows))
            for name, rows in runs.items()}
    ratio = best["ours"][0] / best["PyTorch pipeline"][0]
    work = best["PyTorch pipeline"][1] / best["ours"][1]
    print(f"  {ratio:.2f} times the PyTorch pipeline, of processors {work:.2f} times (wanted: 2)")
    rate, cost = max(row[0] for row in small), min(row[1] for row in small)
    enough = 2000 / cost / args.consumed  # two processors of their own
    print(f"at 416: {rate:.1f} images/s here; {cost:.1f} ms of processors each, so that two make "
          f"{enough:.1f} times the {args.consumed:g} that training yolov4-tiny consumes (wanted: 4)")
    return 0 if min(ratio, work) >= 2 and enough >= 4 else 1


if __name__ == "__main__":
    sys.exit(main())
