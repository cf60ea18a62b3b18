"""The images that calibrate, judge and time all models alike, as f32 NCHW.

From a list of image files (`name<tab>class` a line), or, without one,
synthetic: noise whose amplitude falls with frequency as in photographs.
"""
import os
from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

from zoo import SIZE

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def load_image(path):
    """Shorter side to SIZE * 256 / 224, bicubic; centre; ImageNet's numbers."""
    image = Image.open(path).convert("RGB")
    short = round(SIZE * 256 / 224)
    if min(image.size) != short:
        scale = short / min(image.size)
        image = image.resize([round(s * scale) for s in image.size],
                             Image.BICUBIC)
    left, top = [(s - SIZE) // 2 for s in image.size]
    image = image.crop((left, top, left + SIZE, top + SIZE))
    x = (np.asarray(image, np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def make_noise(rng):
    """1/f noise with ImageNet's mean and deviation, in 0..1 before them."""
    frequency = np.fft.rfft2(rng.standard_normal((3, SIZE, SIZE)))
    y, x = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    noise = np.fft.irfft2(frequency / np.maximum(np.hypot(x, y), 1 / SIZE),
                          (SIZE, SIZE))
    noise = 0.24 * noise / noise.std() + 0.45
    pixels = np.clip(noise, 0, 1).transpose(1, 2, 0)
    return ((pixels - MEAN) / STD).transpose(2, 0, 1).astype(np.float32)


def read_list(path):
    folder = os.path.dirname(path)
    with open(path) as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines
                if line.strip()]
    labels = [int(row[1]) for row in rows] if len(rows[0]) > 1 else None
    return [os.path.join(folder, row[0]) for row in rows], labels


class Images(NamedTuple):
    calib_path: str  # .npy of calib
    calib: np.ndarray
    judge: np.ndarray  # others than those of calib
    labels: Optional[list]  # of judge


def load(folder, listing, calib_count):
    """Reads what `prepare` made."""
    path = os.path.join(folder, "calib.npy")
    labels = read_list(listing)[1] if listing else None
    return Images(path, np.load(path),
                  np.load(os.path.join(folder, "judge.npy"), mmap_mode="r"),
                  labels[calib_count:] if labels else None)


def prepare(folder, listing, calib_count):
    if listing:
        images = [load_image(f) for f in read_list(listing)[0]]
    else:
        rng = np.random.default_rng(1)
        images = [make_noise(rng) for _ in range(calib_count + 16)]
    for name, part in (("judge", images[calib_count:]),
                       ("calib", images[:calib_count])):
        np.save(os.path.join(folder, name + ".npy"), np.stack(part))
