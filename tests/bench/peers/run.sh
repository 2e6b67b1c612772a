#!/usr/bin/env bash
# make bench-peers: builds what is measured, prepares the peers in a virtual environment (PyPI) and
# prints the comparison. Further arguments go to compare.py (--rounds 3 --networks yolov4-tiny).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

build_sums() {
  [ -f build/bench/build.ninja ] ||
    quietly cmake -S tests/bench -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release
  cmake --build build/bench
}

step "packages" tools/install_packages.sh detection peers
step "configure" configure release
step "build" build release
step "build the convolutions' sum" build_sums
step "peers from PyPI" python_env peers tests/bench/peers/requirements.txt
step "comparison" .venv/peers/bin/python -B tests/bench/peers/compare.py "$@"
