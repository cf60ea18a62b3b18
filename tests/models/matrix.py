#!/usr/bin/env python3
"""Runs vitqc on exported models (export.py) and writes what came out.

    matrix.py run VITQC ONNX_EVAL RESULTS.json FOLDER.. [--images X.npy]
    matrix.py keep FOLDER                  the starred ones go into zoo/
    matrix.py expect RESULTS.json          zoo/expected.txt
    matrix.py docs SMALL.json FULL.json CONVERTED.json
                                           docs/models.md on standard output

`run` takes every NAME_FORM.onnx of the folders: float import against ONNX
Runtime, compiled code against the evaluator, SQNR of the outputs, sizes. Full
models get images of X.npy (f32 NCHW, resized to each model's side), 32 to
calibrate and 8 others to measure; small ones the fixtures' inputs, for both.
RESULTS.json is added to, and written after every model. Needs numpy, onnx and
onnxruntime, for resizing torch.
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
WHO = {"ts": "TorchScript", "dyn": "dynamo"}
EXTRA = {
    "batch": "dynamic batch", "data": "external data", "raw": "not optimized",
    "functions": "local functions", "fp16": "float16", "bf16": "bfloat16",
    "ort": "ONNX Runtime's optimizer", "names": "other alphabets",
    "nhwc": "channels last",
}


def run_reference(path, x):
    """ONNX Runtime's outputs, a row an image, all outputs side by side."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(in_float32(path), options,
                                   providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = []
    for i in range(len(x)):
        y = session.run(None, {name: x[i:i + 1]})
        rows.append(np.concatenate([np.ravel(part) for part in y]))
    return np.stack(rows)


def in_float32(path):
    """The file; one with 16-bit floats as bytes, its arithmetic in 32 bits as
    vitqc's is (ONNX Runtime rounds every value, and has no bfloat16)."""
    import onnx
    from onnx import TensorProto, numpy_helper

    half = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    model = onnx.load(str(path))
    found = False
    for t in model.graph.initializer:
        if t.data_type in half:
            found = True
            t.CopyFrom(numpy_helper.from_array(
                numpy_helper.to_array(t).astype(np.float32), t.name))
    for node in model.graph.node:
        for a in node.attribute:
            if a.name == "to" and a.i in half:
                a.i = TensorProto.FLOAT
            elif a.type == a.TENSOR and a.t.data_type in half:
                a.t.CopyFrom(numpy_helper.from_array(
                    numpy_helper.to_array(a.t).astype(np.float32)))
    return model.SerializeToString() if found else str(path)


def known_outputs(path, count):
    """What is kept beside a fixture: for the last images, a row each."""
    kept = path.with_suffix(".out.npy")
    return np.load(kept)[-count:].reshape(count, -1) if kept.exists() else None


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
        want = known_outputs(path, len(x))
        want = run_reference(path, x) if want is None else want
    except Exception as e:
        row["float_reason"] = "ONNX Runtime: " + str(e).split("\n")[0][:120]
        return
    row["float_error"] = float(
        (np.abs(got - want).max(1) / np.abs(want).max(1)).max())


def find(pattern, text, kind=float):
    found = re.search(pattern, text, re.M)
    return kind(found.group(1)) if found else None


def check_integer(vitqc, path, calib, x, tmp, row, options):
    np.save(tmp / "calib.npy", calib)
    np.save(tmp / "x.npy", x)
    done = command(vitqc, "verify", path, "--calib", tmp / "calib.npy",
                   "--input", tmp / "x.npy", "--save-calib",
                   tmp / "calib.json", *options)
    row["status"] = done.returncode
    if done.returncode:
        row["reason"] = reason(done.stderr)
        return
    row["sqnr"] = find(r"^SQNR of the outputs +(\S+) dB", done.stdout)
    row["exact"] = bool(re.search(
        r"^object equals evaluator, images +(\d+) of \1$",
        done.stdout, re.M))
    row["float_ops"] = find(r"(\d+) ops? (?:is|are) kept in float",
                            done.stderr, int) or 0


