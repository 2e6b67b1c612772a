#!/usr/bin/env python3
"""Rules of the house that a machine can hold: sources are ASCII, headers have at most 150 lines,
files 600, functions 60; no file names a place of one machine; public headers start with
`#pragma once` behind a short comment; no two files define one type of a namespace, for the linker
would take either for both. Prints each violation; exit 1 when there is one."""

import argparse
import pathlib
import re
import subprocess
import sys

HEADER_LINES, FILE_LINES, FUNCTION_LINES = 150, 600, 60
LONGER = {  # file: (lines, why)
    "syolo/graph/activation.h": (250, "one table of formulas, a struct for each activation"),
}
SOURCES = {".h", ".cpp"}
SCRIPTS = {".py", ".sh", ".cmake"}
# Absolute paths below a home, a temporary or a work folder: they mean one machine.
MACHINE_PATH = re.compile(r"(?<![\w.$}/<-])/(?:home|Users|root|tmp|work|mnt|srv|media)/[\w.-]+")
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
TEXT = SOURCES | SCRIPTS | {".md", ".txt", ".json", ".yml", ".yaml", ".cfg", ""}


def tracked(root):
    """Files that git knows or would add; every file where `root` is no checkout."""
    run = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"], capture_output=True, check=False)
    if run.returncode == 0:
        names = [name for name in run.stdout.decode().split("\0") if name]
    else:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    return [name for name in sorted(names) if (root / name).is_file()]


def blanked(text):
    """The C++ text with comments, strings and characters replaced by spaces, lines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def long_functions(text):
    """(first line, lines) of each function body longer than the limit. A body is the outermost
    brace whose head holds a parameter list and is no namespace, class or initialiser."""
    code = blanked(text)
    lines = code.split("\n")
    code = "\n".join("" if line.lstrip().startswith("#") else line for line in lines)
    stack, head_start, line = [], 0, 1
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char in ";":
            head_start = at + 1
        elif char == "{":
            head = code[head_start:at]
            inside = any(kind == "function" for kind, _ in stack)
            is_function = (not inside and "(" in head and not NOT_A_FUNCTION.search(head.split("(")[0])
                           and not re.search(r"=\s*$", head.split("(")[0]))
            stack.append(("function" if is_function else "other", line))
            head_start = at + 1
        elif char == "}":
            if stack:
                kind, first = stack.pop()
                if kind == "function" and line - first + 1 > FUNCTION_LINES:
                    yield first, line - first + 1
            head_start = at + 1


TYPE = re.compile(r"(?:struct|class|enum class|enum) (\w+)(?: final)?(?: ?:[^:].*)? ?\{")


def types(text):
    """(qualified name, line) of each type defined at namespace level, unnamed namespaces aside.
    Formatted sources: such definitions start in the first column."""
    spaces = []
    for number, line in enumerate(text.split("\n"), 1):
        if space := re.match(r"namespace ?([\w:]*) ?\{", line):
            spaces.append(space.group(1))
        elif line.startswith("}  // namespace") and spaces:
            spaces.pop()
        elif "" not in spaces and (type_ := TYPE.match(line)):
            yield "::".join([*spaces, type_.group(1)]), number


def check_types(root, names):
    first = {}
    for name in names:
        if pathlib.PurePosixPath(name).suffix not in SOURCES or not name.startswith(("syolo/", "app/")):
            continue
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        for type_, number in types(text):
            if first.setdefault(type_, name) != name:
                yield f"{name}:{number}: {type_} is also defined in {first[type_]}"


def check_source(name, text):
    lines = text.count("\n")
    limit = HEADER_LINES if name.endswith(".h") and name.startswith("syolo/") else FILE_LINES
    limit = LONGER.get(name, (limit,))[0]
    if lines > limit:
        yield f"{name}: expected at most {limit} lines, found {lines}"
    if name.endswith(".h"):
        if "#pragma once" not in text:
            yield f"{name}: expected #pragma once"
        if not text.startswith("//"):
            yield f"{name}:1: expected a comment that says what this header is"
    for number, length in long_functions(text):
        yield f"{name}:{number}: expected at most {FUNCTION_LINES} lines of a function, found {length}"


def check_file(name, data):
    path = pathlib.PurePosixPath(name)
    if path.suffix not in TEXT or b"\0" in data[:4096] or name.startswith("tests/data/"):
        return
    text = data.decode("utf-8", errors="replace")
    is_code = path.suffix in SOURCES | SCRIPTS or path.name in ("CMakeLists.txt", "Makefile", "run")
    for number, line in enumerate(text.split("\n"), 1):
        if is_code and not line.isascii():
            bad = next(c for c in line if not c.isascii())
            yield f"{name}:{number}: expected ASCII, found U+{ord(bad):04X}"
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path of one machine: {MACHINE_PATH.search(line).group(0)}"
        if is_code and name != "tools/check_sources.py" and TODO.search(line):
            yield f"{name}:{number}: a note to do later: file an issue instead"
    if path.suffix in SOURCES:
        yield from check_source(name, text)


def check(root):
    found, names = [], tracked(root)
    for name in names:
        found += check_file(name, (root / name).read_bytes())
    found += check_types(root, names)
    return found, len(names)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", nargs="?", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parent.parent)
    root = arguments.parse_args().root
    found, count = check(root)
    print("\n".join(found))
    if count == 0:
        print(f"{root}: found no files")
        return 2
    print(f"sources: {count} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
