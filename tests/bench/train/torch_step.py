"""Seconds of a training step of a cfg's network in plain PyTorch, layer by layer as the reference
program runs it: forward, a loss on every head, backward, Nesterov's step.

The loss is a single cross-entropy over all logits and no pictures are read, so that this is the
easier half of what training does."""

import time

import torch
from torch import nn


def sections(path):
    found = []
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif "=" in line:
            key, value = line.split("=", 1)
            found[-1][1][key.strip()] = value.strip()
    return found


ACTIVATIONS = {"mish": nn.Mish, "swish": nn.SiLU, "leaky": lambda: nn.LeakyReLU(0.1),
               "logistic": nn.Sigmoid, "linear": nn.Identity}


def convolution(keys, channels):
    filters, size = int(keys["filters"]), int(keys.get("size", 1))
    norm = keys.get("batch_normalize", "0") != "0"
    pad = size // 2 if keys.get("pad", "0") == "1" else int(keys.get("padding", 0))
    parts = [nn.Conv2d(channels, filters, size, int(keys.get("stride", 1)), pad,
                       groups=int(keys.get("groups", 1)), bias=not norm)]
    if norm:
        parts.append(nn.BatchNorm2d(filters, eps=1e-4, momentum=0.03))
    activation = keys.get("activation", "logistic")
    if activation != "linear":
        parts.append(ACTIVATIONS[activation]())
    return nn.Sequential(*parts), filters


class Network(nn.Module):
    """The sections that the Scaled-YOLOv4 family has."""

    def __init__(self, path):
        super().__init__()
        (_, self.net), *rest = sections(path)
        self.layers, self.plan, channels = nn.ModuleList(), [], []
        before = int(self.net["channels"])
        for index, (name, keys) in enumerate(rest):
            layer, out, sources = nn.Identity(), before, None
            if name == "convolutional":
                layer, out = convolution(keys, before)
            elif name == "maxpool":
                size, stride = int(keys["size"]), int(keys.get("stride", 1))
                layer = nn.MaxPool2d(size, stride, (size - 1) // 2)
            elif name == "upsample":
                layer = nn.Upsample(scale_factor=int(keys.get("stride", 2)))
            elif name in ("route", "shortcut"):
                word = "layers" if name == "route" else "from"
                sources = [int(x) for x in keys[word].split(",")]
                sources = [x if x >= 0 else index + x for x in sources]
                if name == "route":
                    groups = int(keys.get("groups", 1))
                    out = sum(channels[x] for x in sources) // groups
            elif name != "yolo":
                raise SystemExit(f"[{name}] is not known here")
            self.layers.append(layer)
            self.plan.append((name, keys, sources))
            channels.append(out)
            before = out

    def forward(self, x):
        values, heads = [], []
        for (name, keys, sources), layer in zip(self.plan, self.layers):
            if name == "route":
                parts = [values[s] for s in sources]
                x = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
                groups = int(keys.get("groups", 1))
                if groups > 1:
                    x = x.chunk(groups, 1)[int(keys["group_id"])]
            elif name == "shortcut":
                x = x + values[sources[0]]
            elif name == "yolo":
                heads.append(x)
            else:
                x = layer(x)
            values.append(x)
        return heads


def seconds_of_step(cfg, side, batch, threads, steps, channels_last, bf16=False):
    torch.set_num_threads(threads)
    net = Network(cfg).train()
    pictures = torch.rand(batch, 3, side, side)
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.937, nesterov=True)
    begin = None
    for step in range(steps + 1):
        if step == 1:  # the first one warms up
            begin = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            heads = net(pictures)
        loss = sum(nn.functional.binary_cross_entropy_with_logits(h.float(), torch.zeros_like(h).float())
                   for h in heads)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return (time.perf_counter() - begin) / steps
