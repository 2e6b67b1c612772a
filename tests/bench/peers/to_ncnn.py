"""ncnn's own text and binary form of a network, written directly: activations sit inside the
convolutions where ncnn has them, so nothing is left for its graph optimiser to gain."""

import struct

import numpy as np

from network import head_sources

FUSED = {"linear": "", "leaky": " 9=2 -23310=1,0.1", "relu": " 9=1", "logistic": " 9=4",
         "mish": " 9=5"}


class Writer:
    """Blobs have one reader in ncnn, so values that are read more than once go through a Split."""

    def __init__(self, reads):
        self.lines, self.blobs, self.data = [], 0, bytearray()
        self.reads, self.copies = reads, {}

    def layer(self, kind, name, src, count=1, options=""):
        made = [f"{name}" if i == 0 else f"{name}_{i}" for i in range(count)]
        self.blobs += count
        self.lines.append(f"{kind} {name} {len(src)} {count} {' '.join(src + made)}{options}")
        return made

    def publish(self, at, name):
        """Makes value `at` available under as many names as it has readers."""
        count = self.reads.get(at, 0)
        if count > 1:
            self.copies[at] = self.layer("Split", f"{name}_split", [name], count)
        else:
            self.copies[at] = [name]

    def take(self, at):
        return self.copies[at].pop(0)

    def conv(self, at, layer, src):
        o = layer.options
        kind, tail = "Convolution", ""
        if o["groups"] > 1:
            kind, tail = "ConvolutionDepthWise", f" 7={o['groups']}"
        fused = FUSED.get(o["activation"])
        options = (f" 0={layer.shape[0]} 1={o['size']} 3={o['stride']} 4={o['pad']} 5=1"
                   f" 6={layer.kernel.size}{tail}{fused or ''}")
        self.data += struct.pack("<I", 0)  # the tag of plain float32
        self.data += np.ascontiguousarray(layer.kernel).tobytes() + layer.bias.tobytes()
        (name,) = self.layer(kind, f"v{at}", src, options=options)
        if fused is None:
            if o["activation"] not in ("swish", "silu"):
                raise ValueError(f"activation {o['activation']} is not written")
            (name,) = self.layer("Swish", f"v{at}_act", [name])
        return name

    def write(self, at, layer):
        o, name = layer.options, f"v{at}"
        src = [self.take(s) for s in layer.src]
        if layer.kind == "conv":
            return self.conv(at, layer, src)
        if layer.kind == "concat":
            return self.layer("Concat", name, src, options=" 0=0")[0]
        if layer.kind == "slice":
            begin, count = o["begin"], layer.shape[0]
            return self.layer("Crop", name, src, options=f" -23309=1,{begin} -23310=1,{begin + count} -23311=1,0")[0]
        if layer.kind == "add":
            return self.layer("BinaryOp", name, src, options=" 0=0")[0]
        if layer.kind == "pool":
            bottom, right = o["after"]
            return self.layer("Pooling", name, src, options=f" 0=0 1={o['size']} 2={o['stride']} 3={o['before']}"
                              f" 13={o['before']} 14={right} 15={bottom} 5=1")[0]
        if layer.kind == "upsample":
            return self.layer("Interp", name, src, options=f" 0=1 1={o['stride']}.0 2={o['stride']}.0")[0]
        return src[0]  # same, head


def write(stem, layers):
    """STEM.param and STEM.bin. Returns (input name, output names)."""
    reads = {}
    for layer in layers:
        if layer.kind != "head":
            for s in layer.src:
                reads[s] = reads.get(s, 0) + 1
    heads = head_sources(layers)
    for s in heads:
        reads[s] = reads.get(s, 0) + 1
    writer = Writer(reads)
    writer.layer("Input", "images", [])
    writer.publish(-1, "images")
    for at, layer in enumerate(layers):
        if layer.kind == "head":
            continue
        writer.publish(at, writer.write(at, layer))
    outputs = [writer.take(s) for s in heads]
    with open(stem + ".param", "w", encoding="ascii") as out:
        out.write(f"7767517\n{len(writer.lines)} {writer.blobs}\n" + "\n".join(writer.lines) + "\n")
    with open(stem + ".bin", "wb") as out:
        out.write(writer.data)
    return "images", outputs
