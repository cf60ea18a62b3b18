"""One step of a benchmark in a process of its own, so that nothing it does,
a crash included, reaches the other steps: python child.py CONFIG OUT STEP ARG..

CONFIG is what bench.py wrote, OUT receives a JSON object.
"""
import json
import os
import sys

import numpy as np

import images
import measure
import ours
import peers
import zoo
from machine import Busy


def write_json(path, data):
    with open(path + ".part", "w") as f:
        json.dump(data, f, indent=1)
    os.replace(path + ".part", path)


class Config:
    """The settings, and where the files of a model are."""

    def __init__(self, path):
        with open(path) as f:
            self.__dict__.update(json.load(f))

    def model(self, key):
        return next(m for m in zoo.MODELS if m.key == key)

    def file(self, key):
        return zoo.find_file(self.model(key), self.cache, self.real)

    def folder(self, key, name="peers"):
        path = os.path.join(self.cache if name == "peers" else self.out,
                            "files", key, name)
        os.makedirs(path, exist_ok=True)
        return path

    def images(self):
        return images.load(self.cache, self.images_list, self.calib_count)

    def object(self, key, batch):
        return os.path.join(self.folder(key, "vitqc"), f"batch{batch}.o")


def step_images(config, out):
    images.prepare(config.cache, config.images_list, config.calib_count)
    write_json(out, {})


def step_model(config, out, model):
    write_json(out, {"file": config.file(model)})


def step_quantize(config, out, model, key):
    peer = next(p for p in peers.PEERS if p.key == key)
    peers.make_file(peer, config.file(model), config.folder(model),
                    config.images().calib)
    write_json(out, {})


def step_compile(config, out, model, batch):
    write_json(out, ours.compile_model(
        config.vitqc, config.file(model), int(batch),
        config.images().calib_path, config.folder(model, "vitqc")))


def step_bench(config, out, model, batch, threads, *levels):
    """levels: "NAME=MS", MS the milliseconds of a call so far."""
    found = {}
    for name, ms in (level.split("=") for level in levels):
        repeat = max(5, min(100, int(5000 / float(ms))))
        done = ours.bench(config.vitqc, config.object(model, batch), name,
                          int(threads), repeat,
                          config.folder(model, "vitqc"))
        found = {**done, "levels": found.get("levels", []) + done["levels"]}
    write_json(out, found)


def open_peers(config, model, batch, threads):
    """Key -> function of images; key -> reason of those that failed."""
    good, failed = {}, {}
    for peer in peers.PEERS:
        path = peers.find_file(peer, config.file(model), config.folder(model))
        try:
            if not os.path.exists(path):
                raise ours.Failed("not quantized")
            good[peer.key] = peer.open(path, batch, threads)
        except peers.Absent:
            pass
        except Exception as why:
            failed[peer.key] = str(why)
    return good, failed


def open_ours(config, model, batch, threads, x, all_levels=True):
    """"vitqc LEVEL" -> function, weakest first. The base level, which is for
    any CPU of the architecture, is left out unless all are asked for."""
    path = config.object(model, batch)
    if not os.path.exists(path[:-1] + "so"):
        return {}
    compiled = ours.Compiled(path, batch, zoo.CLASSES)
    levels = compiled.levels(x)
    return {f"vitqc {name}": compiled.open(number, threads)
            for name, number in levels.items()
            if all_levels or name != "base" or len(levels) == 1}


def describe(tracks, failed, best):
    runners = {}
    for key, track in tracks.items():
        ms = measure.spread(1e3 * s for s in track.seconds)
        runners[key] = {"ms": ms, "rounds": len(track.seconds)}
        if best in tracks and key != best:
            runners[key]["ratio"] = measure.ratios(track, tracks[best])
    return {"ours": best, "runners": runners, "failed": failed}


def step_cell(config, out, model, batch, threads, seconds):
    """One table: all peers and levels, side by side. In every table but that
    of one thread and batch 1, "alone" is vitqc with both."""
    batch, threads = int(batch), int(threads)
    first = batch == 1 and threads == 1
    x = np.array(config.images().judge[:batch])
    one = np.array(x[:1])
    calls, failed = open_peers(config, model, batch, threads)
    mine = open_ours(config, model, batch, threads, x, all_levels=first)
    best = list(mine)[-1] if mine else None
    functions = {k: lambda f=f: f(x) for k, f in {**calls, **mine}.items()}
    if best and not first:
        alone = open_ours(config, model, 1, 1, one)
        if alone:
            functions["alone"] = lambda f=alone[best]: f(one)
    busy = Busy()

    def save(tracks, dropped):
        write_json(out, {"batch": batch, "threads": threads, **busy.shares(),
                         **describe(tracks, {**failed, **dropped}, best)})

    measure.time_rounds(functions, float(seconds),
                        0.002 if threads > 1 else 0, save)


