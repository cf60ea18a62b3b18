#!/usr/bin/env python3
"""Runs vitqc on exported models (export.py) and writes what came out.

    matrix.py run VITQC ONNX_EVAL FOLDER RESULTS.json [--images X.npy] [NAME..]
    matrix.py keep FOLDER                  the starred ones become fixtures/
    matrix.py docs SMALL.json FULL.json    docs/models.md on standard output

`run` takes every NAME_FORM.onnx of the folder: float import against ONNX
Runtime, compiled code against the evaluator, SQNR of the outputs, sizes; images
are X.npy (f32 NCHW, resized to each model's side), half of them for
calibration; noise without. RESULTS.json is added to, and written after every
model. Needs numpy, onnx and onnxruntime, for resizing torch.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
LIMIT = 1e-4
NOISE = 5  # images of small models
WHO = {"ts": "TorchScript", "dyn": "dynamo"}
EXTRA = {
    "batch": "dynamic batch", "data": "external data", "raw": "not optimized",
    "functions": "local functions", "fp16": "float16", "bf16": "bfloat16",
    "ort": "ONNX Runtime's optimizer",
}


def run_reference(path, x):
    """ONNX Runtime's outputs, a row an image, all outputs side by side."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options,
                                   providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = []
    for i in range(len(x)):
        y = session.run(None, {name: x[i:i + 1]})
        rows.append(np.concatenate([np.ravel(part) for part in y]))
    return np.stack(rows)


def reason(text):
    lines = [line for line in text.splitlines() if "error:" in line]
    line = (lines or text.splitlines() or ["no message"])[0]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return re.sub(r"^.*\.onnx: ", "", line).replace("|", "/")[:160] + more


def command(*args):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([str(a) for a in args], env=env, text=True,
                          capture_output=True)


def check_float(onnx_eval, path, x, tmp, row):
    np.save(tmp / "x.npy", x)
    done = command(onnx_eval, path, tmp / "x.npy", tmp / "y.npy")
    if done.returncode:
        row["float_reason"] = reason(done.stderr)
        return
    got = np.load(tmp / "y.npy").reshape(len(x), -1)
    try:
        want = run_reference(path, x)
    except Exception as e:
        row["float_reason"] = "ONNX Runtime: " + str(e).split("\n")[0][:120]
        return
    row["float_error"] = float(
        (np.abs(got - want).max(1) / np.abs(want).max(1)).max())


def find(pattern, text, kind=float):
    found = re.search(pattern, text, re.M)
    return kind(found.group(1)) if found else None


def check_integer(vitqc, path, calib, x, tmp, row, level):
    np.save(tmp / "calib.npy", calib)
    np.save(tmp / "x.npy", x)
    done = command(vitqc, "verify", path, "--calib", tmp / "calib.npy",
                   "--input", tmp / "x.npy", *level)
    row["status"] = done.returncode
    if done.returncode:
        row["reason"] = reason(done.stderr)
        return
    row["sqnr"] = find(r"^SQNR of the outputs +(\S+) dB", done.stdout)
    row["exact"] = bool(re.search(
        rf"^object equals evaluator, images +{len(x)} of {len(x)}$",
        done.stdout, re.M))
    row["float_ops"] = len(re.findall(r"kept in float", done.stdout))


def check_sizes(vitqc, path, calib, tmp, row):
    done = command(vitqc, path, "-o", tmp / "m.o", "--calib",
                   tmp / "calib.npy", "--report", tmp / "r.json")
    if done.returncode:
        return
    total = json.load(open(tmp / "r.json"))["total"]
    row["object"] = (tmp / "m.o").stat().st_size
    row["constants"] = total["constant_bytes"]
    for key in ("float_ops", "ops_in_float"):
        if key in total:
            row["float_ops"] = total[key]


def images_for(path, given, cache):
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    dims = [d.dim_value for d in
            model.graph.input[0].type.tensor_type.shape.dim]
    side = dims[2]
    if side in cache:
        return cache[side]
    if given:
        import export
        x = export.resize(np.load(given, mmap_mode="r"), side).numpy()
    else:
        x = np.random.default_rng(side).standard_normal(
            (2 * NOISE, 3, side, side), np.float32)
    cache[side] = np.ascontiguousarray(x)
    return cache[side]


def run(args):
    results = {}
    if args.results.exists():
        results = json.loads(args.results.read_text())
    cache = {}
    small = not args.images
    level = ["--cpu-levels=avx2"]
    for path in sorted(args.folder.glob("*.onnx")):
        if args.names and path.stem not in args.names:
            continue
        row = {"bytes": path.stat().st_size}
        x = images_for(path, args.images, cache)
        half = len(x) // 2
        with tempfile.TemporaryDirectory() as tmp:
            tmp = pathlib.Path(tmp)
            check_float(args.onnx_eval, path, x[half:half + 2], tmp, row)
            check_integer(args.vitqc, path, x[:half], x[half:], tmp, row,
                          level)
            if not row["status"] and not small:
                check_sizes(args.vitqc, path, x[:half], tmp, row)
        results[path.stem] = row
        args.results.write_text(json.dumps(results, indent=1))
        print(path.stem, {k: v for k, v in row.items() if k != "bytes"},
              flush=True)


def main():
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="what", required=True)
    p = sub.add_parser("run")
    p.add_argument("vitqc")
    p.add_argument("onnx_eval")
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("results", type=pathlib.Path)
    p.add_argument("--images")
    p.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.what == "run":
        run(args)


if __name__ == "__main__":
    main()
