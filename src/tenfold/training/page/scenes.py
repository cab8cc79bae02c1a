"""Synthetic pieces of pages, as a camera or a scanner sees them, with what is written on them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model.page_network import N_DIGITS, OTHER
from tenfold.training.page.glyphs import Glyphs
from tenfold.training.page.layouts import Pens, draw_layout
from tenfold.training.page.paper import make_paper, photograph
from tenfold.training.page.writing import Canvas, Writer

UNCLEAR = -1  # the class of what is neither right nor wrong: a part of a character, at an edge
TURNED = 0.035  # of the scenes lie on a side or stand on their heads
# What a digit is then: itself, another digit, or anybody's guess; the others are `other`.
UNCLEAR_TURNED = {1: (0, 1, 7, 8), 2: (0, 1, 2, 5, 6, 8, 9), 3: (0, 1, 7, 8)}
PADDING = 0.25  # of the side, so that a turned scene has no empty corner


@dataclass(frozen=True)
class Scene:
    """A piece of a page.

    Args:
        image: uint8 [side, side].
        boxes: float32 [n, 4], left, top, right and bottom of each character, in pixels.
        classes: int64 [n], indices into `CLASSES`, or `UNCLEAR`.
        sizes: float32 [n], the height of a digit on each one's line, in pixels.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    sizes: NDArray[np.float32]


class Scenes:
    """Makes scenes; the same seed makes the same scenes.

    Args:
        written: handwritten glyphs.
        printed: printed glyphs.
        side: of a scene, in pixels.
        seed: decides everything.
    """

    def __init__(self, written: Glyphs, printed: Glyphs, side: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.side = side
        self._pens = Pens(Writer(written, self.random), Writer(printed, self.random))

    def reseed(self, seed: list[int]) -> None:
        """Go on with the scenes of another seed."""
        self.random.bit_generator.state = np.random.default_rng(seed).bit_generator.state

    def make(self) -> Scene:
        """Make the next scene."""
        random, side = self.random, self.side
        whole = round(side * (1 + 2 * PADDING))
        written, printed = (Canvas(np.zeros((whole, whole), np.float32)) for _ in range(2))
        if random.random() > 0.06:
            draw_layout(self._pens, written, printed, _digit_height(random))
        matrix = _view(whole, side, random)
        ink, print_ = (
            np.asarray(cv2.warpPerspective(canvas.ink, matrix, (side, side)), np.float32)
            for canvas in (written, printed)
        )
        image = photograph(ink, print_, make_paper(side, random), random)
        edges = (0, 0, side, side)
        if random.random() < 0.3:
            edges = _cut(image, _line(written, matrix, side, random), random)
        scene = Scene(image, *_seen([written, printed], matrix, edges))
        return _turned(scene, random) if random.random() < TURNED else scene


def _line(
    written: Canvas, matrix: NDArray[np.float64], side: int, random: np.random.Generator
) -> tuple[float, float] | None:
    """Return the upper and lower edge of a strip around one character's line, now and then."""
    if not written.hulls or random.random() < 0.5:
        return None
    chosen = int(random.integers(len(written.hulls)))
    hull = cv2.perspectiveTransform(written.hulls[chosen][None], matrix)[0]
    margins = random.uniform(-0.03, 0.6, 2) * written.sizes[chosen]
    top, bottom = hull[:, 1].min() - margins[0], hull[:, 1].max() + margins[1]
    top, bottom = max(0.0, float(top)), min(float(side), float(bottom))
    return (top, bottom) if bottom - top >= 0.8 * written.sizes[chosen] else None


def _digit_height(random: np.random.Generator) -> float:
    kind = random.random()
    low, high = (19, 49) if kind < 0.85 else (9, 19) if kind < 0.92 else (49, 200)
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _view(whole: int, side: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Choose how the padded page is turned and seen: a homography onto the scene."""
    turn = random.normal(0, 3) if random.random() < 0.85 else random.uniform(-20, 20)
    matrix = np.vstack([cv2.getRotationMatrix2D((whole / 2, whole / 2), turn, 1.0), [0, 0, 1]])
    offset = (whole - side) / 2
    matrix = np.array([[1, 0, -offset], [0, 1, -offset], [0, 0, 1.0]]) @ matrix
    if random.random() < 0.4:
        corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
        moved = corners + random.uniform(-0.06, 0.06, (4, 2)).astype(np.float32) * side
        matrix = cv2.getPerspectiveTransform(corners, moved).astype(np.float64) @ matrix
    return np.asarray(matrix)


def _cut(
    image: NDArray[np.uint8], tight: tuple[float, float] | None, random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Cut out a part, as of a form, and repeat its edge outside; return where it is.

    Args:
        image: of the scene; what is outside is overwritten.
        tight: the upper and lower edge; None to draw them.
        random: decides the others.
    """
    side = len(image)
    low = (random.uniform(0, 0.35, 2) * side).astype(int)
    high = side - (random.uniform(0, 0.35, 2) * side).astype(int)
    left, top, right, bottom = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    if tight is not None:
        top, bottom = int(tight[0]), int(np.ceil(tight[1]))
    image[:] = cv2.copyMakeBorder(
        image[top:bottom, left:right].copy(),
        top,
        side - bottom,
        left,
        side - right,
        cv2.BORDER_REPLICATE,
    )
    return left, top, right, bottom


def _turned(scene: Scene, random: np.random.Generator) -> Scene:
    """Turn a scene by 90, 180 or 270 degrees; what is no digit any more is `other`."""
    quarters, side = int(random.integers(1, 4)), len(scene.image)
    boxes, classes = scene.boxes, scene.classes.copy()
    for _ in range(quarters):  # counter-clockwise, as np.rot90
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, side - right, bottom, side - left], 1)
    unclear = np.isin(classes, UNCLEAR_TURNED[quarters]) | (classes >= N_DIGITS)
    classes = np.where(unclear & (classes != OTHER), UNCLEAR, OTHER)
    image = np.ascontiguousarray(np.rot90(scene.image, quarters))
    return Scene(image, boxes.astype(np.float32), classes, scene.sizes)


def _seen(
    canvases: list[Canvas], matrix: NDArray[np.float64], edges: tuple[int, int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return boxes, classes and sizes of the characters of which most is within the scene."""
    boxes, classes, sizes = [], [], []
    for canvas in canvases:
        if not canvas.hulls:
            continue
        counts = np.cumsum([len(hull) for hull in canvas.hulls])[:-1]
        points = cv2.perspectiveTransform(np.concatenate(canvas.hulls)[None], matrix)[0]
        for hull, class_index, size in zip(
            np.split(points, counts), canvas.classes, canvas.sizes, strict=True
        ):
            low, high = hull.min(0), hull.max(0) + 1
            start, end = np.clip(low, edges[:2], edges[2:]), np.clip(high, edges[:2], edges[2:])
            inside = end - start
            visible = np.prod(np.maximum(inside, 0) / np.maximum(high - low, 1))
            if visible < 0.2:
                continue
            boxes.append(np.concatenate([start, end]))
            classes.append(class_index if visible > 0.75 else UNCLEAR)
            sizes.append(size)
    return (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(classes, np.int64),
        np.array(sizes, np.float32),
    )
