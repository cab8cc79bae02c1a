"""Cut one character out of an image: the ink inside its box, without its neighbours' and lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.ink.image import Luminance, downscale
from tenfold.ink.normalise import normalise

Boxes = NDArray[np.float32]  # [n, 4]: left, top, right and bottom, in pixels
MARGIN = 0.12  # of a box's longer side: a box may be too small by that much
MAX_SIDE = 160  # pixels of a cut-out: normalising needs no more
INKED = 0.45  # of the darkest ink
INNER = 0.7  # of a part's area is in a box that it is a part of
OWN_PIECE = 0.8  # of a piece of ink: a part with so much of it is a piece of its own


@dataclass(frozen=True)
class Cropped:
    """A character as the classifier takes it.

    Args:
        image: uint8 [28, 28], ink 255 on 0; blank where there is no ink.
        notes: what was done to it.
    """

    image: Images
    notes: tuple[str, ...]


def is_ink_dark(luminance: Luminance, boxes: Boxes) -> bool:
    """Return whether the characters in the boxes are darker than what is around them."""
    votes = 0.0
    for box in boxes[:200]:
        left, top, right, bottom = _around(box, luminance.shape, 0.25)
        crop = luminance[top:bottom, left:right]
        low, middle, high = np.percentile(crop, (4, 50, 96))
        votes += float((middle - low) - (high - middle))
    return votes >= 0


def ink_contrasts(luminance: Luminance, boxes: Boxes) -> NDArray[np.float32]:
    """Return how much the ink in each box differs from its paper, float32 [n], of the brighter."""
    dark = is_ink_dark(luminance, boxes)
    found = []
    for box in boxes:
        left, top, right, bottom = _around(box, luminance.shape, 0)
        crop = luminance[top:bottom, left:right]
        paper, ink = np.percentile(crop, (80, 5) if dark else (20, 95))
        found.append(abs(paper - ink) / max(paper, ink, 1.0))
    return np.array(found, np.float32)


def are_joined(luminance: Luminance, parts: Boxes, boxes: Boxes) -> NDArray[np.bool_]:
    """Return which parts lie in one of the boxes and are of one piece with its other ink, bool [n].

    Args:
        luminance: float32 [h, w] in 0-255.
        parts: of what may be a stroke's end.
        boxes: of characters.
    """
    joined = np.zeros(len(parts), np.bool_)
    dark = is_ink_dark(luminance, boxes) if len(boxes) else True
    for index, part in enumerate(parts):
        sides = np.minimum(boxes[:, 2:], part[2:]) - np.maximum(boxes[:, :2], part[:2])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        for box in boxes[shared >= INNER * np.prod(part[2:] - part[:2])]:
            left, top, right, bottom = _around(box, luminance.shape, MARGIN)
            mask = (_strength(luminance[top:bottom, left:right], dark) >= INKED).astype(np.uint8)
            count, labels = cv2.connectedComponents(mask, connectivity=8)
            x0, y0 = np.maximum(np.floor(part[:2]) - (left, top), 0).astype(int)
            x1, y1 = (np.ceil(part[2:]) - (left, top)).astype(int)
            areas = np.bincount(labels.ravel(), minlength=count)
            inner = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=count)
            inner[0] = 0
            piece = int(inner.argmax())
            joined[index] |= bool(piece) and inner[piece] < OWN_PIECE * areas[piece]
    return joined


def crop_characters(
    luminance: Luminance,
    boxes: Boxes,
    chosen: Sequence[int],
    angle: float,
    pen: float | None = None,
) -> list[Cropped]:
    """Cut out and normalise characters.

    Args:
        luminance: float32 [h, w] in 0-255.
        boxes: of all characters; each loses what is in another's box alone.
        chosen: which of them to cut out, in this order.
        angle: by how many degrees, clockwise, the rows are rotated.
        pen: the width that every stroke gets (see `normalise`).
    """
    if not chosen:
        return []
    dark = is_ink_dark(luminance, boxes)
    return [_crop(luminance, boxes, index, dark, angle, pen) for index in chosen]


def _around(box: NDArray[np.float32], shape: tuple[int, ...], margin: float) -> list[int]:
    reach = margin * float((box[2:] - box[:2]).max()) + 1
    low, high = np.floor(box[:2] - reach), np.ceil(box[2:] + reach)
    left, top = np.maximum(low, 0).astype(int).tolist()
    right, bottom = np.minimum(high, (shape[1], shape[0])).astype(int).tolist()
    return [left, top, max(right, left + 1), max(bottom, top + 1)]


def _crop(
    luminance: Luminance,
    boxes: Boxes,
    index: int,
    dark: bool,
    angle: float,
    pen: float | None,
) -> Cropped:
    left, top, right, bottom = _around(boxes[index], luminance.shape, MARGIN)
    crop = luminance[top:bottom, left:right]
    small = downscale(crop, MAX_SIDE)
    scale = max(small.shape) / max(crop.shape)
    places = (boxes - np.array([left, top, left, top], np.float32)) * np.float32(scale)
    strength = _strength(small, dark)
    own = _own(strength.shape, places, index)
    strength *= own
    strength *= _kept(strength, places[index])
    if angle:
        strength = rotated(strength, angle)
    normalised = normalise(strength, pen)
    return Cropped(normalised.image, normalised.notes)


def _strength(grey: Luminance, dark: bool) -> NDArray[np.float32]:
    """Return how dark the ink of a crop is, of its darkest, 0-1; of light ink, how light."""
    grey = grey if dark else 255 - grey
    paper = float(np.percentile(grey, 75))
    deepest = float(np.percentile(grey, 2))
    strength = np.clip((paper - grey) / max(paper - deepest, 1.0), 0, 1)
    return np.asarray(strength, np.float32)


def _own(shape: tuple[int, ...], places: Boxes, index: int) -> NDArray[np.bool_]:
    """Return what is not in the boxes of others alone; where boxes overlap, the half is nearer."""
    own = np.ones(shape, np.bool_)
    left, _, right, _ = places[index]
    middle = (left + right) / 2
    columns = np.arange(shape[1])[None, :] + 0.5
    near = (places[:, 0] < shape[1]) & (places[:, 2] > 0)
    near &= (places[:, 1] < shape[0]) & (places[:, 3] > 0)
    near[index] = False
    for other in places[near]:
        others = (other[0] + other[2]) / 2
        x0, y0 = np.maximum(np.floor(other[:2]), 0).astype(int)
        x1, y1 = np.ceil(other[2:]).astype(int)
        inside = np.zeros(shape, np.bool_)
        inside[y0:y1, x0:x1] = True
        if others > middle:
            inside &= columns > max(right, (middle + others) / 2) - 0.5
        else:
            inside &= columns < min(left, (middle + others) / 2) + 0.5
        own &= ~inside
    return own


def _kept(strength: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return which ink is the character's: components that lie mostly in its box."""
    mask = (strength >= INKED).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x0, y0 = np.maximum(np.floor(box[:2]), 0).astype(int)
    x1, y1 = np.ceil(box[2:]).astype(int)
    inside = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=count)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = inside >= 0.6 * areas
    kept &= areas >= 0.02 * max(1, int(areas[1:].max(initial=1)))
    kept[0] = False
    near = cv2.dilate(kept[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    return near.astype(np.float32)


def rotated(strength: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """Rotate a crop back by `angle` degrees, padded for its corners."""
    height, width = strength.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    matrix[0, 2] += (side - width) / 2
    matrix[1, 2] += (side - height) / 2
    return np.asarray(cv2.warpAffine(strength, matrix, (side, side)), np.float32)
