#!/usr/bin/env python3
"""Our engine beside others on the same networks with the same weights, batch 1, in one run: every
round visits every engine in a process of its own, so that drifting clocks and neighbours touch
all alike. Prints one table with ratios; --out DIR gets it as JSON and as a picture too."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import network
import to_ncnn
import to_onnx

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
F32_PEERS = ["onnxruntime", "openvino-f32", "ncnn", "opencv"]
BF16_PEERS = ["openvino", "openvino-bf16"]
OURS = {"syolo-f32": "f32", "syolo-bf16": "bf16"}
SUMS = {"convolutions-direct": "direct", "convolutions-winograd": "winograd", "convolutions-bf16": "bf16"}
NETWORKS = {"yolov4-tiny": (416, 416), "yolov4-csp": (640, 640)}

# ratio: (ours, others of which the fastest counts, at most)
REQUIRED = [("syolo-f32", F32_PEERS, 0.9), ("syolo-f32", ["convolutions-direct"], 1.1),
            ("syolo-bf16", ["convolutions-bf16"], 1.3), ("syolo-bf16", ["openvino"], 1.0)]


class Failed(Exception):
    """A child that ended badly; its last words."""


class Bench:
    def __init__(self, options):
        self.options = options
        self.cpus = choose_cpus(options.threads)
        self.results = {}   # (network, engine): {"min": [...], "median": [...]} a value per round
        self.samples = {}   # (network, engine): output values, for the agreement
        self.failures = {}  # (network, engine): why

    def child(self, command, text=None):
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.options.threads)}
        run = subprocess.run(command, input=text, capture_output=True, text=True, check=False,
                             env=environment, timeout=self.options.timeout,
                             preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        if run.returncode != 0:
            words = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise Failed(f"exit {run.returncode}: {words}")
        return json.loads(run.stdout.strip().splitlines()[-1] if text else run.stdout)

    def prepare(self, name, size):
        """The network's files for all engines, in the work folder."""
        cfg = self.options.cfg / f"{name}.cfg"
        shape_in, layers = network.read_layers(cfg, size)
        stem = str(self.options.work / name)
        network.write_random_weights(stem + ".weights", layers, seed=0)
        network.load_weights(stem + ".weights", layers)
        to_onnx.write(stem + ".onnx", shape_in, layers)
        about = {"input": shape_in, "ncnn": to_ncnn.write(stem, layers),
                 "outputs": [layers[s].shape for s in network.head_sources(layers)]}
        pathlib.Path(stem + ".json").write_text(json.dumps(about), encoding="utf-8")
        return {"cfg": str(cfg), "stem": stem, "size": size, "shapes": convolutions(shape_in, layers)}

    def measure_peer(self, engine, model):
        found = self.child([sys.executable, "-B", str(HERE / "engines.py"), engine, model["stem"],
                            str(self.options.threads), str(self.options.seconds)])
        return ({engine: (min(found["times"]), statistics.median(found["times"]))},
                found["samples"])

    def measure_ours(self, engine, model, *more):
        width, height = model["size"]
        found = self.child([str(self.options.syolo), "bench", model["cfg"], "--weights",
                            model["stem"] + ".weights", "--input", f"{width}x{height}", "--threads",
                            str(self.options.threads), "--precision", OURS[engine], "--seconds",
                            str(self.options.seconds), "--json", *more])
        return {engine: (found["ms"]["min"], found["ms"]["median"])}, None

    def measure_sums(self, model):
        found = self.child([str(self.options.sums)], text=model["shapes"])
        return {name: (found[key]["min"], found[key]["median"]) for name, key in SUMS.items()}, None

    def visit(self, name, engine, model):
        if (name, engine) in self.failures:
            return
        try:
            if engine == "convolutions":
                found, samples = self.measure_sums(model)
            elif engine in OURS:
                found, samples = self.measure_ours(engine, model)
            else:
                found, samples = self.measure_peer(engine, model)
        except (Failed, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            self.failures[name, engine] = str(error)
            print(f"{name}: {engine}: {error}", file=sys.stderr)
            return
        for key, (least, median) in found.items():
            entry = self.results.setdefault((name, key), {"min": [], "median": []})
            entry["min"].append(least)
            entry["median"].append(median)
        if samples:
            self.samples[name, engine] = samples

    def run(self):
        engines = ["convolutions", *OURS, *F32_PEERS, *BF16_PEERS]
        if self.options.engines:
            engines = [e for e in engines if e in self.options.engines]
        models = {name: self.prepare(name, size) for name, size in NETWORKS.items()
                  if not self.options.networks or name in self.options.networks}
        for name, model in models.items():
            for engine in OURS:  # choices are measured once and kept; the rounds only use them
                if engine in engines:
                    try:
                        self.measure_ours(engine, model, "--tune")
                    except (Failed, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
                        self.failures[name, engine] = str(error)
                        print(f"{name}: {engine}: {error}", file=sys.stderr)
        for turn in range(self.options.rounds):
            for name, model in models.items():
                for engine in engines:
                    print(f"\rround {turn + 1}/{self.options.rounds}: {name} {engine:24}", end="",
                          file=sys.stderr, flush=True)
                    self.visit(name, engine, model)
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
        return list(models)

    def least(self, name, engine):
        entry = self.results.get((name, engine))
        return min(entry["min"]) if entry else None

    def fastest(self, name, engines):
        known = [value for value in (self.least(name, e) for e in engines) if value]
        return min(known) if known else None


def choose_cpus(threads):
    """As many of our processors as threads, of different cores while there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    cores, chosen = set(), []
    for cpu in allowed:
        folder = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            core = ((folder / "physical_package_id").read_text(), (folder / "core_id").read_text())
        except OSError:
            core = cpu
        if core not in cores:
            cores.add(core)
            chosen.append(cpu)
    chosen += [cpu for cpu in allowed if cpu not in chosen]
    return set(chosen[:threads])


def convolutions(shape_in, layers):
    """One line per convolution, as convolution_sum reads them."""
    lines = []
    for layer in layers:
        if layer.kind == "conv":
            o, source = layer.options, layer.src[0]
            _, rows, columns = layers[source].shape if source >= 0 else shape_in
            lines.append(f"{o['in']} {layer.shape[0]} {o['size']} {o['stride']} {o['pad']} {o['groups']}"
                         f" {rows} {columns} {o['activation']}")
    return "\n".join(lines) + "\n"


def processor():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    lines = {key.strip(): value.strip() for key, value in pairs}
    flags = lines.get("flags", "").split()
    features = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]
    return f"{lines.get('model name', 'unknown')} ({' '.join(features)})"


def largest_difference(one, other):
    scale = max(abs(v) for v in other) or 1.0
    return max(abs(a - b) for a, b in zip(one, other)) / scale


def table(bench, names):
    """The text of the result, and whether every required ratio holds."""
    o = bench.options
    lines = [f"{processor()}, {o.threads} threads, batch 1, {o.rounds} rounds of {o.seconds:g} s",
             "least ms of all runs (median of the rounds' medians); ratio to the fastest f32 peer", ""]
    head = f"{'engine':24}"
    for name in names:
        width, height = NETWORKS[name]
        head += f" {name + f' {width}x{height}':>32}"
    lines.append(head)
    order = list(SUMS) + list(OURS) + F32_PEERS + BF16_PEERS
    for engine in order:
        row, known = f"{engine:24}", False
        for name in names:
            entry = bench.results.get((name, engine))
            peer = bench.fastest(name, F32_PEERS)
            if entry:
                known = True
                ratio = f"{min(entry['min']) / peer:6.2f}" if peer else "     -"
                row += f" {min(entry['min']):11.2f} ({statistics.median(entry['median']):9.2f}) {ratio}"
            else:
                row += f" {'-':>32}"
        if known:
            lines.append(row.rstrip())
    verdict, held = ratios(bench, names)
    agreement = []
    for (name, engine), samples in bench.samples.items():
        if engine != "onnxruntime" and (name, "onnxruntime") in bench.samples:
            difference = largest_difference(samples, bench.samples[name, "onnxruntime"])
            agreement.append(f"{name} {engine}: {difference:.1e}")
    if agreement:
        lines += ["", "largest difference of sampled outputs to onnxruntime, relative to the largest value:"]
        lines += ["  " + text for text in agreement]
    if verdict:
        lines += ["", "required:"] + ["  " + text for text in verdict]
    return "\n".join(lines) + "\n", held


def ratios(bench, names):
    lines, held = [], True
    for name in names:
        for ours, others, most in REQUIRED:
            mine, theirs = bench.least(name, ours), bench.fastest(name, others)
            if mine is None or theirs is None:
                continue
            ok = mine <= most * theirs
            held &= ok
            against = others[0] if len(others) == 1 else "the fastest f32 peer"
            lines.append(f"{'holds ' if ok else 'MISSED'} {name}: {ours} {mine:.2f} ms is {mine / theirs:.2f} x"
                         f" {against} ({theirs:.2f} ms), at most {most:g}")
    return lines, held


def picture(bench, names, path):
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    figure, axes = pyplot.subplots(1, len(names), figsize=(6 * len(names), 4), squeeze=False)
    for axis, name in zip(axes[0], names):
        engines = [e for e in list(OURS) + F32_PEERS + BF16_PEERS + list(SUMS) if bench.least(name, e)]
        values = [bench.least(name, e) for e in engines]
        colors = ["tab:green" if e in OURS else "tab:gray" if e in SUMS else "tab:blue" for e in engines]
        bars = axis.barh(engines[::-1], values[::-1], color=colors[::-1])
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.margins(x=0.2)
        axis.set_xlabel("ms per picture (least), batch 1")
        axis.set_title(f"{name} {NETWORKS[name][0]}x{NETWORKS[name][1]}")
    figure.suptitle(f"{processor()}, {bench.options.threads} threads", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    return True


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--syolo", type=pathlib.Path, default=ROOT / "build/release/app/syolo")
    parser.add_argument("--sums", type=pathlib.Path, default=ROOT / "build/bench/convolution_sum")
    parser.add_argument("--cfg", type=pathlib.Path, default=ROOT / "tests/data/oracles/darknet/family",
                        help="folder of the cfgs")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/peers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="per engine and round")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds until an engine is given up")
    parser.add_argument("--engines", nargs="*", help="only these (convolutions, syolo-f32, onnxruntime, ...)")
    parser.add_argument("--networks", nargs="*", choices=sorted(NETWORKS))
    options = parser.parse_args()
    options.work = options.out / "files"
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def main():
    options = arguments()
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"note: the load of this machine is {load:.1f}; other programs disturb the figures", file=sys.stderr)
    bench = Bench(options)
    names = bench.run()
    text, held = table(bench, names)
    print(text, end="")
    results = {"processor": processor(), "threads": options.threads, "rounds": options.rounds,
               "load_before": load,
               "ms": [{"network": name, "engine": engine, **entry}
                      for (name, engine), entry in bench.results.items()],
               "failures": [{"network": n, "engine": e, "why": why} for (n, e), why in bench.failures.items()]}
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (options.out / "results.txt").write_text(text, encoding="utf-8")
    drawn = picture(bench, names, options.out / "results.png")
    print(f"\nwritten: {options.out}/results.txt, results.json{', results.png' if drawn else ''}")
    return 0 if held and not any(e in OURS for _, e in bench.failures) else 1


if __name__ == "__main__":
    sys.exit(main())
