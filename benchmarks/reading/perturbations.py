"""MNIST's test digits rendered on a canvas, and changed in one way, step by step."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reading.handwriting import GreyImage
from tenfold.data.dataset import Images

SIDE = 240  # pixels of a canvas
FINE = 8  # outlines are moved on a grid this much finer than the 28 x 28


@dataclass(frozen=True)
class Rendering:
    """How a digit is rendered; the defaults are the usual way.

    Args:
        away: how far from the middle, as a share of the room to a corner.
        tall: pixels of a digit of MNIST's 20.
        pen: how much wider, in pixels of 28 x 28.
        turned: degrees to one side or the other.
        ink: grey of the ink.
        paper: grey of the paper.
        blur: pixels, one standard deviation.
        noise: greys, one standard deviation.
    """

    away: float = 0.0
    tall: float = 100.0
    pen: float = 0.0
    turned: float = 0.0
    ink: int = 20
    paper: int = 250
    blur: float = 0.0
    noise: float = 0.0


# What changes, its unit, and by how much: the name of each step and the rendering's values.
GRID: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "position": (
        "of the way to a corner",
        {f"{away:g}": {"away": away} for away in (0, 0.25, 0.5, 0.75, 1)},
    ),
    "size": ("pixels tall", {f"{tall}": {"tall": tall} for tall in (12, 20, 40, 100, 200)}),
    "pen width": (
        "pixels wider, of 28",
        {f"{pen:+g}" if pen else "0": {"pen": pen} for pen in (-1, -0.5, 0, 1, 2)},
    ),
    "rotation": ("degrees", {f"{angle}": {"turned": angle} for angle in (0, 10, 20, 30, 45)}),
    "polarity": (
        "grey of ink / of paper",
        {
            f"{ink}/{paper}": {"ink": ink, "paper": paper}
            for ink, paper in ((0, 255), (110, 180), (180, 110), (235, 20), (255, 0))
        },
    ),
    "grey background": (
        "grey of the paper, ink 20",
        {f"{paper}": {"paper": paper} for paper in (250, 190, 130, 80, 50)},
    ),
    "blur": ("pixels", {f"{blur}": {"blur": blur} for blur in (0, 2, 4, 6, 8)}),
    "noise": ("of 255", {f"{noise}": {"noise": noise} for noise in (0, 10, 20, 40, 60)}),
}


def perturb(image: Images, kind: str, step: str, random: np.random.Generator) -> GreyImage:
    """Render one of MNIST's digits, uint8 [28, 28], changed in one way; uint8 [240, 240]."""
    return render(image, replace(Rendering(), **GRID[kind][1][step]), random)


def render(image: Images, how: Rendering, random: np.random.Generator) -> GreyImage:
    """Render one of MNIST's digits, uint8 [28, 28], on a canvas, uint8 [240, 240]."""
    outside = _outside(image) - how.pen / 2 * FINE
    scale = how.tall / (20 * FINE)
    turn = how.turned * random.choice((-1, 1))
    corner = random.choice((-1, 1), 2)
    middle = (np.array(outside.shape[::-1]) - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D(middle.tolist(), turn, scale), np.float64)
    matrix[:, 2] += (SIDE - 1) / 2 - middle
    placed = _warped(outside, matrix)
    rows, columns = np.flatnonzero((placed < 0).any(1)), np.flatnonzero((placed < 0).any(0))
    for axis, line in enumerate((columns, rows)):
        margin = 4
        low, high = margin - line[0], SIDE - 1 - margin - line[-1]
        matrix[axis, 2] += how.away * max(0, high if corner[axis] > 0 else -low) * corner[axis]
    ink = np.clip(0.5 - _warped(outside, matrix) * scale, 0, 1)
    seen = np.asarray(how.paper + (how.ink - how.paper) * ink, np.float64)
    if how.blur:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), how.blur), np.float64)
    if how.noise:
        seen = seen + random.normal(0, how.noise, seen.shape)
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)


def _outside(image: Images) -> NDArray[np.float32]:
    """Return the distance to a digit's outline, negative inside, on a fine grid, wide margins."""
    large = cv2.resize(image, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    inside = cv2.GaussianBlur(np.pad(large, 14 * FINE), (0, 0), 0.3 * FINE) > 127
    room = inside.astype(np.uint8)
    near = cv2.distanceTransform(1 - room, cv2.DIST_L2, 5)
    deep = cv2.distanceTransform(room, cv2.DIST_L2, 5)
    return np.where(inside, 0.5 - deep, near - 0.5).astype(np.float32)


def _warped(outside: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    size = (SIDE, SIDE)
    placed = cv2.warpAffine(outside, matrix, size, borderMode=cv2.BORDER_CONSTANT, borderValue=1e3)
    return np.asarray(placed, np.float32)
