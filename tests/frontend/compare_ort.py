#!/usr/bin/env python3
"""Compares the imported float graph with ONNX Runtime on images.

    compare_ort.py ONNX_EVAL MODEL.onnx [IMAGES] [--count N]

IMAGES is a folder of JPEGs, at least as large as the model's input (the middle
is taken); without it, noise is used. Fails when the largest difference is over
1e-4 of the largest |output|. Needs numpy and onnxruntime, and Pillow for
images; without them, or without the model, it is skipped with exit code 77.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
LIMIT = 1e-4


def read_image(path, height, width):
    image = np.asarray(Image.open(path).convert("RGB"), np.float32)
    top = (image.shape[0] - height) // 2
    left = (image.shape[1] - width) // 2
    image = image[top : top + height, left : left + width]
    return ((image / 255 - MEAN) / STD).transpose(2, 0, 1)


def make_inputs(images, count, shape):
    if not images:
        return np.random.default_rng(0).standard_normal(
            (count, *shape), np.float32
        )
    paths = sorted(pathlib.Path(images).glob("*.jp*g"))[:count]
    return np.stack([read_image(p, *shape[1:]) for p in paths])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("onnx_eval")
    parser.add_argument("model")
    parser.add_argument("images", nargs="?")
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    for path in filter(None, (args.model, args.images)):
        if not pathlib.Path(path).exists():
            print(f"skipped: no {path}")
            return 77

    session = onnxruntime.InferenceSession(
        args.model, providers=["CPUExecutionProvider"]
    )
    first = session.get_inputs()[0]
    x = make_inputs(args.images, args.count, first.shape[1:])
    x = np.ascontiguousarray(x, np.float32)
    want = np.stack(
        [
            np.concatenate([y.ravel() for y in session.run(
                None, {first.name: x[i : i + 1]})])
            for i in range(len(x))
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/in.npy", x)
        subprocess.run(
            [args.onnx_eval, args.model, f"{folder}/in.npy", f"{folder}/out.npy"],
            check=True,
        )
        got = np.load(f"{folder}/out.npy")
    relative = np.abs(got - want).max(1) / np.abs(want).max(1)
    agree = (got.argmax(1) == want.argmax(1)).mean()
    print(
        f"{len(x)} inputs: largest relative difference {relative.max():.3g}, "
        f"argmax agreement {agree:.1%}"
    )
    return int(relative.max() > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
