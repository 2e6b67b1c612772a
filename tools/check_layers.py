#!/usr/bin/env python3
"""Who may include whom: reads the #include lines of the sources against the table of
docs/architecture.md ("Who may know whom"). Prints each violation; exit 1 when there is one."""

import argparse
import pathlib
import re
import sys

# part: parts it may include, itself aside. One-way and transitive.
PARTS = {
    "base": [],
    "graph": ["base"],
    "zoo": ["graph"],
    "weights": ["graph"],
    "image": ["graph"],
    "boxes": ["graph"],
    "data": ["image", "boxes"],
    "eval": ["boxes", "data"],
    "runtime": ["weights", "image", "boxes"],
    "train": ["weights", "data", "eval"],
    "export": ["weights"],
}

# library: (pattern of its headers, places that may include it). A place is a pattern over the
# path. Public headers never include third parties, whatever the pattern.
THIRD_PARTIES = {
    "fmt": (r"fmt/", [r"syolo/base/[^/]*\.cpp"]),
    "nlohmann-json": (r"nlohmann/", [r"syolo/weights/.*\.cpp", r"syolo/(data|eval)/.*\.cpp",
                                      r"app/.*", r"tests/.*"]),
    "libjpeg-turbo": (r"(jpeglib|jerror|turbojpeg)\.h", [r"syolo/image/.*\.cpp"]),
    "libpng": (r"png\.h|libpng", [r"syolo/image/.*\.cpp"]),
    "libwebp": (r"webp/", [r"syolo/image/.*\.cpp"]),
    "OpenCV": (r"opencv2?/", [r".*_opencv\.cpp"]),
    "oneDNN": (r"(oneapi/)?dnnl", [r"syolo/(runtime|train)/(.*/)?onednn_[^/]*", r"tests/bench/convolution_sum\.cpp"]),
    "Highway": (r"hwy/", [r"syolo/runtime/.*", r"syolo/train/kernels/.*\.cpp"]),
    "OpenMP": (r"omp\.h", [r"syolo/runtime/.*", r"syolo/train/.*\.cpp", r"tests/.*"]),
    "LibTorch": (r"(torch|ATen|c10)/", [r"syolo/train/torch_impl\.h", r"syolo/train/group\.cpp"]),
    "yaml-cpp": (r"yaml-cpp/", [r"syolo/data/.*\.cpp"]),
    "pugixml": (r"pugixml", [r"syolo/data/.*\.cpp"]),
    "protozero": (r"protozero/", [r"syolo/export/.*\.cpp"]),
    "CLI11": (r"CLI/", [r"app/.*"]),
    "Boost": (r"boost/", [r"app/.*"]),
    "GoogleTest": (r"(gtest|gmock)/", [r"tests/.*"]),
    "Google Benchmark": (r"benchmark/benchmark\.h", [r"tests/.*"]),
}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
SYSTEM = re.compile(r"[a-z_0-9]+$|(dirent|dlfcn|fcntl|fnmatch|glob|link|malloc|poll|pthread|sched|signal|stdint|stdio"
                    r"|stdlib|string|termios|time|unistd)\.h$|(arpa|sys)/[a-z_]+\.h$")
SUFFIXES = {".h", ".cpp"}
GENERATED = {"fuzz_targets.h"}  # written by cmake into the build folder


def reachable(part):
    seen, todo = set(), [part]
    while todo:
        for other in PARTS[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def check_include(path, quote, header):
    """The reason why the file at `path` may not include `header`, or None."""
    for name, (pattern, places) in THIRD_PARTIES.items():
        if re.match(pattern, header):
            public = path.startswith("syolo/") and path.endswith(".h") and not path.endswith("_impl.h")
            if any(re.fullmatch(place, path) for place in places) and not public:
                return None
            return f"{name} is private to {' '.join(places)}"
    if header in GENERATED and path.startswith("tests/"):
        return None
    own = re.match(r"syolo/([a-z_]+)/", header)
    if own is None:
        if header.startswith(("app/", "tests/")) and quote == '"':
            top = header.split("/")[0]
            return None if path.startswith(top + "/") else f"only {top}/ may include {header}"
        if quote == "<" and SYSTEM.match(header):
            return None
        if quote == "<":
            return (f"unknown header <{header}>: a new third party needs a row in tools/check_layers.py "
                    "and a decision record")
        return f'expected a path from the root ("syolo/..."), found "{header}"'
    if quote == "<":
        return f'expected "{header}" in quotes'
    to = own.group(1)
    if to not in PARTS:
        return f"unknown part syolo/{to}"
    place = re.match(r"syolo/([a-z_]+)/", path)
    if place is None:  # app and tests may know every part, but only tests its private headers
        if header.endswith("_impl.h") and path.startswith("app/"):
            return f"{header} is private to syolo/{to}"
        return None
    here = place.group(1)
    if here not in PARTS:
        return f"unknown part syolo/{here}"
    if here != to and to not in reachable(here):
        return f"{here} may not know {to} (it may know: {' '.join(sorted(reachable(here))) or 'nothing'})"
    if header.endswith("_impl.h"):
        if here != to:
            return f"{header} is private to syolo/{to}"
        if path.endswith(".h") and not path.endswith("_impl.h"):
            return f"the public header includes the private {header}"
    return None


def sources(root):
    for top in ("syolo", "app", "tests"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path


def check(root):
    found, count = [], 0
    for path in sources(root):
        count += 1
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            reason = check_include(name, match.group(1), match.group(2))
            if reason:
                found.append(f"{name}:{number}: {line.strip()}\n  {reason}")
    return found, count


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", nargs="?", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parent.parent)
    root = arguments.parse_args().root
    found, count = check(root)
    print("\n".join(found))
    if count == 0:
        print(f"{root}: expected sources below syolo/, app/ or tests/, found none")
        return 2
    print(f"layers: {count} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
