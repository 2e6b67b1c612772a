"""One peer, one model, one process: loads, warms up, times batch 1 and prints one JSON line.
engines.py NAME MODEL THREADS SECONDS; MODEL is a stem with .onnx, .param, .bin and .json beside."""

import json
import sys
import time

import numpy as np


def onnxruntime(model, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model["stem"] + ".onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"images": x})


def openvino_at(precision):
    def load(model, threads):
        import openvino as ov
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        if precision:
            config["INFERENCE_PRECISION_HINT"] = precision
        core = ov.Core()
        compiled = core.compile_model(core.read_model(model["stem"] + ".onnx"), "CPU", config)
        request = compiled.create_infer_request()
        inputs = {}

        def run(x):
            if not inputs:
                inputs[0] = ov.Tensor(x)
            request.infer(inputs, share_inputs=True)
            return [request.get_output_tensor(i).data for i in range(len(compiled.outputs))]

        run.note = str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
        return run
    return load


def ncnn(model, threads):
    import ncnn as lib
    net = lib.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    if net.load_param(model["stem"] + ".param") or net.load_model(model["stem"] + ".bin"):
        raise RuntimeError("ncnn does not load its files")
    source, outputs = model["ncnn"]
    kept = {}

    def run(x):
        if not kept:
            kept["input"] = lib.Mat(x[0])
        extractor = net.create_extractor()
        extractor.input(source, kept["input"])
        return [np.array(extractor.extract(name)[1])[None] for name in outputs]
    return run


def opencv(model, threads):
    import cv2
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(model["stem"] + ".onnx")
    names = net.getUnconnectedOutLayersNames()

    def run(x):
        net.setInput(x)
        return net.forward(names)
    return run


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino_at(None), "openvino-f32": openvino_at("f32"),
           "openvino-bf16": openvino_at("bf16"), "ncnn": ncnn, "opencv": opencv}


def time_runs(run, x, seconds):
    """Milliseconds of single runs: at least three, for about `seconds`."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run(x)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def main():
    name, stem, threads, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    with open(stem + ".json", encoding="utf-8") as text:
        model = {"stem": stem, **json.load(text)}
    x = np.random.default_rng(1).random((1, *model["input"]), dtype=np.float32)
    start = time.perf_counter()
    run = ENGINES[name](model, threads)
    load_ms = (time.perf_counter() - start) * 1e3
    start = time.perf_counter()
    outputs = [np.asarray(out) for out in run(x)]
    first_ms = (time.perf_counter() - start) * 1e3
    shapes = sorted(out.shape for out in outputs)
    if shapes != sorted((1, *shape) for shape in map(tuple, model["outputs"])):
        raise RuntimeError(f"expected outputs {model['outputs']}, found {shapes}")
    by_size = sorted(outputs, key=lambda out: out.size)
    samples = [float(v) for out in by_size for v in out.reshape(-1)[:: max(1, out.size // 97)]]
    run(x)
    times = time_runs(run, x, seconds)
    print(json.dumps({"times": times, "load_ms": load_ms, "first_ms": first_ms, "samples": samples,
                      "note": getattr(run, "note", "")}))


if __name__ == "__main__":
    main()
