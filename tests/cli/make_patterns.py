#!/usr/bin/env python3
"""Writes patterns/train and patterns/val: folders of classes with N and N/2 pictures each of a
square, stripes across and stripes down; and a small network that ends in [softmax]."""

import pathlib
import sys

count = int(sys.argv[1])


def bright(name, x, y, shift):
    if name == "square":
        return abs(x - 12 - shift) < 6 and abs(y - 16) < 6
    return (y + shift if name == "across" else x + shift) % 8 < 4


for part, pictures in (("train", count), ("val", max(1, count // 2))):
    for name in ("across", "down", "square"):
        folder = pathlib.Path("patterns", part, name)
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(pictures):
            pixels = b"".join(bytes([200 if bright(name, x, y, i % 7) else 60] * 3)
                              for y in range(32) for x in range(32))
            (folder / f"{i}.ppm").write_bytes(b"P6\n32 32\n255\n" + pixels)

layers = "".join(
    f"[convolutional]\nbatch_normalize=1\nfilters={filters}\nsize=3\nstride=2\npad=1\n"
    "activation=mish\n" for filters in (8, 16))
pathlib.Path("net.cfg").write_text(
    "[net]\nwidth=32\nheight=32\nchannels=3\n" + layers +
    "[avgpool]\n[convolutional]\nfilters=3\nsize=1\nstride=1\nactivation=linear\n"
    "[softmax]\ngroups=1\n")
