#!/usr/bin/env bash
# make bench-loader: images/s of our loader's mosaic recipe beside a PyTorch pipeline of the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

step "packages" tools/install_packages.sh detection testing
step "configure" configure release
step "build" build release syolo_loader_speed
step "PyTorch and OpenCV from PyPI" python_env loader tests/bench/loader/requirements.txt
step "comparison" .venv/loader/bin/python -B tests/bench/loader/speed.py \
  build/release/tests/bench/syolo_loader_speed "$@"
