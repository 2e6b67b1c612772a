#!/usr/bin/env bash
# Installs what testing needs, builds the dev preset and runs the tests, tool checks last.
# ./test.sh unit cli runs only these labels. Run it again at any time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/steps.sh
. tools/steps.sh

labels=(unit parity train property fault fuzz cli tools)

usage() {
  echo "usage: ./test.sh [--preset NAME] [LABEL...]    labels: ${labels[*]} (default: all)"
  echo "presets: dev (default), asan, tsan, fuzz (clang, sanitizers; not label fuzz), coverage"
}

preset=dev
chosen=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      usage
      exit 0
      ;;
    --preset)
      [ $# -ge 2 ] || { echo "test.sh: --preset needs a name" >&2; usage >&2; exit 2; }
      preset=$2
      shift
      ;;
    *)
      [[ " ${labels[*]} " == *" $1 "* ]] ||
        { echo "test.sh: expected a label, found \"$1\"" >&2; usage >&2; exit 2; }
      chosen+=("$1")
      ;;
  esac
  shift
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${labels[@]}")

jobs=$(nproc)
run_label() {
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$jobs" -L "^$1\$"
}

# Ninja targets that the labels need; nothing (which means all) when every label runs.
targets_of() {
  local label pattern
  [ $# -lt ${#labels[@]} ] || return 0
  for label in "$@"; do
    case "$label" in
      cli) pattern='syolo' ;;
      parity) pattern='syolo\|syolo_parity_[a-z]*' ;;
      tools) pattern='syolo_[a-z]*' ;;  # the libraries; header checks compile the rest
      *) pattern="syolo_${label}_tests" ;;
    esac
    ninja -C "build/$preset" -t targets all | sed -n "s/^\($pattern\): phony.*/\1/p"
  done | sort -u
}

step "packages" tools/install_packages.sh detection testing
step "configure $preset" configure "$preset"
step "build $preset" build "$preset" $(targets_of "${chosen[@]}")

# pycocotools judges averages, TensorBoard what a run writes for it. Where PyPI does not answer
# these tests are skipped, elsewhere they must run.
if [[ " ${chosen[*]} " =~ " parity "|" cli " ]]; then
  if quietly python_env judge tests/requirements.txt; then
    export SYOLO_JUDGE=required
  else
    printf '== %s: PyPI does not answer: the comparisons with pycocotools and TensorBoard are skipped\n' "$script" >&2
  fi
fi

# Every label runs, so that one run shows everything that is broken.
failed=()
failed_tests=()
for label in "${chosen[@]}"; do
  printf '== %s: tests: %s\n' "$script" "$label" >&2
  run_label "$label" && continue
  failed+=("$label")
  mapfile -t -O "${#failed_tests[@]}" failed_tests < <(
    sed 's/^[0-9]*://' "build/$preset/Testing/Temporary/LastTestsFailed.log")
done
if [ ${#failed[@]} -gt 0 ]; then
  # Once more and last, so that the end of a long log says what is broken, and whether it stays so.
  printf '== %s: the first of %d failed tests once more\n' "$script" "${#failed_tests[@]}" >&2
  for name in "${failed_tests[@]:0:10}"; do
    ctest --test-dir "build/$preset" --output-on-failure \
      -R "^$(sed 's/[][().*+?^$|\\]/\\&/g' <<<"$name")\$" || true
  done
  printf '== %s: FAILED: %s\n' "$script" "${failed_tests[*]}" >&2
  printf '== %s: FAILED: tests of: %s\n' "$script" "${failed[*]}" >&2
  printf '   again: ./test.sh --preset %s %s\n' "$preset" "${failed[*]}" >&2
  exit 1
fi
printf '== %s: all tests passed: %s\n' "$script" "${chosen[*]}" >&2
