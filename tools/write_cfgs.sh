#!/bin/sh
# Writes cfg/*.cfg anew from the recipes: tools/write_cfgs.sh PATH/TO/syolo
set -eu
syolo=$(realpath "$1")
cd "$(dirname "$0")/../cfg"
rm -f ./*.cfg
"$syolo" list models --json |
  python3 -c 'import json, sys; [print(m["name"]) for m in json.load(sys.stdin)["models"] if "input" in m]' |
  while read -r name; do
    "$syolo" scale "$name" --out "$name.cfg" --quiet > /dev/null
  done
