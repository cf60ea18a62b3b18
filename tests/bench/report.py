"""Tables and chart of a run: results -> Markdown, JSON, SVG, docs."""
import json
import os

import chart
from peers import ORT, OV, PEERS

BEGIN, END = "<!-- begin results -->", "<!-- end results -->"
NONE = "-"
KINDS = ("gemm", "attention", "softmax", "layernorm", "elementwise",
         "layout", "edge")


LABELS = {p.key: p.label for p in PEERS}


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, r)) + " |" for r in lines)


def milliseconds(ms):
    """Three digits."""
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


def plain(text, most=160):
    """A message in one line that does not end a table's cell."""
    text = " ".join(str(text).split()).replace("|", "/")
    return text if len(text) <= most else text[:most - 3] + "..."


def find_cell(model, batch, threads):
    return next((c for c in model["cells"] if c.get("batch") == batch and
                 c.get("threads") == threads and c.get("runners")), None)


def levels_of(cells):
    """Levels of vitqc in any of the cells, best first."""
    found = []
    for cell in cells:
        for key in cell["runners"]:
            if key.startswith("vitqc ") and key not in found:
                found.append(key)
    return found[::-1]


def title(batch, threads):
    return (f"{'One thread' if threads == 1 else f'{threads} threads'}, "
            f"batch {batch}")


# ---- the tables ----

def speed_entry(cell, key, batch):
    runner = cell and cell["runners"].get(key)
    if not runner:
        refused = cell and not cell["ours"] and key.startswith("vitqc ")
        failed = cell and key in cell["failed"]
        return ("not supported" if refused else
                "failed" if failed else NONE)
    ms = milliseconds(runner["ms"]["median"] / batch)
    if key == cell["ours"]:
        return f"**1** ({ms})"
    if "ratio" not in runner:
        return ms
    return f"**{runner['ratio']['median']:.2f}** ({ms})"


def speed_table(results, batch, threads):
    models = list(results["models"].values())
    cells = [find_cell(m, batch, threads) for m in models]
    if not any(cells):
        return ""
    rows = [(key, key) for key in levels_of(filter(None, cells))]
    rows += [(p.key, p.label) for p in PEERS
             if any(c and p.key in {**c["runners"], **c["failed"]}
                    for c in cells)]
    body = [[label] + [speed_entry(c, key, batch) for c in cells]
            for key, label in rows]
    counts = [r["rounds"] for c in cells if c
              for r in c["runners"].values()]
    per = ", milliseconds an image" if batch > 1 else ""
    return (f"### {title(batch, threads)}\n\n" +
            table(["time / vitqc's" + per] + [m["label"] for m in models],
                  body) +
            f"\n\nRounds: {min(counts)} to {max(counts)}.\n")


def ratio_of(cell, key):
    runner = cell["runners"].get(key) if cell else None
    return runner.get("ratio") if runner else None


def best_ratio(cell, family, int8):
    """The least ratio of a family's models: its fastest."""
    found = [ratio_of(cell, p.key) for p in PEERS
             if p.family == family and p.int8 == int8]
    found = [r["median"] for r in found if r]
    return f"{min(found):.2f}" if found else NONE


def summary_table(results):
    models = [m for m in results["models"].values() if find_cell(m, 1, 1)]
    if not models:
        return ""
    cells = [find_cell(m, 1, 1) for m in models]
    rows = [[f"{family}, its fastest {'int8' if int8 else 'float'}"] +
            [best_ratio(c, family, int8) for c in cells]
            for family in (ORT, OV) for int8 in (True, False)]
    return ("### In short\n\nTime of the peer / time of vitqc, one thread, "
            "batch 1.\n\n" +
            table([""] + [m["label"] for m in models], rows) + "\n")


def scaling_table(results):
    """vitqc against itself, paired: "alone" is one thread, batch 1."""
    rows = []
    settings = results["settings"]
    models = list(results["models"].values())
    for threads in settings["threads"]:
        for batch in settings["batch"]:
            ratios = [ratio_of(find_cell(m, batch, threads), "alone")
                      for m in models]
            if any(ratios):
                rows.append([title(batch, threads)] + [
                    f"{r['median'] * batch:.2f}" if r else NONE
                    for r in ratios])
    if not rows:
        return ""
    return ("### Threads and batches\n\nImages a second of vitqc's best "
            "level, against one thread with batch 1 in the same rounds.\n\n" +
            table([""] + [m["label"] for m in models], rows) + "\n")


def percent(x):
    return NONE if x is None else f"{100 * x:.1f} %"


