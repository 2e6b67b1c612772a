# Sourced by demo.sh, test.sh and .ci/run: named steps that say what failed and where to look.
# shellcheck shell=bash

# Objects of one checkout serve another: paths below the checkout enter ccache's key relatively.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}" CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR:-1}"

script=$(basename "$0")

# step TITLE COMMAND...: runs it; a failure names the step, the command and its exit code.
step() {
  local title=$1 start=$SECONDS code=0
  shift
  printf '== %s: %s\n' "$script" "$title" >&2
  "$@" || code=$?
  if [ "$code" -ne 0 ]; then
    printf '== %s: FAILED: %s (exit %d) in: %s\n' "$script" "$title" "$code" "$*" >&2
    exit "$code"
  fi
  printf '== %s: %s: done in %d s\n' "$script" "$title" $((SECONDS - start)) >&2
}

# quietly COMMAND...: output appears only when the command fails.
quietly() {
  local log code=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || code=$?
  [ "$code" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$code"
}

# configure PRESET: only when the build folder is new; ninja re-runs cmake by itself.
configure() {
  [ -f "build/$1/build.ninja" ] || quietly cmake --preset "$1"
}

build() {  # PRESET [ninja arguments]
  local preset=$1
  shift
  cmake --build --preset "$preset" -- "$@"
}

# python_env NAME REQUIREMENTS: the virtual environment .venv/NAME with exactly these from PyPI.
python_env() {
  local venv=.venv/$1
  cmp -s "$2" "$venv/installed.txt" && return 0
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv" || return
  "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 10 -r "$2" || return
  cp "$2" "$venv/installed.txt"
}