def check_sizes(vitqc, path, tmp, row):
    done = command(vitqc, path, "-o", tmp / "m.o", "--load-calib",
                   tmp / "calib.json", "--report", tmp / "r.json")
    if done.returncode:
        return
    total = json.load(open(tmp / "r.json"))["total"]
    row["object"] = (tmp / "m.o").stat().st_size
    row["constants"] = total["constant_bytes"]


def input_dims(path):
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    shape = model.graph.input[0].type.tensor_type.shape
    return [d.dim_value for d in shape.dim]


def opset(path):
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return next(o.version for o in model.opset_import
                if o.domain in ("", "ai.onnx"))


def small_images(dims):
    """The inputs of the fixtures, in the layout of the model."""
    nhwc = dims[3] == 3
    side = dims[2]
    name = f"input{'' if side == 32 else side}{'_nhwc' if nhwc else ''}.npy"
    return np.load(HERE / name)


def full_images(path, dims, cache):
    side = dims[2]
    if side not in cache:
        import export
        every = np.load(path, mmap_mode="r")[::12][:40]
        cache[side] = np.ascontiguousarray(export.resize(every, side).numpy())
    test = np.arange(len(cache[side])) % 5 == 2
    return cache[side][~test], cache[side][test]


def run_one(args, path, cache):
    row = {"bytes": sum(p.stat().st_size
                        for p in path.parent.glob(path.name + "*"))}
    dims = input_dims(path)
    evaluate = []
    if args.images:
        calib, x = full_images(args.images, dims, cache)
        evaluate = ["--evaluate=1"]
    else:
        calib = x = small_images(dims)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        row["images"] = len(calib)
        check_float(args.onnx_eval, path, x[-2:], tmp, row)
        check_integer(args.vitqc, path, calib, x, tmp, row,
                      ["--cpu-levels=avx2", *evaluate])
        if not row["status"] and args.images:
            check_sizes(args.vitqc, path, tmp, row)
    return row


def run(args):
    results = {}
    if args.results.exists():
        results = json.loads(args.results.read_text())
    cache = {}
    for folder in args.folders:
        for path in sorted(folder.glob("*.onnx")):
            if args.only and path.stem not in args.only:
                continue
            row = run_one(args, path, cache)
            row["opset"] = opset(path)
            results[path.stem] = row
            args.results.write_text(json.dumps(results, indent=1))
            print(path.stem, {k: v for k, v in row.items() if k != "bytes"},
                  flush=True)


def keep(args):
    """Copies the starred files, with what ONNX Runtime gives for them."""
    import zoo

    out = HERE / "zoo"
    out.mkdir(exist_ok=True)
    for row in zoo.ROWS:
        for form, kept in row.exports().items():
            name = f"{row.name}_{form.replace('+', '_')}"
            path = args.folder / f"{name}.onnx"
            if not kept or not path.exists():
                continue
            for part in args.folder.glob(f"{name}.onnx*"):
                shutil.copy(part, out)
            np.save(out / f"{name}.out.npy",
                    run_reference(path, small_images(input_dims(path))))


def expect(args):
    """What driver/models.sh holds the fixtures to."""
    results = json.loads(args.results.read_text())
    lines = ["# file, SQNR of its int8 outputs in dB, error of its float "
             "outputs, ops in float, as measured; -: refused"]
    for path in sorted((HERE / "zoo").glob("*.onnx")):
        row = results[path.stem]
        sqnr = row["sqnr"] if row["status"] == 0 else "-"
        error = f"{row['float_error']:.1e}" if "float_error" in row else "-"
        lines.append(
            f"{path.stem} {sqnr} {error} {row.get('float_ops', '-')}")
    (HERE / "zoo" / "expected.txt").write_text("\n".join(lines) + "\n")


def describe(name):
    """Model and form of a file's name."""
    import zoo

    for row in zoo.ROWS:
        for form in row.exports():
            if name == f"{row.name}_{form.replace('+', '_')}":
                return row, form
    return None, None


def exporter(form):
    base, *more = form.split("+")
    kind, opset = re.match(r"(ts|dyn)(\d+)", base).groups()
    return WHO[kind], opset, [EXTRA[m] for m in more]


def number(value, form):
    return "" if value is None else format(value, form)


