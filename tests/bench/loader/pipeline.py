"""A PyTorch input pipeline of the Scaled-YOLOv4 recipe, written from its description: mosaic of
four around a fixed centre, random perspective, HSV, flip. A Dataset for torch's DataLoader; what
needs torch is imported by the caller, so that the tests can look at samples without it."""

import math
import pathlib
import random

import cv2
import numpy as np

GREY = (114, 114, 114)
GAINS = {"h": 0.015, "s": 0.7, "v": 0.4}
TRANSLATE = SCALE = 0.5


class Mosaics:
    """Sample i: picture (3, S, S) uint8 RGB, and rows of class x1 y1 x2 y2."""

    def __init__(self, folder, side):
        self.side = side
        self.pictures = sorted(pathlib.Path(folder).glob("*.jpg"))
        self.labels = [read_labels(path.with_suffix(".txt")) for path in self.pictures]
        cv2.setNumThreads(0)  # each worker is one process

    def __len__(self):
        return len(self.pictures)

    def load(self, index):
        picture = cv2.imread(str(self.pictures[index]))
        height, width = picture.shape[:2]
        ratio = self.side / max(height, width)
        if ratio != 1:
            size = (int(width * ratio), int(height * ratio))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        height, width = picture.shape[:2]
        rows = self.labels[index].copy()
        centre, half = rows[:, 1:3].copy(), rows[:, 3:5] / 2
        rows[:, 1:3] = (centre - half) * (width, height)
        rows[:, 3:5] = (centre + half) * (width, height)
        return picture, rows

    def mosaic(self, index):
        side = self.side
        canvas = np.full((2 * side, 2 * side, 3), GREY, np.uint8)
        rows = []
        for tile, one in enumerate([index] + random.choices(range(len(self)), k=3)):
            picture, own = self.load(one)
            height, width = picture.shape[:2]
            left = side - width if tile in (0, 2) else side
            top = side - height if tile in (0, 1) else side
            canvas[top:top + height, left:left + width] = picture
            own[:, 1::2] += left
            own[:, 2::2] += top
            rows.append(own)
        rows = np.concatenate(rows)
        rows[:, 1:] = rows[:, 1:].clip(0, 2 * side)
        return canvas, rows

    def __getitem__(self, index):
        picture, rows = moved(*self.mosaic(index), self.side)
        picture = coloured(picture)
        if random.random() < 0.5:
            picture = picture[:, ::-1]
            rows[:, [1, 3]] = self.side - rows[:, [3, 1]]
        return np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1)), rows


def read_labels(path):
    rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
    return np.array(rows, np.float32).reshape(-1, 5)


def moved(picture, rows, side):
    """Scale and shift of the canvas onto a side x side picture; boxes that stay."""
    scale = random.uniform(1 - SCALE, 1 + SCALE)
    shift = [random.uniform(0.5 - TRANSLATE, 0.5 + TRANSLATE) * side for _ in range(2)]
    height, width = picture.shape[:2]
    matrix = np.array([[scale, 0, shift[0] - scale * width / 2],
                       [0, scale, shift[1] - scale * height / 2]])
    out = cv2.warpAffine(picture, matrix, dsize=(side, side), borderValue=GREY)
    box = rows[:, 1:].copy()
    box[:, 0::2] = (box[:, 0::2] * scale + matrix[0, 2]).clip(0, side)
    box[:, 1::2] = (box[:, 1::2] * scale + matrix[1, 2]).clip(0, side)
    size = box[:, 2:] - box[:, :2]
    before = (rows[:, 3:5] - rows[:, 1:3]) * scale
    long, short = size.max(1), size.min(1)
    stays = (short > 2) & (size.prod(1) > 0.2 * before.prod(1)) & (long < 20 * (short + 1e-16))
    return out, np.concatenate([rows[stays, :1], box[stays]], 1)


def coloured(picture):
    """Hue, saturation and value multiplied through tables, on 8-bit HSV."""
    gain = {key: 1 + random.uniform(-1, 1) * value for key, value in GAINS.items()}
    hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
    x = np.arange(256)
    hue = cv2.LUT(hue, (x * gain["h"] % 180).astype(np.uint8))
    saturation = cv2.LUT(saturation, np.clip(x * gain["s"], 0, 255).astype(np.uint8))
    value = cv2.LUT(value, np.clip(x * gain["v"], 0, 255).astype(np.uint8))
    return cv2.cvtColor(cv2.merge((hue, saturation, value)), cv2.COLOR_HSV2BGR)


def make_pictures(photos, folder, count):
    """`count` JPEGs of 640x480 cut from photographs, with boxes at random: COCO's usual size."""
    rng = random.Random(1)
    sources = [cv2.imread(str(path)) for path in sorted(pathlib.Path(photos).glob("*.jpg"))]
    for i in range(count):
        source = sources[i % len(sources)]
        height, width = source.shape[:2]
        share = rng.uniform(0.5, 1)
        h, w = math.ceil(height * share), math.ceil(width * share)
        y, x = rng.randint(0, height - h), rng.randint(0, width - w)
        picture = cv2.resize(source[y:y + h, x:x + w], (640, 480), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{i:06}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        rows = []
        for _ in range(7):
            w, h = rng.uniform(0.02, 0.4), rng.uniform(0.02, 0.4)
            rows.append(f"{rng.randint(0, 79)} {rng.uniform(w / 2, 1 - w / 2):.4f} "
                        f"{rng.uniform(h / 2, 1 - h / 2):.4f} {w:.4f} {h:.4f}\n")
        (folder / f"{i:06}.txt").write_text("".join(rows))
