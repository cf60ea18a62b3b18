#!/usr/bin/env python3
"""Measures vitqc against ONNX Runtime and OpenVINO on this machine.

    tests/bench/run.sh [options]        makes the virtual environment first

Writes results.json, results.md and chart.svg to the output folder, anew after
every step, so that an interrupted run leaves what it has. What fails is told
in the table and does not stop the run. docs/performance.md says what the
figures mean; --docs puts them there.
"""
import argparse
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
# What the files in the cache are made by.
MADE_BY = ("requirements.txt", "images.py", "onnx_graph.py", "zoo.py",
           "quantize.py")


def cache(name, key):
    base = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return os.path.join(base, "vitqc-bench",
                        f"{name}-{hashlib.sha256(key).hexdigest()[:12]}")


def numbers(text):
    return [int(n) for n in text.split(",")]


def existing(*parts):
    path = os.path.join(SHARED, *parts)
    return path if os.path.exists(path) else ""


def parse_arguments():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = p.add_argument
    add("--budget", type=float, default=60,
        help="minutes of timing, over all tables (60); what comes before, \n"
             "quantizing with the peers above all, is kept in the cache")
    add("--quick", action="store_true",
        help="DeiT-T, batch 1, one thread, 2 minutes")
    add("--models", help="deit_t,deit_s,deit_b,vit_b16,swin_t")
    add("--batch", type=numbers, help="1,8")
    add("--threads", type=numbers, help="1,2")
    add("--out", default=os.path.join(ROOT, "out", "bench"))
    add("--vitqc", help="the command to measure (one built of this source)")
    add("--real", default=existing("models", "deit_tiny_imagenet.onnx"),
        help="DeiT-T with trained weights; random ones without it")
    add("--images", dest="images_list",
        default=existing("data", "imagenet500", "labels.tsv"),
        help="list of images, `file<tab>class`; synthetic ones without it")
    add("--calib-count", type=int, default=32,
        help="images that calibrate all peers (32)")
    add("--judge-count", type=int, default=500,
        help="other images that judge accuracy at most (500)")
    add("--docs", action="store_true",
        help="put the result into docs/performance.md")
    add("--prepare-only", action="store_true",
        help="fill the cache with the peers' models; a later run is shorter")
    add("--report-only", action="store_true",
        help="measure nothing: write the report of --out again")
    args = p.parse_args()
    args.models = args.models or ("deit_t" if args.quick else
                                  "deit_t,deit_s,deit_b,vit_b16,swin_t")
    args.models = args.models.split(",")
    args.batch = args.batch or ([1] if args.quick else [1, 8])
    args.threads = args.threads or ([1] if args.quick else [1, 2])
    if args.quick:
        args.budget = 2
    args.threads = [n for n in args.threads if n <= os.cpu_count()]
    return args


class Bench:
    """The run: its settings, its children, its results."""

    def __init__(self, args):
        self.args = args
        self.config = dict(vars(args))
        self.config["cache"] = self.cache_folder(args)
        for path in (args.out, self.config["cache"]):
            os.makedirs(path, exist_ok=True)
        files = os.path.join(args.out, "files")
        shutil.rmtree(files, ignore_errors=True)
        os.makedirs(os.path.join(files, "log"))
        self.config_path = os.path.join(files, "config.json")
        self.steps = 0
        self.results = {"settings": self.settings(), "models": {}}

    @staticmethod
    def cache_folder(args):
        """One for each set of things that the peers' models depend on."""
        key = repr((args.images_list, args.real, args.calib_count)).encode()
        for name in MADE_BY:
            with open(os.path.join(HERE, name), "rb") as f:
                key += f.read()
        return cache("models", key)

    def settings(self):
        a = self.args
        return {"batch": a.batch, "threads": a.threads, "budget": a.budget,
                "calib_count": a.calib_count, "models": a.models,
                "images": "real" if a.images_list else "synthetic",
                "trained": bool(a.real)}

    def child(self, step, *arguments):
        """Runs a step; its result, or {"error": why}."""
        self.steps += 1
        name = "-".join([f"{self.steps:03}", step, *map(str, arguments)])
        log = os.path.join(self.args.out, "files", "log", name + ".txt")
        out = os.path.join(self.args.out, "files", name + ".json")
        print(f"[{datetime.datetime.now():%H:%M:%S}] {step}",
              *arguments, flush=True)
        with open(log, "w") as f:
            done = subprocess.run(
                [sys.executable, os.path.join(HERE, "child.py"),
                 self.config_path, out, step, *map(str, arguments)],
                stdout=f, stderr=subprocess.STDOUT)
        result = {}
        if os.path.exists(out):
            with open(out) as f:
                result = json.load(f)
        if done.returncode:
            result["error"] = last_line(log) or f"exit {done.returncode}"
            print("    " + result["error"], flush=True)
        return result

    def save(self):
        import report
        report.write(self.results, self.args.out)


def last_line(path):
    with open(path, errors="replace") as f:
        lines = [line.strip() for line in f if line.strip()]
    return lines[-1] if lines else ""


