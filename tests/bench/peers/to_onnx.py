"""ONNX (opset 13, standard operators only) of a network; input `images`, outputs the raw heads.
Mish is written as x * tanh(softplus(x)), the form that every engine of this opset fuses."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network import head_sources


class Writer:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op, src, dst, **attributes):
        self.nodes.append(helper.make_node(op, src, [dst], **attributes))
        return dst

    def activation(self, name, src, dst):
        if name == "leaky":
            self.node("LeakyRelu", [src], dst, alpha=0.1)
        elif name == "logistic":
            self.node("Sigmoid", [src], dst)
        elif name in ("swish", "silu"):
            self.node("Sigmoid", [src], dst + "_s")
            self.node("Mul", [src, dst + "_s"], dst)
        elif name == "mish":
            self.node("Softplus", [src], dst + "_p")
            self.node("Tanh", [dst + "_p"], dst + "_t")
            self.node("Mul", [src, dst + "_t"], dst)
        elif name == "relu":
            self.node("Relu", [src], dst)
        else:
            raise ValueError(f"activation {name} is not written")

    def layer(self, at, layer, names):
        dst, src, options = f"v{at}", [names[s] for s in layer.src], layer.options
        if layer.kind == "conv":
            linear = options["activation"] == "linear"
            raw = dst if linear else dst + "_c"
            weights = [self.constant(f"w{at}", layer.kernel), self.constant(f"b{at}", layer.bias)]
            self.node("Conv", [*src, *weights], raw, kernel_shape=[options["size"]] * 2,
                      strides=[options["stride"]] * 2, pads=[options["pad"]] * 4, group=options["groups"])
            if not linear:
                self.activation(options["activation"], raw, dst)
        elif layer.kind == "concat":
            self.node("Concat", src, dst, axis=1)
        elif layer.kind == "slice":
            begin = options["begin"]
            ends = {"s": begin, "e": begin + layer.shape[0], "a": 1}
            bounds = [self.constant(f"{key}{at}", np.array([value])) for key, value in ends.items()]
            self.node("Slice", [*src, *bounds], dst)
        elif layer.kind == "add":
            self.node("Add", src, dst)
        elif layer.kind == "pool":
            before, (bottom, right) = options["before"], options["after"]
            self.node("MaxPool", src, dst, kernel_shape=[options["size"]] * 2,
                      strides=[options["stride"]] * 2, pads=[before, before, bottom, right])
        elif layer.kind == "upsample":
            scales = np.array([1, 1, options["stride"], options["stride"]], dtype=np.float32)
            self.node("Resize", [*src, "", self.constant(f"k{at}", scales)], dst, mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        else:  # same, head
            return src[0]
        return dst


def write(path, shape_in, layers):
    writer, names = Writer(), {-1: "images"}
    for at, layer in enumerate(layers):
        names[at] = writer.layer(at, layer, names)
    outputs = [helper.make_tensor_value_info(names[s], TensorProto.FLOAT, [1, *layers[s].shape])
               for s in head_sources(layers)]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, *shape_in])]
    graph = helper.make_graph(writer.nodes, "network", inputs, outputs, writer.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
