"""Fifteen ways to corrupt MNIST's images, after the description of MNIST-C.

Source: N. Mu and J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision" (2019). This is
written from what the paper says of each corruption, not from its code, and figures on the published
files are of the same kind and not the same. Severities were set before any reader was measured, on
500 images, so that the notebook's network (Keras, 13 of its 30 epochs) is 91 % accurate on average.
"""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images

Grey = NDArray[np.float32]  # [28, 28], 0-1
Random = np.random.Generator
SIDE = 28


def corrupt(images: Images, kind: str, seed: int = 0) -> Images:
    """Corrupt images, uint8 [n, 28, 28], each by random draws of its own."""
    random, change = np.random.default_rng(seed), KINDS[kind]
    changed = [change(image.astype(np.float32) / np.float32(255), random) for image in images]
    return np.rint(np.clip(np.stack(changed), 0, 1) * 255).astype(np.uint8)


def _shot_noise(image: Grey, random: Random) -> Grey:
    """Count few photons."""
    return (random.poisson(image * 5) / 5).astype(np.float32)


def _impulse_noise(image: Grey, random: Random) -> Grey:
    """Turn pixels black or white."""
    hit = random.random(image.shape) < 0.06
    return np.where(hit, random.integers(0, 2, image.shape), image).astype(np.float32)


def _glass_blur(image: Grey, random: Random) -> Grey:
    """Blur, and let neighbouring pixels change places, as through frosted glass."""
    seen = np.array(cv2.GaussianBlur(image, (0, 0), 0.5), np.float32)
    for y in range(1, SIDE - 1):
        for x, (down, right) in enumerate(random.integers(-1, 2, (SIDE - 2, 2)), 1):
            if random.random() < 0.6:
                there = y + down, x + right
                seen[y, x], seen[there] = seen[there], seen[y, x]
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.5), np.float32)


def _motion_blur(image: Grey, random: Random) -> Grey:
    """Move the camera along a line while the shutter is open."""
    angle = np.radians(random.uniform(-45, 45))
    kernel = np.zeros((5, 5), np.float32)
    ends = [(round(2 + s * 2 * np.cos(angle)), round(2 + s * 2 * np.sin(angle))) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)


def _moved(image: Grey, matrix: NDArray[np.float64]) -> Grey:
    """Map places about the middle by a matrix [2, 3]."""
    middle = (SIDE - 1) / 2
    whole = matrix.astype(np.float64).copy()
    whole[:, 2] += middle - whole[:, :2] @ (middle, middle)
    return np.asarray(cv2.warpAffine(image, whole, (SIDE, SIDE)), np.float32)


def _sign(random: Random) -> float:
    return float(random.choice((-1.0, 1.0)))


def _shear(image: Grey, random: Random) -> Grey:
    slope = _sign(random) * random.uniform(0.3, 0.6)
    return _moved(image, np.array([[1, slope, 0], [0, 1, 0]]))


def _scale(image: Grey, random: Random) -> Grey:
    factor = random.uniform(0.55, 0.75)
    return _moved(image, np.array([[factor, 0, 0], [0, factor, 0]]))


def _rotate(image: Grey, random: Random) -> Grey:
    angle = _sign(random) * np.radians(random.uniform(15, 30))
    cos, sin = np.cos(angle), np.sin(angle)
    return _moved(image, np.array([[cos, -sin, 0], [sin, cos, 0]]))


def _translate(image: Grey, random: Random) -> Grey:
    x, y = (_sign(random) * random.uniform(1, 4) for _ in range(2))
    return _moved(image, np.array([[1, 0, x], [0, 1, y]]))


def _brightness(image: Grey, random: Random) -> Grey:
    return image + np.float32(random.uniform(0.04, 0.1))


def _stripe(image: Grey, random: Random) -> Grey:
    """Invert a strip across the middle."""
    seen = image.copy()
    seen[:, 13:15] = 1 - seen[:, 13:15]
    return seen


def _clouds(random: Random) -> Grey:
    """Make noise of every size, the coarse the strongest, in 0-1."""
    whole = np.zeros((SIDE, SIDE), np.float32)
    for cells, weight in ((2, 1.0), (4, 0.6), (8, 0.35), (16, 0.2)):
        coarse = random.random((cells, cells)).astype(np.float32)
        size = (SIDE, SIDE)
        whole += weight * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.asarray((whole - whole.min()) / np.ptp(whole), np.float32)


def _fog(image: Grey, random: Random) -> Grey:
    return np.asarray((image + 0.17 * _clouds(random)) / 1.1, np.float32)


def _spatter(image: Grey, random: Random) -> Grey:
    """Splash drops on the lens."""
    field = random.normal(0, 1, image.shape).astype(np.float32)
    field = np.asarray(cv2.GaussianBlur(field, (0, 0), 1.2), np.float32)
    drops = np.clip((field / field.std() - 1.5) * 2, 0, 1)
    return np.asarray(np.maximum(image, 0.9 * drops), np.float32)


def _lined(image: Grey, points: NDArray[np.float64], dotted: bool) -> Grey:
    seen = image.copy()
    for start, stop in pairwise(points):
        steps = int(np.hypot(*(stop - start))) + 1
        for step in range(0, steps, 3 if dotted else 1):
            x, y = np.rint(start + (stop - start) * step / steps).astype(int)
            if 0 <= x < SIDE and 0 <= y < SIDE:
                seen[y, x] = max(seen[y, x], 0.75)
    return seen


def _ends(random: Random) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a line from the left border to the right one."""
    return np.array((0.0, random.uniform(4, 24))), np.array((27.0, random.uniform(4, 24)))


def _dotted_line(image: Grey, random: Random) -> Grey:
    return _lined(image, np.array(_ends(random)), dotted=True)


def _zigzag(image: Grey, random: Random) -> Grey:
    start, stop = _ends(random)
    points = np.linspace(start, stop, 10)
    points[:, 1] += np.where(np.arange(10) % 2, 1.0, -1.0)
    return _lined(image, points, dotted=False)


def _canny_edges(image: Grey, random: Random) -> Grey:
    edges = cv2.Canny(np.rint(image * 255).astype(np.uint8), 80, 160)
    return edges.astype(np.float32) / np.float32(255)


KINDS: dict[str, Callable[[Grey, Random], Grey]] = {
    "shot noise": _shot_noise,
    "impulse noise": _impulse_noise,
    "glass blur": _glass_blur,
    "motion blur": _motion_blur,
    "shear": _shear,
    "scale": _scale,
    "rotate": _rotate,
    "brightness": _brightness,
    "translate": _translate,
    "stripe": _stripe,
    "fog": _fog,
    "spatter": _spatter,
    "dotted line": _dotted_line,
    "zigzag": _zigzag,
    "canny edges": _canny_edges,
}
