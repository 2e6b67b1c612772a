#!/usr/bin/env python3
"""Line and branch coverage of syolo/ and app/ after tests ran in a build with --coverage:
coverage.py BUILD. Needs only gcov. Prints one line per file and the totals."""

import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def gcov(notes):
    """gcov's JSON documents of some .gcda files."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", *map(str, notes)], cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        for path in pathlib.Path(folder).glob("*.gcov.json.gz"):
            yield json.loads(gzip.decompress(path.read_bytes()))


def collect(build):
    """{file: ({line: times}, {(line, branch): times})} over all objects; a line counts once."""
    found = collections.defaultdict(lambda: (collections.Counter(), collections.Counter()))
    for note in sorted(build.rglob("*.gcda")):
        for document in gcov([note.resolve()]):
            folder = pathlib.Path(document["current_working_directory"])
            for entry in document["files"]:
                path = (folder / entry["file"]).resolve()
                if not path.is_relative_to(ROOT):
                    continue
                name = path.relative_to(ROOT).as_posix()
                if not name.startswith(("syolo/", "app/")):
                    continue
                lines, branches = found[name]
                for line in entry["lines"]:
                    lines[line["line_number"]] += line["count"]
                    for number, branch in enumerate(line["branches"]):
                        if not branch["throw"]:
                            branches[line["line_number"], number] += branch["count"]
    return found


def share(counts):
    return sum(1 for times in counts.values() if times), len(counts)


def percent(part, whole):
    return f"{100 * part / whole:6.1f} %" if whole else "      -  "


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        print("coverage.py: expected one build folder", file=sys.stderr)
        return 2
    found = collect(pathlib.Path(sys.argv[1]))
    if not found:
        print(f"coverage.py: {sys.argv[1]} holds no .gcda files: run the tests of a coverage build first",
              file=sys.stderr)
        return 1
    totals = [0, 0, 0, 0]
    print(f"{'file':56} {'lines':>9} {'branches':>9}")
    for name in sorted(found):
        row = [*share(found[name][0]), *share(found[name][1])]
        totals = [a + b for a, b in zip(totals, row)]
        print(f"{name:56} {percent(*row[:2]):>9} {percent(*row[2:]):>9}")
    print(f"{'all':56} {percent(*totals[:2]):>9} {percent(*totals[2:]):>9}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
