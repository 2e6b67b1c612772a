#!/usr/bin/env python3
"""Documentation stays true: relative links, paths in backticks and `make` targets that it names
exist, every decision record has its four parts, docs/layers.md knows each layer type and key of
the reader, docs/commands.md each option of the program. Exit 1 when something is wrong."""

import argparse
import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:syolo|app|tests|tools|docs|cmake|cfg|models|demo|\.ci)/[\w./+-]*[\w/+-])`")
ADR_PARTS = ("## Situation", "## Decision", "## Consequences", "## Figure")


def documents(root):
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))
    for folder in ("models", "demo", "tests", "cfg"):
        yield from sorted((root / folder).rglob("README.md"))


def outside_code(text):
    """Fenced blocks blanked, lines kept."""
    return re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S | re.M)


def check_links(root, path, text):
    name = path.relative_to(root)
    make_targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.M))
    for number, line in enumerate(outside_code(text).split("\n"), 1):
        for target in LINK.findall(line):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{name}:{number}: link to a missing file: {target}"
        for target in PATH.findall(line):
            if "NAME" not in target and not (root / target).exists():
                yield f"{name}:{number}: names a missing path: {target}"
        if "`make " in line:
            for target in re.findall(r"`make ([a-z-]+)", line):
                if target not in make_targets:
                    yield f"{name}:{number}: the Makefile has no target {target}"


def check_records(root):
    folder = root / "docs" / "adr"
    numbers = {}
    for path in sorted(folder.glob("*.md")):
        name = path.relative_to(root)
        if path.name == "README.md":
            continue
        match = re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", path.name)
        if match is None:
            yield f"{name}: expected NNNN-title.md"
            continue
        if match.group(1) in numbers:
            yield f"{name}: the number is taken by {numbers[match.group(1)]}"
        numbers[match.group(1)] = path.name
        text = path.read_text(encoding="utf-8")
        for part in ADR_PARTS:
            if part not in text:
                yield f"{name}: expected a part \"{part}\""
        if text.count("\n") > 60:
            yield f"{name}: expected one page (60 lines), found {text.count(chr(10))}"


def check_layers_page(root):
    page = root / "docs" / "layers.md"
    layers = root / "syolo" / "graph" / "layers"
    if not page.exists() or not layers.exists():
        return
    text = page.read_text(encoding="utf-8")
    for path in [*sorted(layers.glob("*.cpp")), root / "syolo" / "graph" / "cfg.cpp"]:
        if not path.exists():
            continue
        code = path.read_text(encoding="utf-8")
        name = path.relative_to(root)
        for section in re.findall(r'return \{\s*"([A-Za-z_0-9]+)"', code):
            if f"[{section}]" not in text:
                yield f"docs/layers.md: has nothing on [{section}] ({name})"
        keys = set(re.findall(r'in\.(?:text|integer|real|flag|integers|reals|activation|choice|layer_ref'
                              r'|layer_refs|unsupported_unless)\(\s*"([a-z_A-Z0-9]+)"', code))
        for listed in re.findall(r"kTraining\s*=\s*\{(.*?)\};", code, re.S):
            keys.update(re.findall(r'"([^"]+)"', listed))
        for key in sorted(keys):
            if f"`{key}`" not in text:
                yield f"docs/layers.md: has nothing on the key {key} ({name})"


def check_commands_page(root):
    page = root / "docs" / "commands.md"
    if not page.exists():
        return
    text = page.read_text(encoding="utf-8")
    for path in sorted((root / "app" / "cli").glob("*.cpp")):
        code = path.read_text(encoding="utf-8")
        options = set(re.findall(r'add_[a-z_<>:]+\((?:cli, )?"(?:[a-z]+,)?--([a-z-]+)"', code))
        for option in sorted(options):
            if not re.search(rf"--{option}\b(?!-)", text):
                yield f"docs/commands.md: has nothing on --{option} ({path.relative_to(root)})"


def check(root):
    found, count = [], 0
    for path in documents(root):
        count += 1
        found += check_links(root, path, path.read_text(encoding="utf-8"))
    found += check_records(root)
    found += check_layers_page(root)
    found += check_commands_page(root)
    return found, count


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", nargs="?", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parent.parent)
    found, count = check(arguments.parse_args().root)
    print("\n".join(found))
    print(f"docs: {count} pages, {len(found)} faults")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
