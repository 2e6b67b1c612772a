#!/usr/bin/env bash
# Builds the fuzz preset and runs every target for some seconds, from its stored corpus.
# tools/fuzz.sh SECONDS [TARGET...]. New inputs stay in build/fuzz/corpus, never in the tree;
# a crashing input is kept in build/fuzz/crashes and its path printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

seconds=${1:?expected the number of seconds per target}
shift
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz.sh: expected a number of seconds, found \"$seconds\"" >&2; exit 2; }

step "configure fuzz" configure fuzz
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(basename -a -s .cpp tests/fuzz/*_fuzz.cpp)
fi
[ ${#targets[@]} -gt 0 ] || { echo "fuzz.sh: expected tests/fuzz/*_fuzz.cpp, found none" >&2; exit 1; }
step "build ${#targets[@]} fuzz targets" build fuzz "${targets[@]}"

mkdir -p build/fuzz/crashes
failed=()
for target in "${targets[@]}"; do
  name=${target%_fuzz}
  grown=build/fuzz/corpus/$name
  mkdir -p "$grown"
  corpus=("$grown")
  [ ! -d "tests/data/fuzz/$name" ] || corpus+=("tests/data/fuzz/$name")
  printf '== %s: %s for %d s\n' "$script" "$target" "$seconds" >&2
  log=build/fuzz/$target.log
  # -timeout and -rss_limit_mb: no input may take more than 2 s or 256 MiB beyond the sanitizer's own.
  if "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -timeout=2 -rss_limit_mb=1024 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/crashes/"$name"- \
    "${corpus[@]}" >"$log" 2>&1 </dev/null; then
    grep -h 'number_of_executed_units' "$log" >&2 || true
  else
    tail -n 60 "$log" >&2
    failed+=("$target")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '== %s: FAILED: %s (inputs: build/fuzz/crashes, logs: build/fuzz/*.log)\n' "$script" "${failed[*]}" >&2
  exit 1
fi
