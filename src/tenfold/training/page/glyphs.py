"""What synthetic pages are written with: characters of many hands as fields of signed distances.

A field of distances is drawn at any size and with any pen: ink is where the distance to the outline
is less than half of what the pen is wider.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.normalise import pen_width
from tenfold.model.page_network import CLASSES

SIDE = 64  # pixels of a field
TALL = 48  # pixels of a character's longer side in it
STEPS = 4  # of a stored distance, for one pixel
ZERO = 128  # stored where the outline is
LINE_WIDTH = 2  # pixels of a field: the pen that draws strokes

Field = NDArray[np.uint8]
Image = NDArray[np.uint8]
Strokes = Sequence[NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Glyphs:
    """Characters to write with.

    Args:
        fields: uint8 [n, 64, 64], `ZERO` plus `STEPS` times the signed distance to the outline, in
            pixels, negative inside.
        pens: float32 [n], the width of each one's pen in pixels of its field.
        classes: int64 [n], indices into `CLASSES`.
        weights: float64 [n], how probably each is drawn, of those of its class.
    """

    fields: Field
    pens: NDArray[np.float32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.classes)


def joined(parts: Sequence[tuple[Glyphs, float]]) -> Glyphs:
    """Join several collections, each with its share of what is drawn."""
    return Glyphs(
        np.concatenate([part.fields for part, _ in parts]),
        np.concatenate([part.pens for part, _ in parts]),
        np.concatenate([part.classes for part, _ in parts]),
        np.concatenate([part.weights * share / part.weights.sum() for part, share in parts]),
    )


def from_images(
    images: Iterable[Image], classes: NDArray[np.int64], hands: NDArray[np.int64], soft: float
) -> Glyphs:
    """Make glyphs of images of one character each.

    Args:
        images: uint8 [h, w] each, ink 255 on 0.
        classes: int64 [n], indices into `CLASSES`.
        hands: int64 [n], who wrote each.
        soft: of how many source pixels the staircase of a bitmap is rounded off (standard
            deviation).
    """
    fields = [_field(_enlarged(image, soft)) for image in images]
    return _collected(fields, classes, hands)


def from_strokes(
    characters: Iterable[Strokes], classes: NDArray[np.int64], hands: NDArray[np.int64]
) -> Glyphs:
    """Make glyphs of strokes, float64 [points, 2] each, x to the right and y downwards."""
    fields = [_field(_drawn(strokes)) for strokes in characters]
    return _collected(fields, classes, hands)


def class_indices(labels: Iterable[str]) -> NDArray[np.int64]:
    """Return the index of each label's class; characters that are no class are `other`."""
    known = {name: index for index, name in enumerate(CLASSES)}
    return np.array([known.get(label, known["other"]) for label in labels], np.int64)


def _collected(fields: list[Field], classes: NDArray[np.int64], hands: NDArray[np.int64]) -> Glyphs:
    """Collect glyphs; a hand that wrote four times as many is drawn twice as often."""
    stacked = np.stack(fields)
    pens = np.array([_pen(field) for field in fields], np.float32)
    _, hand, count = np.unique(hands, return_inverse=True, return_counts=True)
    return Glyphs(stacked, pens, classes.astype(np.int64), 1 / np.sqrt(count[hand]))


def _pen(field: Field) -> float:
    distance = (field.astype(np.float32) - np.float32(ZERO)) / np.float32(STEPS)
    return max(1.0, pen_width(distance))


def _enlarged(image: Image, soft: float) -> NDArray[np.bool_]:
    """Enlarge ink smoothly to a field; return what is inside its outline, bool [64, 64]."""
    dark = image > 60
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    if not len(rows):
        return np.zeros((SIDE, SIDE), np.bool_)
    crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = TALL / max(crop.shape)
    ink = np.pad(crop, 2).astype(np.float32) / np.float32(255)
    centre = np.array([ink.shape[1], ink.shape[0]]) / 2
    shift = SIDE / 2 - scale * centre + (scale - 1) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    large = cv2.warpAffine(ink, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), soft * scale)
    inside = np.asarray(large >= min(0.5, 0.6 * float(large.max())))
    return inside


def _drawn(strokes: Strokes) -> NDArray[np.bool_]:
    """Draw strokes with a thin pen on a field; return where there is ink, bool [64, 64]."""
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    scale = (TALL - LINE_WIDTH) / max(float((high - low).max()), 1e-6)
    canvas = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    for stroke in strokes:
        placed = (stroke - (low + high) / 2) * scale + SIDE / 2
        fine = np.rint(placed * 2 * 16).astype(np.int32)
        if len(fine) == 1:
            fine = np.repeat(fine, 2, axis=0)
        cv2.polylines(canvas, [fine], False, 255, 2 * LINE_WIDTH, cv2.LINE_8, 4)
    return canvas > 0


def _field(inside: NDArray[np.bool_]) -> Field:
    """Return the stored field of signed distances of what is inside, [64, 64] or larger."""
    ink = inside.astype(np.uint8)
    outside = cv2.distanceTransform(1 - ink, cv2.DIST_L2, 5)
    within = cv2.distanceTransform(ink, cv2.DIST_L2, 5)
    distance = np.where(inside, 0.5 - within, outside - 0.5).astype(np.float32)
    if not inside.any():
        distance = np.full_like(distance, SIDE)
    factor = SIDE / len(distance)
    if factor < 1:
        distance = cv2.resize(distance, (SIDE, SIDE), interpolation=cv2.INTER_AREA) * factor
    return np.clip(np.rint(ZERO + STEPS * distance), 0, 255).astype(np.uint8)
