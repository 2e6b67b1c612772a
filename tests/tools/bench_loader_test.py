"""The pipeline that `make bench-loader` times beside ours shows boxes where it says. Needs OpenCV;
skipped where Python has none."""

import pathlib
import random
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench" / "loader"))

try:
    import numpy as np
    import pipeline
    import cv2
except ImportError:
    pipeline = None


@unittest.skipIf(pipeline is None, "no OpenCV")
class Pipeline(unittest.TestCase):
    def test_boxes_are_where_the_painted_things_are(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for i in range(6):
                picture = np.full((120, 160, 3), 114, np.uint8)
                cv2.rectangle(picture, (40, 30), (119, 89), (0, 0, 255), -1)
                cv2.imwrite(str(folder / f"{i}.jpg"), picture)
                (folder / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
            mosaics = pipeline.Mosaics(folder, 160)
            random.seed(3)
            boxes = 0
            for i in range(30):
                picture, rows = mosaics[i % 6]
                self.assertEqual(picture.shape, (3, 160, 160))
                shown = (picture.max(0).astype(int) - picture.min(0)) > 60
                for _, x1, y1, x2, y2 in rows:
                    inside = shown[int(y1) + 2:int(y2) - 1, int(x1) + 2:int(x2) - 1]
                    boxes += 1
                    if inside.size:
                        self.assertGreater(inside.mean(), 0.9)
            self.assertGreater(boxes, 30)

    def test_pictures_are_of_cocos_size(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            pipeline.make_pictures(ROOT / "tests/data/images/photos", folder, 3)
            self.assertEqual([cv2.imread(str(path)).shape for path in sorted(folder.glob("*.jpg"))],
                             [(480, 640, 3)] * 3)
            self.assertEqual(pipeline.read_labels(folder / "000000.txt").shape, (7, 5))


if __name__ == "__main__":
    unittest.main()
