#!/usr/bin/env bash
# make bench-train: images/s of training beside plain PyTorch, the same network, batch and input.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

step "packages" tools/install_packages.sh detection testing
step "configure" configure release
step "build" build release syolo syolo_train_module
step "PyTorch from PyPI" python_env train tests/bench/train/requirements.txt
step "comparison" .venv/train/bin/python -B tests/bench/train/speed.py build/release/app/syolo "$@"
