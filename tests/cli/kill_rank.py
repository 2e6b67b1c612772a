"""kill_rank.py SIGNAL COUNT OUT -- TRAIN-ARGUMENTS: a training of two ranks, one of which gets SIGNAL
COUNT times; its end. Prints the launcher's exit code and whether a rank outlived it."""
import os
import random
import signal
import subprocess
import sys
import time


def children(parent):
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        return [int(pid) for pid in file.read().split()]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.02)


what, count, out = getattr(signal, sys.argv[1]), int(sys.argv[2]), sys.argv[3]
launcher = subprocess.Popen(["syolo", "train", *sys.argv[5:], "--ranks", "2", "--out", out])
pids = set()
for number in range(count):
    wait_for(lambda: launcher.poll() is not None
             or os.path.isdir(f"{out}/state") and len(set(children(launcher.pid)) - pids) == 2)
    if launcher.poll() is not None:
        sys.exit(f"ended before kill {number + 1}")
    new = sorted(set(children(launcher.pid)) - pids)
    pids.update(new)
    rows = os.path.getsize(f"{out}/results.csv") if os.path.exists(f"{out}/results.csv") else 0
    wait_for(lambda: launcher.poll() is not None or os.path.exists(f"{out}/results.csv")
             and os.path.getsize(f"{out}/results.csv") > rows)
    if launcher.poll() is None:
        os.kill(new[random.randrange(2)], what)
code = launcher.wait()
time.sleep(0.1)
left = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
print(f"ended {code}, {len(left)} left")
