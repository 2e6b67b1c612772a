"""A Darknet network as plain data for the writers of peers' formats: layers with their shapes, and
kernels with the batch normalisation folded in. Knows only what the benchmarked cfgs contain."""

import dataclasses
import pathlib
import struct

import numpy as np

NORM_EPSILON = 1e-5  # Darknet's, inside the root


@dataclasses.dataclass
class Layer:
    kind: str          # conv, concat, slice, same, add, pool, upsample, head
    src: list          # numbers of the source layers; -1 = the input
    shape: tuple       # channels, rows, columns of the output
    options: dict
    kernel: np.ndarray = None
    bias: np.ndarray = None


class Sections(list):
    """[(name, {key: value})] of a cfg; the first entry of a key counts, as in Darknet."""

    def __init__(self, path):
        super().__init__()
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            line = line.split("#")[0].strip()
            if line.startswith("["):
                self.append((line[1:line.index("]")], {}))
            elif "=" in line:
                key, value = (part.strip() for part in line.split("=", 1))
                self[-1][1].setdefault(key, value)


def resolve(text, at):
    numbers = [int(part) for part in text.split(",") if part.strip()]
    return [n if n >= 0 else at + n for n in numbers]


def read_layers(path, size=None):
    """The layers of a cfg at its own input size, or at `size` = (width, height)."""
    sections = Sections(path)
    net = sections[0][1]
    width, height = size or (int(net["width"]), int(net["height"]))
    shape_in = (int(net.get("channels", 3)), height, width)
    layers = []
    for at, (name, keys) in enumerate(sections[1:]):
        def shape_of(number):
            return shape_in if number < 0 else layers[number].shape

        layers.append(read_layer(name, keys, at, shape_of))
    return shape_in, layers


def read_layer(name, keys, at, shape_of):
    channels, rows, columns = shape_of(at - 1)
    number = lambda key, fallback: int(keys.get(key, fallback))
    if name == "convolutional":
        size, stride = number("size", 1), number("stride", 1)
        pad = size // 2 if number("pad", 0) else number("padding", 0)
        options = {"size": size, "stride": stride, "pad": pad, "groups": number("groups", 1),
                   "norm": bool(number("batch_normalize", 0)), "in": channels,
                   "activation": keys.get("activation", "logistic")}
        out = [(side + 2 * pad - size) // stride + 1 for side in (rows, columns)]
        return Layer("conv", [at - 1], (number("filters", 1), *out), options)
    if name == "route":
        src = resolve(keys["layers"], at)
        first = shape_of(src[0])
        groups = number("groups", 1)
        if groups > 1:
            count = first[0] // groups
            begin = count * number("group_id", 0)
            return Layer("slice", src, (count, *first[1:]), {"begin": begin})
        if len(src) == 1:
            return Layer("same", src, first, {})
        return Layer("concat", src, (sum(shape_of(s)[0] for s in src), *first[1:]), {})
    if name == "shortcut":
        other = resolve(keys["from"], at)
        assert len(other) == 1 and keys.get("activation", "linear") == "linear", keys
        return Layer("add", [at - 1, *other], (channels, rows, columns), {})
    if name == "maxpool":
        stride = number("stride", 1)
        size = number("size", stride)
        total = number("padding", size - 1)
        out = [(side + total - size) // stride + 1 for side in (rows, columns)]
        after = [max(0, (o - 1) * stride + size - side - total // 2) for o, side in zip(out, (rows, columns))]
        return Layer("pool", [at - 1], (channels, *out),
                     {"size": size, "stride": stride, "before": total // 2, "after": after})
    if name == "upsample":
        stride = number("stride", 2)
        return Layer("upsample", [at - 1], (channels, rows * stride, columns * stride), {"stride": stride})
    if name == "yolo":
        return Layer("head", [at - 1], (channels, rows, columns), {})
    raise ValueError(f"layer {at}: the peers' writers do not know [{name}]")


def parameter_shapes(layer):
    """Arrays of a convolution in the order of a .weights file."""
    filters, groups, size = layer.shape[0], layer.options["groups"], layer.options["size"]
    arrays = [("bias", (filters,))]
    if layer.options["norm"]:
        arrays += [(role, (filters,)) for role in ("scale", "mean", "variance")]
    return arrays + [("kernel", (filters, layer.options["in"] // groups, size, size))]


def write_random_weights(path, layers, seed):
    """A .weights file (version 0.2.5) whose activations keep their scale from layer to layer."""
    rng = np.random.default_rng(seed)
    with open(path, "wb") as out:
        out.write(struct.pack("<iiiQ", 0, 2, 5, 0))
        for layer in layers:
            if layer.kind != "conv":
                continue
            for role, shape in parameter_shapes(layer):
                if role == "kernel":
                    bound = np.sqrt(3 / np.prod(shape[1:]))
                    values = rng.uniform(-bound, bound, shape)
                elif role in ("scale", "variance"):
                    values = rng.uniform(0.9, 1.1, shape)
                else:
                    values = rng.uniform(-0.1, 0.1, shape)
                out.write(values.astype("<f4").tobytes())


def load_weights(path, layers):
    """Fills kernels and biases, batch normalisation folded in double."""
    data = np.fromfile(path, dtype="<f4")
    at = 5  # three integers and a 64-bit counter
    for number, layer in enumerate(layers):
        if layer.kind != "conv":
            continue
        values = {}
        for role, shape in parameter_shapes(layer):
            count = int(np.prod(shape))
            values[role] = data[at:at + count].reshape(shape).astype(np.float64)
            at += count
        if at > data.size:
            raise ValueError(f"{path}: ends inside layer {number}")
        kernel, bias = values["kernel"], values["bias"]
        if layer.options["norm"]:
            factor = values["scale"] / np.sqrt(values["variance"] + NORM_EPSILON)
            kernel = kernel * factor[:, None, None, None]
            bias = bias - values["mean"] * factor
        layer.kernel, layer.bias = kernel.astype(np.float32), bias.astype(np.float32)
    if at != data.size:
        raise ValueError(f"{path}: {data.size - at} values too many")


def head_sources(layers):
    """Numbers of the layers whose raw values the heads decode, in file order."""
    return [layer.src[0] for layer in layers if layer.kind == "head"]