def accuracy_table(results):
    names = [("vitqc", "vitqc")] + [(p.key, p.label) for p in PEERS]
    parts = []
    for model in results["models"].values():
        runners = model.get("accuracy", {}).get("runners", {})
        known = [(runners[k], label) for k, label in names if k in runners]
        labelled = [r for r, _ in known if "top1" in r]
        if not known:
            continue
        head = ["", "SQNR of the logits, dB"]
        rows = [[label, f"{r['sqnr_db']:.1f}" if "sqnr_db" in r else NONE]
                for r, label in known]
        if labelled:
            head += ["same class as fp32", "top-1"]
            for row, (r, _) in zip(rows, known):
                row += [percent(r["agree"]), percent(r.get("top1"))]
        parts.append(f"{model['label']}, {known[0][0]['images']} images" +
                     ("" if labelled else ", random weights") + ":\n\n" +
                     table(head, rows) + "\n" + bits_line(model["accuracy"]))
    return "### Accuracy\n\n" + "\n".join(parts) if parts else ""


def bits_line(accuracy):
    if "same_bits" not in accuracy:
        return ""
    said = "the same bits" if accuracy["same_bits"] else "DIFFERENT BITS"
    names = [k.replace("vitqc ", "") for k in accuracy["bits_compared"]]
    return f"\nvitqc gives {said} with {', '.join(names)}.\n"


def best_level(bench):
    levels = bench.get("levels", []) if bench else []
    return levels[-1] if levels else None


def peak_table(results):
    """Of `vitqc bench`, which probes the peak before every call."""
    rows = []
    for model in results["models"].values():
        for key, bench in model.get("bench", {}).items():
            batch, threads = key.split("x")
            for level in bench.get("levels", [])[::-1]:
                if "peak_share" not in level:
                    continue
                gemm = [k for k in profile_of(level)
                        if k["kind"] == "gemm"]
                rows.append([
                    model["label"], batch, threads, level["name"],
                    level.get("peak", NONE), f"{level['gops']:.0f}",
                    percent(level["peak_share"]),
                    percent(gemm[0].get("peak_share")) if gemm else NONE])
    if not rows:
        return ""
    return ("### Share of the machine's peak\n\n" +
            table(["", "batch", "threads", "level", "peak of", "GOPS",
                   "whole model", "linear layers"], rows) + "\n")


def profile_of(level):
    return level.get("profile", {}).get("kinds", [])


def profile_table(results):
    models = list(results["models"].values())
    head, columns = [""], []
    for model in models:
        ours = best_level(model.get("bench", {}).get("1x1"))
        if ours and profile_of(ours):
            head.append(f"{model['label']} vitqc")
            columns.append({k["kind"]: k["ms"] for k in profile_of(ours)})
        theirs = model.get("openvino_profile", {}).get("kinds_ms")
        if theirs:
            head.append(f"{model['label']} OpenVINO int8")
            columns.append(theirs)
    if not columns:
        return ""
    rows = [[kind] + [f"{c[kind]:.2f}" if kind in c else NONE
                      for c in columns]
            for kind in KINDS if any(kind in c for c in columns)]
    rows.append(["sum"] + [f"{sum(c.values()):.2f}" for c in columns])
    return ("### Where the time goes\n\nMilliseconds by kind, one thread, "
            "batch 1, each by its own profiler.\n\n" + table(head, rows) +
            "\n")


def object_table(results):
    rows = []
    for model in results["models"].values():
        for batch, done in model.get("compile", {}).items():
            if "error" in done:
                continue
            bench = model["bench"].get(f"{batch}x1", {})
            rows.append([
                model["label"], batch, f"{done['seconds']:.1f} s",
                f"{done['seconds_from_ranges']:.1f} s",
                f"{done['bytes'] / 1e6:.2f} MB",
                f"{bench['work_bytes'] / 1e6:.2f} MB" if "work_bytes" in bench
                else NONE])
    if not rows:
        return ""
    return "### Objects\n\n" + table(
        ["", "batch", "compiled from images in", "from kept ranges",
         "object", "work area"], rows) + "\n"


