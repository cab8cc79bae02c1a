"""Scales that each pixel or each image has for itself, and scales in which there is noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What `PixelScale` is made of: background, ink, and whether they are shares of each image's range.
Ends = tuple[float | NDArray[np.float64], float | NDArray[np.float64], bool]
Pixels = NDArray[np.float64]

_MIN_BY_PIXEL = 100  # images, below which a pixel's lowest value need not be background
_MIN_BACKGROUND = 0.25  # of all pixels have the background's value; MNIST's 81 %
_RANK = 4  # an image's ink is its 4th highest value: a few stray pixels do not count
# Of 300 digits of MNIST the highest values differ by 1.00 (the 9th decile through the 1st), once
# each is resampled by 1.06, divided by its length (Normalizer) by 1.6-2.3, each pixel divided by
# its deviation by 2.7. Where they differ twentyfold there are two scales in the set.
_MAX_SPREAD, _TWO_SCALES = 1.3, 20
# The share of all pixels within 0.07 of the range of the most frequent one: noise, or the 50
# components of a PCA, leave 0.74-0.83 of MNIST's there; noise alone has 0.33.
_MIN_NOISY_BACKGROUND = 0.5
_BINS = 50
# Known scales, and how far from them noise may lead: of the background and of the ink.
_COMMON = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (1.0, 0.0), (255.0, 0.0), (1.0, -1.0))
_NEAR_BACKGROUND, _NEAR_INK = 0.1, 0.35


def own_ends(array: NDArray[Any], sample: Pixels) -> Ends | None:
    """Return the scale of pixels, or of images, that were scaled one by one; None where none was.

    Then the background is the lowest value, or the highest, of each pixel, or of each image, and
    recurs there exactly, while that of another pixel or image is another value; or the background
    is the same, and the values of full ink differ.

    Args:
        array: [n, ...] of finite numbers.
        sample: some of the images, float64 [m, values].
    """
    tolerance = 1e-6 * float(np.ptp(sample))
    by_image = _own_background(sample.T, tolerance)
    if by_image:
        return (0.0, 1.0, True) if by_image > 0 else (1.0, 0.0, True)
    by_pixel = _own_background(sample, tolerance) if len(array) >= _MIN_BY_PIXEL else 0
    if not by_pixel:
        how = _own_ink(sample, tolerance)
        if how == "image":
            return 0.0, 1.0, True
        by_pixel = int(how == "pixel" and len(array) >= _MIN_BY_PIXEL)
    if not by_pixel:
        return None
    flat = array.reshape(len(array), -1)
    ends = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
    return (*ends, False) if by_pixel > 0 else (*ends[::-1], False)


def _own_background(table: Pixels, tolerance: float) -> int:
    """Tell whether columns have backgrounds of their own: 1 the lowest values, -1 the highest.

    Columns that do not vary say nothing. 0 where they have none.
    """
    lowest, highest = table.min(axis=0), table.max(axis=0)
    varies = highest - lowest > tolerance
    if varies.sum() < 2:
        return 0
    table, lowest, highest = table[:, varies], lowest[varies], highest[varies]
    found = 0
    most = _MIN_BACKGROUND
    for sign, ends in ((1, lowest), (-1, highest)):
        # of pixels that a scaler left alone, most have the same end
        differs = np.abs(ends - np.median(ends)) > tolerance
        recurs = (np.abs(table - ends) <= tolerance).mean(axis=0)
        share = float(recurs.mean())
        if share >= most and (differs & (recurs >= 0.1)).mean() >= 0.05:
            found, most = sign, share
    return found


def _own_ink(sample: Pixels, tolerance: float) -> str:
    """Tell whether values of full ink differ from "image" to image or from "pixel" to pixel.

    "" where neither do: they are on one grid of 255 steps, or near each other. The image or the
    pixel whose highest values are nearest to each other is what was scaled.
    """
    low, high = float(sample.min()), float(sample.max())
    ink = sample - low
    if len(sample) < 2 or (ink <= tolerance).mean() < _MIN_BACKGROUND:
        return ""
    inked = ink[ink > tolerance]
    steps = inked * (255 / (high - low))
    if (np.abs(steps - np.rint(steps)) < 0.15).mean() > 0.95:
        return ""
    tops = np.partition(ink, -_RANK, axis=1)[:, -_RANK]
    tops = tops[tops > tolerance]
    few, most = np.quantile(tops, (0.1, 0.9)) if tops.size else (1.0, 1.0)
    if not _MAX_SPREAD < most / few < _TWO_SCALES:
        return ""
    columns = ink[:, (ink > tolerance).mean(axis=0) >= 0.2]
    if _flatness(ink, 1) >= _flatness(columns, 0):
        return "image"
    return "pixel"


def _flatness(ink: Pixels, axis: int) -> float:
    """Return how near the 4th highest values along an axis come to the highest, 0-1."""
    if ink.shape[axis] < _RANK or not ink.size:
        return 0.0
    ordered = np.partition(ink, -_RANK, axis=axis)
    fourth, highest = np.take(ordered, -_RANK, axis=axis), ink.max(axis=axis)
    return float(np.median(fourth[highest > 0] / highest[highest > 0])) if highest.any() else 0.0


def noisy_ends(sample: Pixels) -> Ends | None:
    """Return a scale in which the background is no single value; None where it is not certain.

    So images are after noise was added, or as a PCA gives them back.

    Args:
        sample: some of the images, float64 [m, values].
    """
    low, high = (float(end) for end in np.quantile(sample, (0.001, 0.999)))
    counts, edges = np.histogram(sample.clip(low, high), _BINS)
    at = int(counts.argmax())
    near = counts[max(at - 3, 0) : at + 4].sum() / sample.size
    if near < _MIN_NOISY_BACKGROUND or not high > low:
        return None
    within = np.abs(sample - (edges[at] + edges[at + 1]) / 2) < 0.07 * (high - low)
    background = float(np.median(sample[within]))
    rank = min(_RANK, sample.shape[1])
    bright = background - low < high - background
    ordered = np.partition(sample, -rank if bright else rank - 1, axis=1)
    ink = float(np.median(ordered[:, -rank if bright else rank - 1]))
    if abs(ink - background) < 0.4 * (high - low):
        return None
    for ends in _COMMON:
        span = abs(ends[1] - ends[0])
        if (
            abs(background - ends[0]) <= _NEAR_BACKGROUND * span
            and abs(ink - ends[1]) <= _NEAR_INK * span
        ):
            return (*ends, False)
    return background, ink, False
