"""The comparison's own reading of networks, without any peer: shapes, counts and folding against
values computed by hand. Skipped parts need numpy, which only the peers' environment has."""

import importlib.util
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench" / "peers"))
HAS_NUMPY = importlib.util.find_spec("numpy") is not None

CFG = """[net]
width=8
height=6
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[upsample]
stride=2
[route]
layers=-1,0
[route]
layers=-1
groups=2
group_id=1
[convolutional]
filters=6  # anchors x (5 + classes)
size=1
activation=linear
[yolo]
"""


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class Network(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        (self.path / "a.cfg").write_text(CFG)

    def layers(self, size=None):
        import network
        return network.read_layers(self.path / "a.cfg", size)

    def test_shapes(self):
        # 8x6 -> 4x3 by the convolution; ceil(4/2) x ceil(3/2) by the pool; doubled; joined.
        shape, layers = self.layers((8, 8))
        self.assertEqual(shape, (3, 8, 8))
        self.assertEqual([layer.shape for layer in layers],
                         [(4, 4, 4), (4, 2, 2), (4, 4, 4), (8, 4, 4), (4, 4, 4), (6, 4, 4), (6, 4, 4)])
        self.assertEqual(layers[4].options["begin"], 4)

    def test_odd_sides_pool_upwards(self):
        _, layers = self.layers()
        self.assertEqual(layers[1].shape, (4, 2, 2))
        self.assertEqual(layers[1].options["after"], [1, 0])

    def test_weights_have_the_size_of_the_format_and_fold(self):
        import network
        import numpy as np
        _, layers = self.layers()
        file = self.path / "a.weights"
        network.write_random_weights(file, layers, seed=3)
        # header 20 bytes; 4*4 vectors + 4*3*9 kernel; 6 biases + 6*4 kernel (the route's half)
        self.assertEqual(file.stat().st_size, 20 + 4 * (16 + 108 + 6 + 24))
        network.load_weights(file, layers)
        raw = np.fromfile(file, dtype="<f4")[5:].astype(float)
        bias, scale, mean, variance = raw[0], raw[4], raw[8], raw[12]
        self.assertAlmostEqual(layers[0].bias[0], bias - mean * scale / np.sqrt(variance + 1e-5), places=6)
        self.assertAlmostEqual(layers[0].kernel[0, 0, 0, 0], raw[16] * scale / np.sqrt(variance + 1e-5), places=6)
        with open(file, "ab") as out:
            out.write(b"0000")
        with self.assertRaisesRegex(ValueError, "1 values too many"):
            network.load_weights(file, layers)

    def test_unknown_sections_are_refused(self):
        (self.path / "a.cfg").write_text(CFG + "[sam]\nfrom=-1\n")
        with self.assertRaisesRegex(ValueError, "layer 7: .*sam"):
            self.layers()


class Requirements(unittest.TestCase):
    def test_versions_are_pinned(self):
        for line in (ROOT / "tests/bench/peers/requirements.txt").read_text().splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r"\A[a-z-]+==[0-9.]+\Z")


if __name__ == "__main__":
    unittest.main()
