#!/usr/bin/env bash
# make bench-peers: builds what is measured, prepares the peers in a virtual environment (PyPI) and
# prints the comparison. Further arguments go to compare.py (--rounds 3 --networks yolov4-tiny).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

venv=.venv/peers
requirements=tests/bench/peers/requirements.txt

install_peers() {
  cmp -s "$requirements" "$venv/installed.txt" && return 0
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$venv/installed.txt"
}

build_sums() {
  [ -f build/bench/build.ninja ] ||
    quietly cmake -S tests/bench -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release
  cmake --build build/bench
}

step "packages" tools/install_packages.sh detection peers
step "configure" configure release
step "build" build release
step "build the convolutions' sum" build_sums
step "peers from PyPI" install_peers
step "comparison" "$venv/bin/python" -B tests/bench/peers/compare.py "$@"
