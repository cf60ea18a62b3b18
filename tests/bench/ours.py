"""vitqc itself: builds it, compiles a model, and calls what it compiled."""
import ctypes
import json
import os
import subprocess
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ELEVEL = 3  # VQRT_ELEVEL of runtime/vqrt.h


class Failed(Exception):
    """A command failed; the message is the last line that it wrote, without
    the folders of what it speaks of."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = said or [f"{command[0]} ended with {done.returncode}"]
        folders = {os.path.dirname(word) + os.sep for word in command}
        for folder in sorted(folders - {os.sep}, key=len, reverse=True):
            said[-1] = said[-1].replace(folder, "")
        raise Failed(said[-1])
    return done.stdout


def build(folder):
    """The path of a vitqc built of this source tree."""
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, "-DVITQC_TESTS=OFF")
    run("cmake", "--build", folder)
    return os.path.join(folder, "driver", "vitqc")


def compile_model(vitqc, model, batch, calib, folder):
    """Compiles the model twice, from images and from the ranges that these
    gave, and links it. Returns what is to be told about it."""
    ranges = os.path.join(folder, f"ranges{batch}.json")
    path = os.path.join(folder, f"batch{batch}.o")
    seconds = []
    for source in (["--calib", calib, "--save-calib", ranges],
                   ["--load-calib", ranges]):
        start = time.perf_counter()
        run(vitqc, model, "-o", path, "--name=m", f"--batch={batch}", *source)
        seconds.append(time.perf_counter() - start)
    run("cc", "-O2", "-shared", "-fPIC", "-pthread", f"-I{ROOT}", "-o",
        path[:-1] + "so", os.path.join(HERE, "shim.c"),
        os.path.join(ROOT, "runtime", "vqrt_pool.c"), path)
    return {"object": path, "seconds": seconds[0],
            "seconds_from_ranges": seconds[1], "bytes": os.path.getsize(path)}


def bench(vitqc, path, level, threads, repeat, folder):
    """vitqc's own bench of an object: share of peak and profile."""
    out = os.path.join(folder, "bench.json")
    run(vitqc, "bench", path, f"--cpu={level}", f"--threads={threads}",
        f"--repeat={repeat}", "--profile", f"--json={out}")
    with open(out) as f:
        return json.load(f)


class Compiled:
    """An object in this process."""

    def __init__(self, path, batch, outputs):
        self.library = ctypes.CDLL(path[:-1] + "so")
        self.library.bench_level.restype = ctypes.c_char_p
        self.library.bench_open.restype = ctypes.c_void_p
        self.library.bench_work_bytes.restype = ctypes.c_uint64
        self.shape = (batch, outputs)
        self.work_bytes = self.library.bench_work_bytes()

    def levels(self, x):
        """Levels of this CPU, weakest first: name -> number."""
        found, i = {}, 0
        while name := self.library.bench_level(i):
            if self.open(i, 1, check=False)(x) is not None:
                found[name.decode()] = i
            i += 1
        return found

    def open(self, level, threads, check=True):
        """A function from images to logits; it reuses their memory."""
        handle = self.library.bench_open(level, threads)
        if not handle:
            raise Failed(f"vitqc: no memory or no {threads} threads")
        handle = ctypes.c_void_p(handle)
        out = np.zeros(self.shape, np.float32)
        to = out.ctypes.data_as(ctypes.c_void_p)
        call = self.library.bench_run

        def call_level(x):
            code = call(handle, ctypes.c_void_p(x.ctypes.data), to)
            if code == ELEVEL and not check:
                return None
            if code:
                raise Failed(f"vitqc: the object returned {code}")
            return out

        return call_level