def failure_list(results):
    lines = []
    for m in results["models"].values():
        if "error" in m:
            lines.append(f"{m['label']}: {plain(m['error'])}")
        for batch, done in m.get("compile", {}).items():
            if "error" in done:
                lines.append(f"{m['label']} by vitqc: not supported yet: "
                             f"{plain(done['error'], 400)}")
        for p in PEERS:
            why = m.get("quantize", {}).get(p.key, {}).get("error")
            if why:
                lines.append(f"{m['label']} by {p.label}: {plain(why)}")
        for step in ("accuracy", "openvino_profile"):
            why = m.get(step, {}).get("error")
            if why:
                lines.append(f"{m['label']}, {step}: {plain(why)}")
        for key, bench in m.get("bench", {}).items():
            if "error" in bench:
                lines.append(f"{m['label']}, vitqc bench: "
                             f"{plain(bench['error'])}")
        for cell in m["cells"]:
            failed = dict(cell.get("failed", {}))
            failed.update({"table": cell["error"]} if "error" in cell else {})
            lines += [f"{m['label']}, {LABELS.get(key, key)}: {plain(why)}"
                      for key, why in failed.items()
                      if why != "not quantized"]
    lines = list(dict.fromkeys(lines))
    if not lines:
        return ""
    return "### What did not run\n\n" + "\n".join(f"- {x}" for x in lines) \
        + "\n"


def machine_text(results):
    m, v = results["machine"], results["versions"]
    s = results["settings"]
    cells = [c for model in results["models"].values()
             for c in model["cells"] if "steal" in c]
    busy = ""
    if cells:
        steal = max(c["steal"] for c in cells)
        others = max(c["others"] for c in cells)
        busy = (f" Of all CPU time at most {percent(steal)} was taken by the "
                f"hypervisor and {percent(others)} by other processes during "
                "a table.")
    images = ("ImageNet photographs" if s["images"] == "real" else
              "synthetic images")
    notes = [f"- {x['label']}: {x['note']}." for x in
             results["models"].values() if x.get("note")]
    weights = ("DeiT-T has trained weights, the others random ones with a "
               "trained model's statistics." if s["trained"] else
               "All weights are random, with a trained model's statistics.")
    return "\n".join([
        f"{results['date']}. {m['cpu']} ({m['family']}; "
        f"{' '.join(m['flags'])}), {m['cpus']} CPUs, {', '.join(m['caches'])}"
        f", {m['memory_gb']:g} GB, {m['system']}, frequency governor "
        f"{m['governor']}.{busy}", "",
        f"{v['vitqc']}" + (f" ({v['commit']})" if "commit" in v else "") +
        f", ONNX Runtime {v['onnxruntime']}, OpenVINO {v['openvino']}, NNCF "
        f"{v['nncf']}, Python {v['python']}. All int8 models are calibrated "
        f"on the same {s['calib_count']} {images}. {weights}", "", *notes])


def markdown(results):
    settings = results["settings"]
    parts = [machine_text(results), summary_table(results)]
    parts += [speed_table(results, b, t) for t in settings["threads"]
              for b in settings["batch"]]
    parts += [part(results) for part in (
        scaling_table, accuracy_table, peak_table, profile_table,
        object_table, failure_list)]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


# ---- the chart ----

def make_chart(results):
    groups = []
    for model in results["models"].values():
        cell = find_cell(model, 1, 1)
        if not cell:
            continue
        bars = []
        for key in levels_of([cell]):
            bars.append(bar(cell, key, key, "vitqc"))
        if not bars:
            bars.append(("vitqc", "vitqc", None, "not supported yet"))
        bars += [bar(cell, p.key, p.label, p.family) for p in PEERS
                 if p.key in cell["runners"] and cell["ours"]]
        groups.append((model["label"], [b for b in bars if b]))
    return chart.draw(
        "Time of one image, one thread, as a multiple of vitqc's",
        f"shorter is faster; {results['machine']['cpu']}, "
        f"{results['date']}", groups)


def bar(cell, key, label, family):
    runner = cell["runners"][key]
    value = 1.0 if key == cell["ours"] else runner["ratio"]["median"]
    if key == "vitqc base":  # for any x86-64; it would set the scale
        return None
    return (label, family, value,
            f"{value:.2f}  ({milliseconds(runner['ms']['median'])})")


# ---- writing ----

def write(results, folder):
    for name, text in (("results.json", json.dumps(results, indent=1) + "\n"),
                       ("results.md", markdown(results)),
                       ("chart.svg", make_chart(results))):
        path = os.path.join(folder, name)
        with open(path + ".part", "w") as f:
            f.write(text)
        os.replace(path + ".part", path)


def write_docs(results, folder):
    """Replaces what stands between the markers of docs/performance.md."""
    path = os.path.join(folder, "performance.md")
    with open(path) as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    picture = "![Time against vitqc's](performance.svg)"
    with open(path, "w") as f:
        f.write(f"{before}{BEGIN}\n{picture}\n\n{markdown(results)}{END}"
                f"{after}")
    with open(os.path.join(folder, "performance.svg"), "w") as f:
        f.write(make_chart(results))
