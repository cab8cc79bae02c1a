"""Convert images by the scale that was found on others, as those that a model was trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.scale import (
    MAX_OTHER_SCALE,
    OVERSHOOT,
    WAY_OUT,
    PixelScale,
    are_whole,
    find_scale,
    outside_error,
    sample_rows,
)
from tenfold.errors import TenfoldError

_COMMON = ((0, 1), (0, 16), (0, 255), (0, 65535), (-1, 1), (1, -1))
_MIN_IMAGES = 10  # images, below which what they have in common may be chance


def rescaled(
    array: NDArray[Any], scale: PixelScale, where: str
) -> tuple[NDArray[np.uint8], str | None]:
    """Convert pixels by a scale that was found on other images, as those that a model learned.

    What lies beyond it is clipped where the most of the pixels fit: a scaler that was fitted to
    training images gives such values for others.

    Args:
        array: [n, 784] of finite numbers.
        scale: the scale that they should have.
        where: the array, for errors.

    Returns:
        uint8 [n, 784]; and which other scale they have and were converted from, or None.

    Raises:
        TenfoldError: where they have neither that scale nor another that is common.
    """
    if not len(array) or scale.by_image:
        return scale.to_uint8(array), None
    part = array[sample_rows(len(array))].astype(np.float64)
    span = np.subtract(scale.ink, scale.background)
    relative = np.divide(
        part - scale.background, span, out=np.zeros(part.shape), where=np.asarray(span != 0)
    )
    inked = relative[relative > 0.02]
    brightest = relative.max(axis=1)
    fits = not inked.size or float(np.median(inked)) <= 1 + OVERSHOOT
    fits &= bool((np.abs(relative) < OVERSHOOT).mean() >= 0.05)
    faint = (brightest > 0) & (brightest <= MAX_OTHER_SCALE / 255)
    if fits and faint.mean() < 0.01:
        return _clipped(array, scale, where), None
    if fits and not faint.all():
        if len(array) < _MIN_IMAGES:
            return _clipped(array, scale, where), None
        raise TenfoldError(
            f"{where}: {100 * faint.mean():.0f} % of the images have an eighth of the ink of the "
            f"others or less: two scales in one set; {WAY_OUT}"
        )
    other = find_scale(array, where)
    ends = (other.background, other.ink)
    by_pixel = isinstance(other.ink, np.ndarray)
    if by_pixel or (ends not in _COMMON and len(array) < _MIN_IMAGES):
        low, high = sorted(map(float, (np.min(scale.background), np.max(scale.ink))))
        outside = (array < low) | (array > high)
        if fits and not outside.any():
            return _clipped(array, scale, where), None  # blank but for some noise
        raise outside_error(array, outside, scale, where)
    if not isinstance(scale.ink, np.ndarray) and ends == (scale.background, scale.ink):
        return other.to_uint8(array), None
    if other.by_image:
        return other.to_uint8(array), "each on a scale of its own"
    expected = "one for each pixel" if isinstance(scale.ink, np.ndarray) else _range(scale)
    return other.to_uint8(array), f"on the scale {_range(other)} where {expected} was expected"


def _clipped(array: NDArray[Any], scale: PixelScale, where: str) -> NDArray[np.uint8]:
    """Convert pixels; reject what no scaler makes, far beyond the scale, or integers beyond it."""
    if isinstance(scale.background, np.ndarray) or isinstance(scale.ink, np.ndarray):
        return scale.to_uint8(array)
    low, high = sorted(map(float, (scale.background, scale.ink)))
    whole = np.issubdtype(array.dtype, np.integer) or (scale.is_bytes and are_whole(array))
    slack = 0 if whole else 255 * (high - low)
    outside = (array < low - slack) | (array > high + slack)
    if outside.any():
        raise outside_error(array, outside, scale, where)
    return scale.to_uint8(array)


def _range(scale: PixelScale) -> str:
    return f"{scale.background:g} to {scale.ink:g}"
