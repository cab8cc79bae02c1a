"""Normalise one digit's ink as MNIST's: fitted to 20x20, centred by mass in 28x28, pen width too.

MNIST's images were made from bilevel scans: scaled to fit 20x20 with their aspect ratio kept, grey
only from that scaling, and placed so that the centre of mass is in the middle of 28x28.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images

BOX_SIDE = 20  # pixels of the longer side, of MNIST's 28
OVERSAMPLING = 6  # the outline is found and moved on a grid this much finer than the 28x28
# The width of the pen in MNIST's training images, in pixels of 28x28, measured as `pen_width`
# does (n = 1,500): mean 2.6, 2 % below 1.6 and 5 % above 4.2.
MIN_PEN_WIDTH, MAX_PEN_WIDTH, MEAN_PEN_WIDTH = 1.6, 4.2, 2.6
MAX_STROKE_WIDTH = 10.0  # pixels of 20: nothing wider is a pen's, and thinned, a coat would be a 1
BLUR_SIGMA = 0.12  # pixels: then as many pixels are full ink as in MNIST (36 in 100 of the inked)
# Pixels; and softer than that, since the corners of coarse bitmaps and of other pens are no sign of
# another digit: of 4,674 validation images 55 were misread sharp, 46 so.
SOFTNESS = 0.5
MIN_STRENGTH = 0.2  # of a digit's darkest ink; what is lighter is no part of it


@dataclass(frozen=True)
class Normalised:
    """A digit as the network takes it.

    Args:
        image: uint8 [28, 28], ink 255 on 0.
        notes: what was done to it beyond scaling and centring.
    """

    image: Images
    notes: tuple[str, ...]


def normalise(ink: NDArray[np.float32], pen: float | None = None) -> Normalised:
    """Normalise the ink of one digit to MNIST's form.

    Args:
        ink: float32 [h, w] in 0-1, 1 where there is ink; its margins do not matter.
        pen: the width that every stroke gets, in pixels of 28x28; None to keep a width within
            MNIST's range.

    Returns:
        The image; blank where there is no ink at least half as dark as the darkest. Ink that is
        wider than any pen keeps its width.
    """
    inside = _inside_outline(ink)
    if inside is None:
        return Normalised(np.zeros((SIDE, SIDE), np.uint8), ())
    distance = _signed_distance(inside)
    width = pen_width(distance) / OVERSAMPLING
    if width > MAX_STROKE_WIDTH:
        return Normalised(_centred(distance), ())
    target_width = pen or float(np.clip(width, MIN_PEN_WIDTH, MAX_PEN_WIDTH))
    notes: tuple[str, ...] = ()
    if pen is None and width < 0.8 * MIN_PEN_WIDTH:
        notes = ("very thin stroke: thickened",)
    elif pen is None and width > 1.25 * MAX_PEN_WIDTH:
        notes = ("very thick stroke: thinned",)
    growth = (target_width - width) / 2 * OVERSAMPLING
    return Normalised(_centred(distance - growth), notes)


def pen_width(distance: NDArray[np.float32]) -> float:
    """Measure a stroke's width, in pixels, from signed distances float32 [h, w] to its outline.

    Twice the mean distance from the middle of the stroke, where the distance has a ridge, to its
    edge, each weighted by itself: ridges to the corners of a broad stroke count little.
    """
    depth = np.maximum(-distance, 0)
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 1e-3)
    depths = depth[ridge]
    return float(2 * (depths @ depths) / depths.sum()) if depths.size else 0.0


def _inside_outline(ink: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Scale ink smoothly to 20x20 on the fine grid, and threshold it at half its darkest."""
    dark = ink >= MIN_STRENGTH * max(float(ink.max(initial=0)), 1e-6)
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    scale = BOX_SIDE * OVERSAMPLING / max(bottom - top, right - left)
    margin = max(2, round(2 * OVERSAMPLING / scale))
    crop = ink[top:bottom, left:right] / ink.max()
    crop = np.pad(crop, margin)
    size = [max(1, round(side * scale)) for side in crop.shape]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(crop, (size[1], size[0]), interpolation=interpolation)
    # The staircase of a coarse bitmap is not the pen's: half a source pixel rounds it off.
    if scale > 1.5:
        large = cv2.GaussianBlur(large, (0, 0), 0.45 * scale)
    # A thin line is grey in a coarse image, and not evenly: half of what is darkest nearby.
    near = cv2.dilate(large, np.ones((4 * OVERSAMPLING + 1, 4 * OVERSAMPLING + 1), np.uint8))
    near = cv2.blur(near, (2 * OVERSAMPLING + 1, 2 * OVERSAMPLING + 1))
    inside: NDArray[np.bool_] = large >= 0.5 * np.maximum(near, 2 * MIN_STRENGTH)
    return inside if inside.any() else None


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance to the outline, float32 [h, w] in pixels, negative inside."""
    padded = np.pad(inside, 4 * OVERSAMPLING).astype(np.uint8)
    to_ink = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)
    to_background = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    return np.where(padded, 0.5 - to_background, to_ink - 0.5).astype(np.float32)


def _centred(distance: NDArray[np.float32]) -> Images:
    """Fit the inside of an outline to 20x20 and put its centre of mass in the middle of 28x28."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    ink = np.clip(0.5 - distance, 0, 1)
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    if not len(rows):
        return image
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sides = np.array(crop.shape) * BOX_SIDE / max(crop.shape)
    height, width = np.maximum(np.rint(sides), 1).astype(int)
    fine_size = (width * OVERSAMPLING, height * OVERSAMPLING)
    fine = cv2.resize(crop, fine_size, interpolation=cv2.INTER_LINEAR)
    sigma = BLUR_SIGMA * OVERSAMPLING
    fine = cv2.GaussianBlur(fine, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    # MNIST's digits are moved by whole pixels; their centres of mass are at 14.5 (mean of 2,000).
    # (cv2.moments takes an array of two columns for a list of points.)
    x = float(small.sum(0) @ np.arange(width) / small.sum())
    y = float(small.sum(1) @ np.arange(height) / small.sum())
    left = int(np.clip(round(SIDE / 2 - x), 0, SIDE - width))
    top = int(np.clip(round(SIDE / 2 - y), 0, SIDE - height))
    image[top : top + height, left : left + width] = np.rint(small * 255)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), SOFTNESS), np.uint8)