def logits(run, judge):
    return np.concatenate([run(np.array(x[None])).copy() for x in judge])


def compare(y, want, labels):
    error = np.square((y - want).astype(float)).sum()
    result = {"agree": float((y.argmax(1) == want.argmax(1)).mean()),
              "images": len(y)}
    if error:
        result["sqnr_db"] = float(10 * np.log10(
            np.square(want.astype(float)).sum() / error))
    if labels:
        result["top1"] = float((y.argmax(1) == np.array(labels)).mean())
    return result


def step_accuracy(config, out, model):
    """Logits of all against ONNX Runtime fp32; whether all levels and numbers
    of threads of vitqc give the same bits."""
    data = config.images()
    real = model == "deit_t" and bool(config.real)
    count = min(len(data.judge), config.judge_count if real else 16)
    judge, labels = data.judge[:count], real and data.labels
    labels = labels[:count] if labels else None
    x = np.array(judge[:1])
    calls, failed = open_peers(config, model, 1, 1)
    mine = open_ours(config, model, 1, 1, x)
    if mine:
        best = list(mine)[-1]
        calls["vitqc"] = mine[best]
    result = {"runners": {}, "failed": failed}
    want = logits(calls["ort_fp32"], judge)
    for key, run in calls.items():
        y = want if key == "ort_fp32" else logits(run, judge)
        result["runners"][key] = compare(y, want, labels)
        write_json(out, result)
    if mine:
        few = judge[:8]
        bits = {name: logits(run, few) for name, run in mine.items()}
        for n in config.threads:
            if n > 1:
                bits[f"{best} {n} threads"] = logits(
                    open_ours(config, model, 1, n, x)[best], few)
        same = [k for k, y in bits.items() if np.array_equal(y, bits[best])]
        result["same_bits"] = len(same) == len(bits)
        result["bits_compared"] = list(bits)
        write_json(out, result)


# OpenVINO's node types; whatever is not here is elementwise.
KINDS = {"FullyConnected": "gemm", "FullyConnectedQuantizedLegacy": "gemm",
         "Convolution": "gemm", "MatMul": "gemm", "MVN": "layernorm",
         "ScaledDotProductAttention": "attention", "Softmax": "softmax",
         "Transpose": "layout", "Reorder": "layout", "Concat": "layout",
         "Reshape": "layout", "Split": "layout", "VariadicSplit": "layout",
         "Gather": "layout", "StridedSlice": "layout", "Slice": "layout"}


def openvino_kinds(model):
    """Name of a node of the compiled graph -> kind. A subgraph that OpenVINO
    fused is attention when a softmax is in it."""
    kinds = {}
    for op in model.compiled.get_runtime_model().get_ops():
        info = op.get_rt_info()
        kind = str(info["layerType"].astype(str))
        made_of = str(info["originalLayersNames"].astype(str))
        if kind == "Subgraph" and "Softmax" in made_of:
            kinds[op.get_friendly_name()] = "attention"
        else:
            kinds[op.get_friendly_name()] = KINDS.get(kind, "elementwise")
    return kinds


def step_openvino_profile(config, out, model):
    """Milliseconds by kind of OpenVINO int8, one thread, batch 1, by its own
    counters: sums of the nodes' medians, as vitqc's profile has them."""
    peer = next(p for p in peers.PEERS if p.key == "ov_int8")
    path = peers.find_file(peer, config.file(model), config.folder(model))
    run = peers.OpenVino(path, 1, 1, PERF_COUNT=True)
    kinds = openvino_kinds(run)
    x = np.array(config.images().judge[:1])
    nodes = {}
    for i in range(40):
        run(x)
        for node in run.request.profiling_info if i >= 10 else ():
            nodes.setdefault(node.node_name, []).append(
                1e3 * node.real_time.total_seconds())
    total = dict.fromkeys(sorted(set(kinds.values())), 0.0)
    for name, ms in nodes.items():
        total[kinds.get(name, "elementwise")] += float(np.median(ms))
    write_json(out, {"precision": run.precision(), "kinds_ms": {
        kind: ms for kind, ms in total.items() if ms}})


def main():
    config, out, step = Config(sys.argv[1]), sys.argv[2], sys.argv[3]
    try:
        globals()["step_" + step](config, out, *sys.argv[4:])
    except ours.Failed as why:
        sys.exit(str(why))


if __name__ == "__main__":
    main()
