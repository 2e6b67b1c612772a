#!/usr/bin/env bash
# clang-tidy over every compiled source of a build folder (default build/dev), in parallel.
# A file that passed is not checked again until it, a header of ours or the rules change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/dev}
only=${2:-}  # a part of the path, e.g. syolo/base/
[ -f "$build/compile_commands.json" ] ||
  { echo "check_tidy.sh: expected $build/compile_commands.json; run ./test.sh first" >&2; exit 2; }

passed="$build/tidy"
mkdir -p "$passed"

# Lists the sources. Writes the commands without precompiled headers, which are the compiler's own.
mapfile -t files < <(python3 - "$build/compile_commands.json" "$PWD" "$passed" <<'PY'
import json, os, re, sys
commands = json.load(open(sys.argv[1]))
for command in commands:
    command["command"] = re.sub(r" -Winvalid-pch| -include \S*cmake_pch\.hxx", "", command["command"])
json.dump(commands, open(os.path.join(sys.argv[3], "compile_commands.json"), "w"))
seen = {os.path.relpath(os.path.join(e["directory"], e["file"]), sys.argv[2])
        for e in commands}


def headers(path, known):
    """The headers of ours that a file reaches."""
    for header in re.findall(r'^#include "(.+)"', open(path).read(), re.M):
        if header not in known and os.path.exists(header):
            known.add(header)
            headers(header, known)
    return known


# clang 14 cannot read LibTorch's headers as C++20 (std::vector of an incomplete type).
print("\n".join(sorted(f for f in seen if f.startswith(("syolo/", "app/")) and os.path.exists(f)
                       and "syolo/train/torch_impl.h" not in headers(f, set()))))
PY
)
[ ${#files[@]} -gt 0 ] || { echo "check_tidy.sh: found no sources in $build" >&2; exit 2; }

# What every result depends on beside the file itself.
common=$(git ls-files -z --cached --others --exclude-standard -- '*.h' .clang-tidy | sort -z |
  xargs -0 cat -- 2>/dev/null | sha256sum | cut -c1-32)
export build passed common

tidy_one() {
  local mark
  mark="$passed/$( (echo "$common $1"; cat -- "$1") | sha256sum | cut -c1-40)"
  [ ! -e "$mark" ] || return 0
  clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$passed" "$1" 2>/dev/null && : >"$mark"
}
export -f tidy_one

# One output per file, so that two jobs do not mix their lines.
todo=()
for file in "${files[@]}"; do
  [[ $file == *"$only"* ]] && todo+=("$file")
done
code=0
printf '%s\0' "${todo[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'out=$(tidy_one "$1") || { printf "%s\n" "$out"; exit 1; }' _ || code=$?
[ "$code" -eq 0 ] || { echo "tidy: findings in some of ${#todo[@]} files" >&2; exit 1; }
echo "tidy: ${#todo[@]} files, no findings"
