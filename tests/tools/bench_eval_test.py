"""The set that `make bench-eval` times has the promised size and is a COCO dataset."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench" / "eval"))

import speed  # noqa: E402


class Generated(unittest.TestCase):
    def test_has_the_promised_size_and_fits_together(self):
        with tempfile.TemporaryDirectory() as folder:
            (truths, found), size = speed.generate(pathlib.Path(folder), 10)
            truths, found = json.loads(truths.read_text()), json.loads(found.read_text())
        self.assertEqual(size, (10, 70, 400))
        self.assertEqual((len(truths["annotations"]), len(found)), (70, 400))
        self.assertEqual(len({a["id"] for a in truths["annotations"]}), 70)
        images = {image["id"] for image in truths["images"]}
        classes = {row["id"] for row in truths["categories"]}
        for row in truths["annotations"] + found:
            self.assertIn(row["image_id"], images)
            self.assertIn(row["category_id"], classes)


if __name__ == "__main__":
    unittest.main()
