#!/usr/bin/env bash
# clang-tidy over every compiled source of a build folder (default build/dev), in parallel.
# A file that passed is not checked again until it, a header of ours or the rules change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/dev}
only=${2:-}  # a part of the path, e.g. syolo/base/
[ -f "$build/compile_commands.json" ] ||
  { echo "check_tidy.sh: expected $build/compile_commands.json; run ./test.sh first" >&2; exit 2; }

mapfile -t files < <(python3 - "$build/compile_commands.json" "$PWD" <<'PY'
import json, os, sys
seen = {os.path.relpath(os.path.join(e["directory"], e["file"]), sys.argv[2])
        for e in json.load(open(sys.argv[1]))}
print("\n".join(sorted(f for f in seen if f.startswith(("syolo/", "app/")) and os.path.exists(f))))
PY
)
[ ${#files[@]} -gt 0 ] || { echo "check_tidy.sh: found no sources in $build" >&2; exit 2; }

# What every result depends on beside the file itself.
common=$(git ls-files -z --cached --others --exclude-standard -- '*.h' .clang-tidy | sort -z |
  xargs -0 cat -- 2>/dev/null | sha256sum | cut -c1-32)
passed="$build/tidy"
mkdir -p "$passed"
export build passed common

tidy_one() {
  local mark
  mark="$passed/$( (echo "$common $1"; cat -- "$1") | sha256sum | cut -c1-40)"
  [ ! -e "$mark" ] || return 0
  clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$build" "$1" 2>/dev/null && : >"$mark"
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
