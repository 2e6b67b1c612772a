#!/usr/bin/env bash
# make bench-eval: times a whole evaluation, ours beside pycocotools and faster-coco-eval (PyPI).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

step "packages" tools/install_packages.sh detection peers
step "configure" configure release
step "build" build release syolo
step "evaluators from PyPI" python_env bench-eval tests/bench/eval/requirements.txt
step "comparison" .venv/bench-eval/bin/python -B tests/bench/eval/speed.py build/release/app/syolo "$@"
