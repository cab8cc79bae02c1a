"""Bring square images of other sizes to 28x28."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError

MIN_SIDE, _MAX_SIDE = 7, 512
# MNIST's digits lie in 20x20 with a margin of 4. Sets of these sizes fill theirs: optdigits,
# USPS and semeion, and MNIST without its margin.
_FILLED = (8, 16, 20)
_INNER = 20
PADDED = 32  # LeNet's: MNIST with a margin of 2 more


def side_of(size: int) -> int:
    """Return the side of a square image of `size` pixels; 0 where there is none."""
    side = math.isqrt(max(size, 0))
    return side if side * side == size and MIN_SIDE <= side <= _MAX_SIDE else 0


def squared(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Reshape images to [n, side, side], or [n, side, side, 3] in colour.

    Args:
        array: [n, pixels], [n, side, side], [n, side, side, 1 or 3] or [n, 1 or 3, side, side].
        where: the name used in errors.

    Raises:
        TenfoldError: where the images are not square, or there are none.
    """
    shape = array.shape
    if len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3]:
        array = array.transpose(0, 2, 3, 1)
    elif len(shape) == 2 and (side := side_of(shape[1])):
        array = array.reshape(-1, side, side)
    shape = array.shape
    if len(shape) == 4 and shape[3] == 1:
        array = array[..., 0]
        shape = array.shape
    square = len(shape) in (3, 4) and shape[1] == shape[2] and shape[3:] in ((), (3,))
    if not square or not MIN_SIDE <= shape[1] <= _MAX_SIDE:
        colour = len(shape) == 2 and shape[1] % 3 == 0 and side_of(shape[1] // 3)
        hint = f"reshape colour to [n, {SIDE}, {SIDE}, 3]" if colour else "resize each to 28x28"
        raise TenfoldError(
            f"{where}: images must be [n, {SIDE}, {SIDE}], [n, {SIDE * SIDE}] or other squares of "
            f"{MIN_SIDE}-{_MAX_SIDE}; {hint}. Received: {list(shape)}"
        )
    if not len(array):
        raise TenfoldError(f"{where}: holds no images; give a set with at least one")
    return array


def to_28x28(
    pixels: NDArray[np.uint8], crop: bool | None = None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Scale, crop or pad images, so that digits are about as large as MNIST's.

    8x8, 16x16 and 20x20 fill 20x20 within a margin of 4, as MNIST's digits do; 32x32 whose outer 2
    pixels are empty in all images are cropped; others are scaled.

    Args:
        pixels: uint8 [n, side, side] or [n, side, side, 3].
        crop: whether 32x32 have a margin to crop, where a larger set has decided that.

    Returns:
        The same in 28x28, and what was done.
    """
    side = pixels.shape[1]
    if side == SIDE:
        return pixels, ()
    if side == PADDED and (is_padded(pixels) if crop is None else crop):
        return pixels[:, 2:-2, 2:-2], (f"the {side}x{side} images were cropped to {SIDE}x{SIDE}",)
    inner = _INNER if side in _FILLED else SIDE
    margin = (SIDE - inner) // 2
    fitted = np.zeros((len(pixels), SIDE, SIDE, *pixels.shape[3:]), np.uint8)
    inside = fitted[:, margin : margin + inner, margin : margin + inner]
    if inner == side:
        inside[:] = pixels
    else:
        import cv2  # 0.03 s, which a set of 28x28 does without

        how = cv2.INTER_AREA if inner < side else cv2.INTER_CUBIC
        for target, image in zip(inside, pixels, strict=True):
            target[:] = cv2.resize(np.ascontiguousarray(image), (inner, inner), interpolation=how)
    within = f", {inner}x{inner} within a margin" if margin else ""
    return fitted, (f"the {side}x{side} images were scaled to {SIDE}x{SIDE}{within}",)


def is_padded(pixels: NDArray[np.uint8]) -> bool:
    """Return whether images are 32x32 and the outer 2 pixels of all of them are empty."""
    return pixels.shape[1] == PADDED and bool(without_ink_in_margin(pixels).all())


def without_ink_in_margin(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return of which images [n, side, side(, 3)] cropping the outer 2 pixels loses no ink."""
    margin = np.ones(pixels.shape[1:3], np.bool_)
    margin[2:-2, 2:-2] = False
    ink = pixels[:, margin].reshape(len(pixels), -1)
    return np.asarray(ink.max(axis=1, initial=0) == 0, np.bool_)
