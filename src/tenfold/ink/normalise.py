"""One digit's ink as MNIST has it: 28 x 28, fitted to 20 x 20, by centre of mass, its pen's width.

MNIST's pictures were made from bilevel scans: scaled to fit 20 x 20 with their aspect kept, grey
only from that scaling, and placed so that the centre of mass lies in the middle of 28 x 28.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images

BOX = 20  # pixels of the longer side, of MNIST's 28
FINE = 6  # an outline is found and moved on a grid this much finer than the 28 x 28
# The width of the pen in MNIST's training pictures, in pixels of 28 x 28, measured as `pen_width`
# does (n = 1,500): mean 2.6, 2 % below 1.6 and 5 % above 4.2.
THINNEST, THICKEST, USUAL = 1.6, 4.2, 2.6
BROADEST = 10.0  # pixels of 20: what is broader no pen drew, and thinned, a coat would be a 1
SOFT = 0.12  # pixels of blur: then as many pixels are full ink as in MNIST (36 in 100 of the inked)
FAINTEST = 0.2  # of a digit's darkest ink; what is lighter is no part of it


@dataclass(frozen=True)
class Normalised:
    """A digit as the network wants it.

    Args:
        image: uint8 [28, 28], ink 255 on 0.
        notes: what was done to it beyond scaling and placing.
    """

    image: Images
    notes: tuple[str, ...]


def normalise(ink: NDArray[np.float32], pen: float | None = None) -> Normalised:
    """Turn the ink of one digit into MNIST's form.

    Args:
        ink: float32 [h, w] in 0-1, 1 where there is ink; its margins do not matter.
        pen: the width that every stroke gets, in pixels of 28 x 28; None to leave what MNIST has.

    Returns:
        The picture; blank where there is no ink at least half as dark as the darkest. Ink that is
        broader than any pen stays as broad.
    """
    fine = _fine_outline(ink)
    if fine is None:
        return Normalised(np.zeros((SIDE, SIDE), np.uint8), ())
    outside = _signed_distance(fine)
    width = pen_width(outside) / FINE
    if width > BROADEST:
        return Normalised(_place(outside), ())
    wanted = pen or float(np.clip(width, THINNEST, THICKEST))
    notes: tuple[str, ...] = ()
    if pen is None and width < 0.8 * THINNEST:
        notes = ("very thin stroke: thickened",)
    elif pen is None and width > 1.25 * THICKEST:
        notes = ("very thick stroke: thinned",)
    grow = (wanted - width) / 2 * FINE
    return Normalised(_place(outside - grow), notes)


def pen_width(outside: NDArray[np.float32]) -> float:
    """Measure a stroke's width, in pixels, from signed distances float32 [h, w] to its outline.

    Twice the mean distance from the middle of the stroke, where the distance has a ridge, to its
    edge, each weighed by itself: ridges to the corners of a broad stroke count little.
    """
    depth = np.maximum(-outside, 0)
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 1e-3)
    depths = depth[ridge]
    return float(2 * (depths @ depths) / depths.sum()) if depths.size else 0.0


def _fine_outline(ink: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Scale ink to 20 x 20 on the fine grid, smoothly, and cut it at half its darkest."""
    dark = ink >= FAINTEST * max(float(ink.max(initial=0)), 1e-6)
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    scale = BOX * FINE / max(bottom - top, right - left)
    margin = max(2, round(2 * FINE / scale))
    cut = ink[top:bottom, left:right] / ink.max()
    cut = np.pad(cut, margin)
    size = [max(1, round(side * scale)) for side in cut.shape]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(cut, (size[1], size[0]), interpolation=how)
    # The staircase of a coarse bitmap is not the pen's: half a source pixel rounds it off.
    if scale > 1.5:
        large = cv2.GaussianBlur(large, (0, 0), 0.45 * scale)
    # A thin line is grey in a coarse picture, and not evenly: half of what is darkest nearby.
    near = cv2.dilate(large, np.ones((4 * FINE + 1, 4 * FINE + 1), np.uint8))
    near = cv2.blur(near, (2 * FINE + 1, 2 * FINE + 1))
    outline: NDArray[np.bool_] = large >= 0.5 * np.maximum(near, 2 * FAINTEST)
    return outline if outline.any() else None


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give the distance to the outline, float32 [h, w] in pixels, negative inside."""
    room = np.pad(inside, 4 * FINE).astype(np.uint8)
    near = cv2.distanceTransform(1 - room, cv2.DIST_L2, 5)
    deep = cv2.distanceTransform(room, cv2.DIST_L2, 5)
    return np.where(room, 0.5 - deep, near - 0.5).astype(np.float32)


def _place(outside: NDArray[np.float32]) -> Images:
    """Fit what lies inside into 20 x 20 and put its centre of mass in the middle of 28 x 28."""
    blank = np.zeros((SIDE, SIDE), np.uint8)
    ink = np.clip(0.5 - outside, 0, 1)
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    if not len(rows):
        return blank
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sides = np.array(cut.shape) * BOX / max(cut.shape)
    height, width = np.maximum(np.rint(sides), 1).astype(int)
    fine = cv2.resize(cut, (width * FINE, height * FINE), interpolation=cv2.INTER_LINEAR)
    fine = cv2.GaussianBlur(fine, (0, 0), SOFT * FINE, borderType=cv2.BORDER_CONSTANT)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    # MNIST's digits are moved by whole pixels; their centres of mass lie at 14.5 (mean of 2,000).
    # (cv2.moments takes an array of two columns for a list of points.)
    x = float(small.sum(0) @ np.arange(width) / small.sum())
    y = float(small.sum(1) @ np.arange(height) / small.sum())
    left = int(np.clip(round(SIDE / 2 - x), 0, SIDE - width))
    top = int(np.clip(round(SIDE / 2 - y), 0, SIDE - height))
    blank[top : top + height, left : left + width] = np.rint(small * 255)
    return blank
