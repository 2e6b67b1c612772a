#!/usr/bin/env python3
"""The papers' ablation, small but real: one network on one dataset by Darknet's recipe, every
freebie alone on top of the base and then all together one after the other, each with several seeds.

    ablation.py SYOLO CFG DATASET OUT [--seeds N] [--jobs N] [--minutes M] [-- OPTIONS OF TRAIN]

CFG is the base: leaky, squared errors, one anchor a truth. Runs that OUT holds are not repeated.
Writes OUT/ablation.csv (a row for each run) and prints the table of docs/ablation.md. AP50 is that
of the best epoch's model on the test split; the epoch is chosen on val.
"""

import argparse
import csv
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

# What a row changes in the cfg: keys of [net], of every [yolo], and of all convolutions.
NET, YOLO, CONV = "net", "yolo", "convolutional"
FREEBIES = {
    "mosaic": {NET: {"mosaic": "1"}},
    "CIoU": {YOLO: {"iou_loss": "ciou", "iou_normalizer": "0.07"}},
    "Mish": {CONV: {"activation": "mish"}},
    "EMA": {NET: {"ema_alpha": "0.99"}},
    "label smoothing": {YOLO: {"label_smooth_eps": "0.1"}},
    "multiple anchors": {YOLO: {"iou_thresh": "0.213"}},
}


def variants():
    """Name and freebies of each row: the base, each alone, all together."""
    alone = [("+ " + name, [name]) for name in FREEBIES]
    return [("base", [])] + alone + [("all", list(FREEBIES))]


def with_keys(cfg, changes):
    """The cfg with these keys in every section of a name; the linear layers before heads stay."""
    sections = re.split(r"(?m)^(?=\[)", cfg)
    for i, text in enumerate(sections):
        name = re.match(r"\[(\w+)\]", text)
        for key, value in changes.get(name and name.group(1), {}).items():
            if key == "activation" and not re.search(r"(?m)^activation=leaky$", text):
                continue
            text = re.sub(rf"(?m)^{key}=.*\n", "", text)
            head, rest = text.split("\n", 1)
            text = f"{head}\n{key}={value}\n{rest}"
        sections[i] = text
    return "".join(sections)


def run(args, row, freebies, seed):
    """One training and what its best model finds on the test split."""
    name = re.sub(r"\W+", "-", row).strip("-")
    folder = args.out / f"{name}-{seed}"
    result = folder / "test.json"
    if not result.exists():
        changes = {}
        for freebie in freebies:
            for section, keys in FREEBIES[freebie].items():
                changes.setdefault(section, {}).update(keys)
        cfg = args.out / f"{name}.cfg"
        cfg.write_text(with_keys(args.cfg.read_text(), changes))
        command = [args.syolo, "train", cfg, "--recipe", "darknet", "--data", args.data, "--out",
                   folder, "--seed", str(seed), "--quiet", *args.train]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        report = subprocess.run(
            [args.syolo, "eval", folder / "weights/best.safetensors", "--data", args.data,
             "--split", "test", "--json", "--quiet"], check=True, capture_output=True).stdout
        result.write_bytes(report)
    numbers = json.loads(result.read_text())
    with open(folder / "results.csv") as file:
        history = [r for r in csv.DictReader(file) if float(r["AP"]) >= 0]
    best = max(history, key=lambda r: float(r["AP"]))
    return {"row": row, "seed": seed, "epoch": int(best["epoch"]) + 1,
            "val_AP50": float(best["AP50"]), "val_AP": float(best["AP"]),
            "test_AP50": numbers["AP50"], "test_AP": numbers["AP"]}


def work(args, jobs, rows, lock):
    while True:
        with lock:
            if not jobs or time.monotonic() > args.end:
                return
            job = jobs.pop(0)
        try:
            found = run(args, *job)
        except subprocess.CalledProcessError as failure:
            print(f"{job[0]}, seed {job[2]}: failed: {failure}", flush=True)
            continue
        with lock:
            rows.append(found)
            write(args.out / "ablation.csv", rows)
            print(f"{found['row']}, seed {found['seed']}: val {found['val_AP50']:.3f}, "
                  f"test {found['test_AP50']:.3f}", flush=True)


def write(file, rows):
    order = [name for name, _ in variants()]
    rows.sort(key=lambda r: (order.index(r["row"]), r["seed"]))
    with open(file, "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def spread(values):
    return f"{statistics.mean(values):.3f} \u00b1 {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


def table(rows):
    lines = ["| row | seeds | AP50, val | AP50, test | AP, test | test AP50 to base |",
             "|---|---|---|---|---|---|"]
    of_base = [r["test_AP50"] for r in rows if r["row"] == "base"]
    for name, _ in variants():
        own = [r for r in rows if r["row"] == name]
        if not own:
            continue
        change = statistics.mean(r["test_AP50"] for r in own) - statistics.mean(of_base or [0])
        lines.append(f"| {name} | {len(own)} | {spread([r['val_AP50'] for r in own])} | "
                     f"{spread([r['test_AP50'] for r in own])} | "
                     f"{spread([r['test_AP'] for r in own])} | {change:+.3f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("syolo")
    parser.add_argument("cfg", type=Path)
    parser.add_argument("data")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--minutes", type=float, default=1e9, help="no run begins later")
    words = sys.argv[1:] + ["--"]
    args = parser.parse_args(words[:words.index("--")])
    args.train = words[words.index("--") + 1:-1]
    args.end = time.monotonic() + 60 * args.minutes
    args.out.mkdir(parents=True, exist_ok=True)
    jobs = [(row, freebies, seed) for seed in range(args.seeds) for row, freebies in variants()]
    rows, lock = [], threading.Lock()
    workers = [threading.Thread(target=work, args=(args, jobs, rows, lock))
               for _ in range(args.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if rows:
        print(table(rows))


if __name__ == "__main__":
    main()
