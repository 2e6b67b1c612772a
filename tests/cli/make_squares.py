#!/usr/bin/env python3
"""Writes squares/: N grey pictures with one bright square each, YOLO labels, a dataset YAML and a
small network for it."""

import pathlib
import sys

count = int(sys.argv[1])
root = pathlib.Path("squares")
(root / "images").mkdir(parents=True, exist_ok=True)
(root / "labels").mkdir(exist_ok=True)
for i in range(count):
    x, y = 4 + i * 37 % 32, 4 + i * 23 % 32
    pixels = bytearray()
    for row in range(64):
        for column in range(64):
            inside = y <= row < y + 24 and x <= column < x + 24
            pixels += bytes([220 if inside else 60 + (row * 7 + column * 3) % 9] * 3)
    (root / "images" / f"{i}.ppm").write_bytes(b"P6\n64 64\n255\n" + pixels)
    (root / "labels" / f"{i}.txt").write_text(
        f"0 {(x + 12) / 64} {(y + 12) / 64} {24 / 64} {24 / 64}\n")
(root / "squares.yaml").write_text("path: .\ntrain: images\nval: images\nnc: 1\nnames: [square]\n")

layers = "".join(
    f"[convolutional]\nbatch_normalize=1\nfilters={filters}\nsize=3\nstride=2\npad=1\n"
    "activation=mish\n" for filters in (8, 16, 16))
(root / "net.cfg").write_text(
    "[net]\nwidth=64\nheight=64\nchannels=3\n" + layers +
    "[convolutional]\nfilters=12\nsize=1\nstride=1\nactivation=linear\n"
    "[yolo]\nmask=0,1\nanchors=20,20,40,40\nnum=2\nscale_x_y=2\nclasses=1\n")