def find_vitqc(args):
    if args.vitqc:
        return os.path.abspath(args.vitqc)
    import ours
    print("building vitqc", flush=True)
    try:
        return ours.build(cache("build", ROOT.encode()))
    except ours.Failed as why:
        sys.exit(f"cannot build vitqc: {why}")


def versions(vitqc):
    import importlib.metadata
    names = ("onnxruntime", "openvino", "nncf", "onnx", "numpy")
    found = {n: importlib.metadata.version(n) for n in names}
    said = subprocess.run([vitqc, "--version"], capture_output=True, text=True)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short",
                             "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(["git", "-C", ROOT, "status", "--porcelain"],
                             capture_output=True, text=True)
    found["vitqc"] = said.stdout.strip().splitlines()[0]
    if commit.returncode == 0:
        found["commit"] = commit.stdout.strip()
        found["commit"] += " and changes" if changed.stdout.strip() else ""
    found["python"] = sys.version.split()[0]
    return found


def prepare(bench, key, label, note):
    """Everything of a model that is no timing."""
    import peers
    entry = {"label": label, "note": note, "cells": [], "quantize": {},
             "compile": {}, "bench": {}}
    bench.results["models"][key] = entry
    entry.update(bench.child("model", key))
    if "error" in entry:
        return
    for peer in peers.PEERS:
        if peer.quantize:
            entry["quantize"][peer.key] = bench.child("quantize", key,
                                                      peer.key)
    if bench.args.prepare_only:
        return
    for batch in sorted(bench.args.batch):
        done = bench.child("compile", key, batch)
        entry["compile"][str(batch)] = done
        if "error" in done:
            break
    entry["accuracy"] = bench.child("accuracy", key)
    bench.save()


def measure(bench):
    """All tables. Their shares of the budget are equal, so that the small
    models, whose times are the most easily disturbed, get the most rounds."""
    models = {k: m for k, m in bench.results["models"].items()
              if "error" not in m}
    # What vitqc refuses has nothing to be compared with: one table will do.
    tables = [(k, b, t) for t in bench.args.threads for b in bench.args.batch
              for k, m in models.items() if b * t == 1 or
              "error" not in m["compile"].get(str(b), {"error": ""})]
    end = time.monotonic() + 60 * bench.args.budget
    for i, (key, batch, threads) in enumerate(tables):
        seconds = max(end - time.monotonic(), 0) / (len(tables) - i)
        cell = bench.child("cell", key, batch, threads, round(seconds, 1))
        models[key]["cells"].append(cell)
        bench.save()
        if cell.get("ours"):
            models[key]["bench"][f"{batch}x{threads}"] = bench.child(
                "bench", key, batch, threads, *levels_to_bench(cell))
        if batch * threads == 1:
            models[key]["openvino_profile"] = bench.child(
                "openvino_profile", key)
        bench.save()


def levels_to_bench(cell):
    """For the share of peak, of all levels at one thread and batch 1, else of
    the best. Base is for any CPU and has no peak to be held to."""
    keys = [k for k in cell["runners"] if k.startswith("vitqc ") and
            (k == cell["ours"] or cell["batch"] * cell["threads"] == 1)]
    return [f"{k.split()[1]}={cell['runners'][k]['ms']['median']:.3f}"
            for k in keys if k != "vitqc base"]


def run(args):
    import machine
    import zoo
    bench = Bench(args)
    bench.config["vitqc"] = "" if args.prepare_only else find_vitqc(args)
    with open(bench.config_path, "w") as f:
        json.dump(bench.config, f, indent=1)
    unknown = set(args.models) - {m.key for m in zoo.MODELS}
    if unknown:
        sys.exit(f"no such model: {', '.join(sorted(unknown))}")
    if not args.prepare_only:
        bench.results["versions"] = versions(bench.config["vitqc"])
        bench.results["machine"] = machine.describe()
        bench.results["date"] = f"{datetime.date.today()}"
    if not os.path.exists(os.path.join(bench.config["cache"], "calib.npy")):
        failed = bench.child("images").get("error")
        if failed:
            sys.exit(f"cannot read the images: {failed}")
    for model in zoo.MODELS:
        if model.key in args.models:
            prepare(bench, model.key, model.label, model.note)
    if args.prepare_only:
        return
    measure(bench)


def main():
    args = parse_arguments()
    os.environ.setdefault("OPENVINO_TELEMETRY_DISABLED", "1")
    try:
        import report
        if not args.report_only:
            run(args)
        if args.prepare_only:
            return
    except ImportError as why:
        sys.exit(f"{why}: run tests/bench/run.sh, which installs what is "
                 "needed")
    with open(os.path.join(args.out, "results.json")) as f:
        results = json.load(f)
    report.write(results, args.out)
    if args.docs:
        report.write_docs(results, os.path.join(ROOT, "docs"))
    print(f"{args.out}/results.md")


if __name__ == "__main__":
    main()
