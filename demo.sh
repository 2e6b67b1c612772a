#!/usr/bin/env bash
# From a fresh Debian 12 machine to boxes on a photograph: installs what detection needs, builds
# the release preset and runs the bundled model. Run it again at any time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/steps.sh
. tools/steps.sh

case "${1:-}" in
  "") ;;
  -h | --help)
    echo "usage: ./demo.sh    install, build, detect on demo/dog.jpg; the picture goes to demo-out/"
    exit 0
    ;;
  *)
    echo "demo.sh: expected no argument, found \"$1\"; for your own pictures: build/release/app/syolo detect --help" >&2
    exit 2
    ;;
esac

step "packages" tools/install_packages.sh detection
step "configure" configure release
step "build" build release
step "detect" build/release/app/syolo detect models/yolo-fastest-1.1-xl.cfg demo/dog.jpg --out demo-out

printf '\nthe picture with its boxes: %s\n' "$PWD/demo-out/dog.jpg"
