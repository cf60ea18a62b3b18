#!/usr/bin/env python3
"""Tests of the parts of the benchmark that need no package: every file parses,
rounds are timed and failures kept, and a report is made of incomplete results.
Ends with `N passed, N failed`."""
import ast
import os
import sys
import tempfile
import time
from xml.dom import minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True

import machine  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402


def test_parse():
    for name in os.listdir(HERE):
        if name.endswith(".py"):
            with open(os.path.join(HERE, name)) as f:
                ast.parse(f.read(), name)


def test_rounds():
    calls, saved = [], []

    def break_later():
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("worn out")

    def break_now():
        raise RuntimeError("never ran")

    tracks, failed = measure.time_rounds(
        {"slow": lambda: time.sleep(0.004), "fast": lambda:
         time.sleep(0.001), "worn": break_later, "broken": break_now},
        0.2, 0, lambda *state: saved.append(state))
    assert failed == {"worn": "worn out", "broken": "never ran"}
    assert sorted(tracks) == ["fast", "slow"]
    rounds = len(tracks["fast"].seconds)
    assert rounds == len(tracks["slow"].seconds) >= 5
    ratio = measure.ratios(tracks["slow"], tracks["fast"])
    assert ratio["p10"] <= ratio["median"] <= ratio["p90"]
    assert 1 < ratio["median"]
    assert saved


def test_spread():
    assert measure.spread([3, 1, 2]) == {"median": 2, "p10": 1, "p90": 3}


def runner(ms, ratio=None):
    spread = {"ms": {"median": ms}, "rounds": 7}
    return {**spread, "ratio": {"median": ratio}} if ratio else spread


def make_results():
    """A model that was measured in part, one that vitqc refused, one that was
    not made at all."""
    cell = {"batch": 1, "threads": 1, "ours": "vitqc avx2", "failed":
            {"ov_int8": "out | of\nmemory"}, "steal": 0.0, "others": 0.5,
            "runners": {"vitqc base": runner(90, 9), "vitqc avx2": runner(10),
                        "ort_fp32": runner(40, 4.04),
                        "ort_u8": runner(20, 2.02)}}
    pairs = {"batch": 1, "threads": 2, "ours": "vitqc avx2", "failed": {},
             "steal": 0.01, "others": 0.5,
             "runners": {"vitqc avx2": runner(6), "alone": runner(10, 1.66)}}
    refused = {"batch": 1, "threads": 1, "ours": None, "failed": {},
               "runners": {"ort_fp32": runner(50)}}
    empty = {"cells": [], "compile": {}, "bench": {}, "note": ""}
    return {
        "date": "2000-01-01", "machine": machine.describe(),
        "versions": {"vitqc": "vitqc", "onnxruntime": "1", "openvino": "2",
                     "nncf": "3", "python": "4"},
        "settings": {"batch": [1], "threads": [1, 2], "calib_count": 32,
                     "images": "real", "trained": True},
        "models": {
            "a": {**empty, "label": "A", "cells":
                  [cell, pairs, {"error": "killed"}],
                  "compile": {"1": {"seconds": 1.5, "bytes": 10 ** 6,
                                    "seconds_from_ranges": 1.0}}},
            "b": {**empty, "label": "B", "cells": [refused],
                  "compile": {"1": {"error": "no mul"}}},
            "c": {**empty, "label": "C", "error": "no disk"}}}


def test_report():
    text = report.markdown(make_results())
    for part in ("| vitqc avx2 | **1** (10 ms) | not supported | - |",
                 "| OpenVINO int8 (NNCF) | failed | - | - |",
                 "| ONNX Runtime fp32 | **4.04** (40 ms) | 50 ms | - |",
                 "| ONNX Runtime, its fastest int8 | 2.02 | - |",
                 "| 2 threads, batch 1 | 1.66 | - | - |",
                 "- A, OpenVINO int8 (NNCF): out / of memory",
                 "- A, table: killed",
                 "- B by vitqc: not supported yet: no mul", "- C: no disk"):
        assert part in text, f"{part}\nis not in\n{text}"


def test_chart():
    minidom.parseString(report.make_chart(make_results()))


def test_docs():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "performance.md")
        with open(path, "w") as f:
            f.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
        for _ in range(2):  # again and again with the same result
            report.write_docs(make_results(), folder)
        with open(path) as f:
            text = f.read()
        assert text.startswith(f"before\n{report.BEGIN}\n![")
        assert text.endswith(f"{report.END}\nafter\n") and "old" not in text


def main():
    passed = failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            try:
                test()
                passed += 1
            except Exception as why:
                failed += 1
                print(f"{name}: {type(why).__name__}: {why}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