def notes(small, full):
    said = []
    for size, row in (("", small), ("full size: ", full)):
        if not row:
            continue
        if "float_reason" in row:
            said.append(size + row["float_reason"])
        if row.get("reason") and row["reason"] != row.get("float_reason"):
            said.append(size + row["reason"])
        if row.get("status") == 0 and not row.get("exact"):
            said.append(size + "compiled code differs from the evaluator")
        if size and row.get("sqnr") and row["images"] != 32:
            said.append(f"{size}calibrated on {row['images']} images")
    return "; ".join(dict.fromkeys(said))


def in_float(*rows):
    return max((r["float_ops"] for r in rows if "float_ops" in r),
               default=None)


def table(small, full, names):
    yield ("| model | from | exporter | opset | float error | bit exact | SQNR "
           "small | SQNR full | in float | object / weights | notes |")
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name in names:
        s, f = small.get(name, {}), full.get(name, {})
        row, form = describe(name)
        who, opset, more = exporter(form)
        error = max((r["float_error"] for r in (s, f) if "float_error" in r),
                    default=None)
        exact = [r["exact"] for r in (s, f) if "exact" in r]
        size = f["object"] / f["constants"] if "object" in f else None
        yield "| " + " | ".join([
            row.name, row.source, who, ", ".join([opset, *more]),
            number(error, ".1e"), "yes" if exact and all(exact) else
            "no" if exact else "", number(s.get("sqnr"), ".1f"),
            number(f.get("sqnr"), ".1f"),
            number(in_float(s, f), "d"), number(size, ".2f"),
            notes(s, f)]) + " |"


# Folders of fixtures beside zoo/, by the start of a file's name.
CONVERTERS = {
    "keras": "tf2onnx", "paddle": "Paddle2ONNX",
    "optimized": "ONNX Runtime's transformer optimizer",
    "qdq": "ONNX Runtime's quantizer, QDQ",
    "qop": "ONNX Runtime's quantizer, QLinear operators",
    "dynamic": "ONNX Runtime's quantizer, dynamic",
}


def converted_table(results):
    yield ("| file | converter | opset | float error | bit exact | SQNR | in "
           "float | notes |")
    yield "|---|---|---|---|---|---|---|---|"
    for name, row in results.items():
        exact = {True: "yes", False: "no"}.get(row.get("exact"), "")
        yield "| " + " | ".join([
            name, CONVERTERS[name.split("_")[0]], str(row["opset"]),
            number(row.get("float_error"), ".1e"), exact,
            number(row.get("sqnr"), ".1f"), number(row.get("float_ops"), "d"),
            notes(row, {})]) + " |"


def docs(args):
    import zoo

    small = json.loads(args.small.read_text())
    full = json.loads(args.full.read_text())
    order = [f"{row.name}_{form.replace('+', '_')}" for row in zoo.ROWS
             for form in row.exports()]
    names = [n for n in order if n in small or n in full]
    works = [n for n in names if small.get(n, {}).get("status") == 0]
    whole = [n for n in works if not small[n]["float_ops"]]
    head = (HERE / "models.head.md").read_text()
    print(head.format(count=len(names), works=len(works), whole=len(whole),
                      models=len({describe(n)[0].name for n in names})))
    for line in table(small, full, names):
        print(line)
    print("\n" + (HERE / "models.converted.md").read_text())
    for line in converted_table(json.loads(args.converted.read_text())):
        print(line)


def main():
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="what", required=True)
    p = sub.add_parser("run")
    p.add_argument("vitqc")
    p.add_argument("onnx_eval")
    p.add_argument("results", type=pathlib.Path)
    p.add_argument("folders", type=pathlib.Path, nargs="+")
    p.add_argument("--images")
    p.add_argument("--only", action="append")
    p.set_defaults(call=run)
    p = sub.add_parser("keep")
    p.add_argument("folder", type=pathlib.Path)
    p.set_defaults(call=keep)
    p = sub.add_parser("expect")
    p.add_argument("results", type=pathlib.Path)
    p.set_defaults(call=expect)
    p = sub.add_parser("docs")
    p.add_argument("small", type=pathlib.Path)
    p.add_argument("full", type=pathlib.Path)
    p.add_argument("converted", type=pathlib.Path)
    p.set_defaults(call=docs)
    args = parser.parse_args()
    args.call(args)


if __name__ == "__main__":
    main()
