"""A run's events are what TensorBoard reads: the numbers of results.csv by tag and step, also after
a run was stopped and resumed.

tensorboard_test.py SYOLO VENV SOURCE. Without TensorBoard or training the test is skipped (exit
77); with SYOLO_JUDGE=required a missing TensorBoard is a failure."""

import csv
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from coco_ap_test import use_environment

TAGS = {"box": "train/box_loss", "obj": "train/obj_loss", "AP": "val/AP", "recall": "val/recall",
        "lr": "train/lr"}


def can_train(syolo):
    doctor = subprocess.run([syolo, "doctor"], capture_output=True, text=True, check=True).stdout
    return any(line.split()[:2] == ["training", "yes:"] for line in doctor.splitlines())


def rows_of(run):
    with open(run / "results.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(run, accumulator):
    events = accumulator.EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    rows = rows_of(run)
    for column, tag in TAGS.items():
        expected = {int(row["epoch"]): float(row[column]) for row in rows if float(row[column]) >= 0}
        found = {event.step: event.value for event in events.Scalars(tag)}
        assert expected.keys() == found.keys(), f"{tag}: expected {expected}, found {found}"
        for step, value in expected.items():
            assert abs(found[step] - value) <= 1e-6 * abs(value) + 1e-12, (
                f"{tag}, step {step}: expected {value}, found {found[step]}")
    return len(rows)


def main():
    syolo, venv, source = sys.argv[1:4]
    use_environment(venv)
    if not can_train(syolo):
        print("a build without training: skipped")
        return 77
    try:
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        from tensorboard.backend.event_processing import event_accumulator
    except ImportError:
        print("no TensorBoard")
        return 1 if os.environ.get("SYOLO_JUDGE") == "required" else 77
    with tempfile.TemporaryDirectory() as folder:
        squares = pathlib.Path(source) / "tests" / "cli" / "make_squares.py"
        subprocess.run([sys.executable, "-B", str(squares), "8"], cwd=folder, check=True)
        train = [syolo, "train", "--quiet"]
        subprocess.run([*train, "squares/net.cfg", "--data", "squares/squares.yaml", "--epochs",
                        "3", "--batch", "4", "--out", "run"], cwd=folder, check=True)
        run = pathlib.Path(folder) / "run"
        assert compare(run, event_accumulator) == 3
        # A resumed run writes its earlier epochs anew.
        (next(run.glob("events*"))).write_bytes(b"cut off")
        subprocess.run([*train, "--resume", "run"], cwd=folder, check=True)
        assert compare(run, event_accumulator) == 3
    print("TensorBoard reads 3 epochs of 5 curves as results.csv has them, resumed, too")
    return 0


if __name__ == "__main__":
    sys.exit(main())
