#!/usr/bin/env python3
"""Kills a training run at random moments and resumes it until it is done, then compares it with one
that nobody disturbed: the same model, the same rows of results.csv but for the clock.

    kill_often.py OUT KILLS SEED -- OPTIONS OF TRAIN

Prints the kills and "same bytes"; a state that is damaged, a resume that fails or another byte ends
with exit 1. SYOLO_KILLS in the environment overrides KILLS.
"""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def rows(folder):
    with open(folder / "results.csv") as file:
        return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")}
                for row in csv.DictReader(file)]


def main():
    out, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    kills = int(os.environ.get("SYOLO_KILLS", kills))
    options = sys.argv[5:]
    rng = random.Random(seed)
    straight, killed = out / "straight", out / "killed"
    start = time.monotonic()
    subprocess.run(["syolo", "train", *options, "--out", straight, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    whole = time.monotonic() - start
    print(f"seed {seed}: one run takes {whole:.2f} s")

    moments = []
    while True:
        begun = any((killed / "state").glob("*.state"))  # else it starts again, in the same folder
        command = ["syolo", "train", *(["--resume", killed] if begun
                                       else [*options, "--out", killed]), "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if len(moments) < kills:
            moment = rng.uniform(0, 1.2 * whole)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                moments.append(moment)
                continue
        if process.wait() != 0:
            print(f"exit {process.returncode} after kills at {moments}")
            return 1
        if not same(straight, killed, moments):
            return 1
        if len(moments) >= kills:
            break
        shutil.rmtree(killed)  # it was done before its moment came: once more from the start
    print(f"{len(moments)} kills, same bytes")
    return 0


def same(straight, killed, moments):
    for name in ("last", "best"):
        file = f"weights/{name}.safetensors"
        if (straight / file).read_bytes() != (killed / file).read_bytes():
            print(f"{file} differs after kills at {moments}")
            return False
    if rows(straight) != rows(killed):
        print(f"results.csv differs after kills at {moments}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
