#!/usr/bin/env python3
"""seeds_data.py -- writes the seeds of the targets npy, dataset and labels.

Needs numpy; the result is committed.
"""
import io
import os

import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
FIXTURES = os.path.join(OUT, "..", "..", "data", "fixtures")


def put(target, name, data):
    os.makedirs(os.path.join(OUT, target), exist_ok=True)
    with open(os.path.join(OUT, target, name), "wb") as f:
        f.write(data)


def npy(array, version=(1, 0)):
    f = io.BytesIO()
    np.lib.format.write_array(f, np.asarray(array), version)
    return f.getvalue()


def arrays():
    for t in "<f4 <f8 |u1 |i1 <i2 <i4 <i8".split():
        put("npy", t[1:], npy(np.arange(6).reshape(2, 3).astype(t)))
    put("npy", "scalar", npy(np.float32(3)))
    put("npy", "empty", npy(np.zeros((0, 4), np.float32)))
    put("npy", "v2", npy(np.ones((1, 2, 3), np.float32), (2, 0)))
    put("npy", "fortran", npy(np.asfortranarray(np.ones((2, 3)))))
    put("npy", "big", npy(np.ones(3, ">f4")))
    put("npy", "records", npy(np.zeros(2, "f4,i4")))
    put("npy", "nan", npy(np.array([np.nan, np.inf, 1e300])))


def datasets():
    real = np.linspace(-1, 1, 120, dtype=np.float32)
    put("dataset", "real", b"\0" + npy(real.reshape(2, 3, 4, 5)))
    put("dataset", "pixels",
        b"\0" + npy(np.arange(60, dtype=np.uint8).reshape(1, 4, 5, 3)))
    put("dataset", "gray",
        b"\1" + npy(np.arange(32, dtype=np.uint8).reshape(2, 4, 4)))
    put("dataset", "vector", b"\2" + npy(np.ones((3, 6))))
    put("dataset", "scalars", b"\3" + npy(np.ones(3, np.float32)))
    put("dataset", "list", b"\0one.png\nsub/../one.png\tcat\n\r\n")
    put("dataset", "absolute", b"\1/nowhere/one.png\n")
    for name in ("gray.jpg", "bits.png", "interlaced.png"):
        with open(os.path.join(FIXTURES, name), "rb") as f:
            put("dataset", name, b"\4" + f.read())


def labels():
    put("labels", "text", b"\0" + b"3\n-1\n99999999999\n7\n")
    put("labels", "few", b"\0" + b"3\n1")
    put("labels", "named", b"\2" + b"a.png\t1\nx/b.png\tcat\t2\na.png\t3 \r\n"
        b"b.png\t4\n")
    put("labels", "array", b"\1" + npy(np.arange(5)))
    put("labels", "bytes", b"\1" + npy(np.arange(4, dtype=np.uint8)
                                       .reshape(4, 1)))
    put("labels", "floats", b"\1" + npy(np.ones(4, np.float32)))


arrays()
datasets()
labels()
