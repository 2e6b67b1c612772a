#!/usr/bin/env bash
# Makes the pictures of docs/data.md and docs/eval.md with the program itself, from the photographs
# and the predictions among the tests' data. tools/doc_pictures.sh [SYOLO]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/steps.sh
. tools/steps.sh

syolo=$(realpath "${1:-build/release/app/syolo}")
[ -x "$syolo" ] || { echo "doc_pictures.sh: expected the program at $syolo, found none" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p docs/pictures "$folder/set"

# The network's own boxes serve as labels.
label_photos() {
  "$syolo" detect models/yolo-fastest-1.1-xl.cfg tests/data/images/photos --conf 0.4 \
    --format yolo --out "$folder/boxes" >"$folder/log"
  cp tests/data/images/photos/*.jpg "$folder/set/"
  cp models/yolo-fastest-1.1-xl.names "$folder/set/classes.txt"
  local file
  for file in "$folder"/boxes/*.txt; do
    cut -d' ' -f1-5 "$file" >"$folder/set/$(basename "$file")"
  done
}

draw_augmentations() {
  local row how
  for row in $("$syolo" list augmentations --quiet | awk '{print $1}'); do
    how=(--seed 4)
    [ "$row" != mosaic-9 ] || how=(--seed 3 --translate 0.1)  # a window that shows several
    "$syolo" preview "$folder/set" --only "$row" --number 1 "${how[@]}" --input 192 \
      --degrees 10 --shear 4 --out "$folder/$row" --quiet >"$folder/log"
    cp "$folder/$row/sample_000.jpg" "docs/pictures/augment-$row.jpg"
  done
}

# affine's parameters one by one, the others 0.
draw_affine() {
  local name how
  for name in degrees shear translate scale perspective; do
    case $name in
      degrees) how=(--translate 0 --scale 0 --degrees 30) ;;
      shear) how=(--translate 0 --scale 0 --shear 20) ;;
      translate) how=(--translate 0.3 --scale 0) ;;
      scale) how=(--translate 0 --scale 0.5) ;;
      perspective) how=(--translate 0 --scale 0 --perspective 0.001) ;;
    esac
    "$syolo" preview "$folder/set" --only affine --number 1 --seed 4 --input 192 "${how[@]}" \
      --out "$folder/affine-$name" --quiet >"$folder/log" || return
    cp "$folder/affine-$name/sample_000.jpg" "docs/pictures/affine-$name.jpg"
  done
}

draw_curves() {
  "$syolo" eval --from tests/data/eval/coco_100_results.json --data tests/data/eval/coco_100.json \
    --plots "$folder/plots" --quiet >"$folder/log"
  local name
  for name in precision_recall f1 calibration confusion; do
    cp "$folder/plots/$name.svg" "docs/pictures/eval-$name.svg"
  done
}

step "labels" quietly label_photos
step "augmentations" quietly draw_augmentations
step "parameters" quietly draw_affine
step "curves" quietly draw_curves
