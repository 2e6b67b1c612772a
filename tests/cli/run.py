#!/usr/bin/env python3
"""Runs text scripts against the program: what a user types, what the user then sees.

A script holds cases. Each runs in a folder of its own that starts empty.

    == what holds                  begins a case
    $ shell line                   bash; lines of a case run as one script (pipefail is set)
    ? 2                            exit code expected (0 if not given)
    > text                         one line of stdout; all such lines together are the whole of it
    >~ regex      >! regex         stdout matches / does not match (multi-line)
    2~ regex      2! regex         stderr matches / does not match
    @ expression                   Python, true of: doc (stdout as strict JSON), out, err, files
                                   (names below the folder), read(name) (its bytes), load(name)
                                   (strict JSON of it), near(box, box, iou)

Variables of the shell: SYOLO (the program is also `syolo` on the path), SOURCE, MODELS, DATA,
PHOTOS, MODEL, DOG. A line starting with # is a comment.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_S = 60


class Case:
    def __init__(self, title, line):
        self.title, self.line = title, line
        self.shell, self.stdout, self.checks = [], [], []
        self.exit = 0


def parse(path):
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("== "):
            cases.append(Case(line[3:], number))
        elif not line.strip() or line.startswith("#"):
            continue
        elif line.startswith("$ "):
            cases[-1].shell.append(line[2:])
        elif line.startswith("? "):
            cases[-1].exit = int(line[2:])
        elif line == ">" or line.startswith("> "):
            cases[-1].stdout.append(line[2:])
        elif line[:3] in (">~ ", ">! ", "2~ ", "2! "):
            cases[-1].checks.append((line[:2], line[3:]))
        elif line.startswith("@ "):
            cases[-1].checks.append(("@", line[2:]))
        else:
            sys.exit(f"{path}:{number}: not a line of a script: {line}")
    return cases


def no_constant(word):
    raise ValueError(f"{word} is no JSON")


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key twice in {keys}")
    return dict(pairs)


def strict(data):
    return json.loads(data.decode("utf-8", "strict"), parse_constant=no_constant,
                      object_pairs_hook=no_duplicates)


def near(a, b, least=0.9):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return width * height / (area(a) + area(b) - width * height) >= least


def names_of(text, out, err, folder):
    """What an expression may use; the document is parsed only where it is named."""
    names = {"out": out.decode("utf-8", "replace"), "err": err.decode("utf-8", "replace"),
             "near": near, "json": json, "strict": strict,
             "read": lambda file: (folder / file).read_bytes(),
             "load": lambda file: strict((folder / file).read_bytes())}
    if "doc" in text:
        names["doc"] = strict(out)
    if "files" in text:
        names["files"] = sorted(os.fsencode(str(p.relative_to(folder))).decode("utf-8", "replace")
                                for p in folder.rglob("*") if not p.is_dir())
    return names


def wrong(case, env):
    """What differs from the expectations, or nothing."""
    with tempfile.TemporaryDirectory(prefix="syolo-cli-") as folder:
        work = Path(folder) / "work"
        work.mkdir()
        script = "set -o pipefail\n" + "\n".join(case.shell) + "\n"
        done = subprocess.Popen(["bash", "-c", script], cwd=work, env=env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True)
        try:
            raw_out, raw_err = done.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(done.pid, signal.SIGKILL)
            done.communicate()
            return [f"ran longer than {LIMIT_S} s"]
        found = []
        if done.returncode != case.exit:
            found.append(f"exit: expected {case.exit}, found {done.returncode}")
        out = raw_out.decode("utf-8", "replace")
        err = raw_err.decode("utf-8", "replace")
        if case.stdout and out != "\n".join(case.stdout) + "\n":
            found.append("stdout: expected\n" + "\n".join(case.stdout))
        for kind, text in case.checks:
            stream = out if kind[0] == ">" else err
            if kind == "@":
                try:
                    if not eval(text, names_of(text, raw_out, raw_err, work)):
                        found.append(f"false: {text}")
                except Exception as error:  # the expression's failure is the finding
                    found.append(f"{text}: {type(error).__name__}: {error}")
            elif (re.search(text, stream, re.MULTILINE) is None) == (kind[1] == "~"):
                word = "a match of" if kind[1] == "~" else "no match of"
                found.append(f"{'stdout' if kind[0] == '>' else 'stderr'}: expected {word} {text}")
        if found:
            found.append(f"--- stdout\n{out[:3000]}--- stderr\n{err[:3000]}")
        return found


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: run.py SYOLO SOURCE SCRIPT [TITLE-PART]")
    program, source = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    failures = ran = 0
    with tempfile.TemporaryDirectory(prefix="syolo-path-") as path_folder:
        (Path(path_folder) / "syolo").symlink_to(program)
        env = {"PATH": f"{path_folder}:{os.environ.get('PATH', '/usr/bin:/bin')}",
               "HOME": path_folder, "LC_ALL": "C.UTF-8", "SYOLO": str(program),
               "SOURCE": str(source), "MODELS": f"{source}/models",
               "DATA": f"{source}/tests/data", "PHOTOS": f"{source}/tests/data/images/photos",
               "MODEL": f"{source}/models/yolo-fastest-1.1-xl.cfg",
               "DOG": f"{source}/tests/data/images/photos/dog.jpg"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        for case in parse(Path(sys.argv[3])):
            if only not in case.title:
                continue
            ran += 1
            found = wrong(case, env)
            print(f"{'ok  ' if not found else 'FAIL'} {case.title}", flush=True)
            if found:
                failures += 1
                print(f"  {sys.argv[3]}:{case.line}")
                print("\n".join("  " + line for text in found for line in text.split("\n")))
    print(f"{ran} cases, {failures} failed")
    sys.exit(1 if failures or not ran else 0)


if __name__ == "__main__":
    main()
