"""Convert arrays of other shapes and dtypes to images, uint8 [n, 28, 28], and to labels."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, SIDE, Images, Labels, class_indices
from tenfold.data.numbers import label_text, parse_number, whole_text
from tenfold.data.scale import (
    FLOAT_NOTE,
    PixelScale,
    find_scale,
    first_index,
    pixel_name,
)
from tenfold.data.sizes import squared, to_28x28
from tenfold.errors import TenfoldError

_WHOLE = re.compile(r"-?[0-9]{1,18}")

BOOLEAN_NOTE = "the pixels are booleans and were converted to 255 or 0"
CLIPPED_NOTE = "values a little beyond the scale, as resampling leaves them, were clipped"
COLOUR_NOTE = "the images are in colour and were converted to luminance"


def to_images(
    array: NDArray[Any], where: str, any_size: bool = False
) -> tuple[Images, tuple[str, ...]]:
    """Convert an array of images to uint8 [n, 28, 28].

    The scale is found from the set as a whole (`scale.find_scale`): 0-255, 0-1 and others. Three
    channels are converted to luminance.

    Args:
        array: [n, 28, 28], [n, 784], [n, 28, 28, 1 or 3] or [n, 1 or 3, 28, 28], of numbers.
        where: the source, and which array of it, for errors.
        any_size: scale squares of other sizes to 28x28.

    Returns:
        The images, and what was done to them, a sentence each.

    Raises:
        TenfoldError: where the shape, the dtype or a value is invalid.
    """
    array = without_alpha(array, where)
    array = squared(array, where) if any_size else shaped(array, where)
    pixels, notes = _to_uint8(array, where)
    if pixels.ndim == 4:
        pixels, notes = luminance(pixels), (*notes, COLOUR_NOTE)
    pixels, sizes = to_28x28(pixels)
    return pixels, (*notes, *sizes)


def without_alpha(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Return images [n, side, side, 2 or 4] without their last channel, where that is constant.

    Raises:
        TenfoldError: where it is not: what is transparent has no known colour.
    """
    shape = array.shape
    if len(shape) != 4 or shape[3] not in (2, 4) or shape[1] != shape[2] or not len(array):
        return array
    alpha = array[..., -1]
    if (alpha != alpha.flat[0]).any():
        raise TenfoldError(
            f"{where}: the images have an alpha channel that varies; blend them over their "
            f"background first. Received: {list(shape)}"
        )
    return array[..., :-1]


def shaped(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Reshape an array of images to [n, 28, 28], or [n, 28, 28, 3] where they are in colour.

    Raises:
        TenfoldError: where it has another shape, or holds no images.
    """
    shape = array.shape
    if shape[1:] in ((PIXELS,), (SIDE, SIDE, 1), (1, SIDE, SIDE)):
        array = array.reshape(-1, SIDE, SIDE)
    elif shape[1:] == (3, SIDE, SIDE):
        array = array.transpose(0, 2, 3, 1)
    elif shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 3)):
        hint = "resize each to 28x28"
        if shape[1:] == (3 * PIXELS,):
            hint = f"reshape colour to [n, {SIDE}, {SIDE}, 3]"
        elif shape[:-1] in ((PIXELS,), (SIDE, SIDE)):
            hint = "bring the axis of the images, here the last, to the front"
        raise TenfoldError(
            f"{where}: images must be [n, {SIDE}, {SIDE}] or [n, {PIXELS}]; {hint}. "
            f"Received: {list(shape)}"
        )
    if not len(array):
        raise TenfoldError(f"{where}: holds no images; give a set with at least one")
    return array


def luminance(pixels: NDArray[np.uint8]) -> Images:
    """Convert RGB, uint8 [n, side, side, 3], to luminance, as ITU-R 601 and Pillow do."""
    weights = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587, 0.114 of 65,536
    out = np.empty(pixels.shape[:3], np.uint8)
    for first in range(0, len(pixels), 4096):  # in words of 4 bytes, so in batches
        batch = pixels[first : first + 4096].astype(np.uint32) @ weights
        out[first : first + 4096] = (batch + 0x8000) >> 16
    return out


def _to_uint8(array: NDArray[Any], where: str) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if array.dtype == np.uint8:
        return array, ()  # the set as a whole is looked at in `polarity.normalised`
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255), (BOOLEAN_NOTE,)
    scale = find_scale(check_numbers(array, where), where)
    return scale.to_uint8(array), scale_notes(scale, array)


def check_numbers(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Return an array of images as it is.

    Raises:
        TenfoldError: where a value is no finite number.
    """
    whole = np.issubdtype(array.dtype, np.integer)
    if not whole and not np.issubdtype(array.dtype, np.floating):
        raise TenfoldError(f"{where}: pixels must be numbers. Received: {array.dtype}")
    if not whole and not np.isfinite(array).all():
        at = first_index(~np.isfinite(array))
        raise TenfoldError(
            f"{where}: {pixel_name(at)} must be a number 0-255 or 0-1. Received: {array[at]}"
        )
    return array


def scale_notes(scale: PixelScale, array: NDArray[Any]) -> tuple[str, ...]:
    """Say how the pixels of an array were converted, where anything was changed."""
    described = scale.describe()
    if scale.is_bytes and np.issubdtype(array.dtype, np.floating):
        described = FLOAT_NOTE
    notes = (described,) if described else ()
    if not scale.is_own:
        low, high = sorted((float(np.min(scale.background)), float(np.max(scale.ink))))
        slack = 1e-6 * (high - low)
        if array.min() < low - slack or array.max() > high + slack:
            return (*notes, CLIPPED_NOTE)
    return notes


def labels_of(array: NDArray[Any], count: int, where: str) -> tuple[Labels, tuple[str, ...]]:
    """Convert labels of any dtype to indices and the names of their classes.

    Args:
        array: [n] or [n, 1], of integers, whole floats, booleans, text, or a mixture as objects.
        count: how many images there are.
        where: the source, and which array of it, for errors.

    Returns:
        int64 [n], and the classes; as `class_indices`.

    Raises:
        TenfoldError: where the shape or count differs, or a label is missing.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise TenfoldError(
            f"{where}: labels must be one an image, [{count}]; give the argmax of one-hot labels. "
            f"Received: {list(array.shape)}"
        )
    if len(array) != count:
        raise TenfoldError(
            f"{where}: there must be as many labels as images. "
            f"Received: {len(array):,} labels, {count:,} images"
        )
    if np.issubdtype(array.dtype, np.floating):
        array = _whole_labels(array, where)
    elif array.dtype.kind in "OSTU":
        return _text_labels(array.tolist(), where)
    elif array.dtype.kind not in "iub":
        raise TenfoldError(f"{where}: labels must be integers or text. Received: {array.dtype}")
    if array.dtype.kind == "u" and len(array) and int(array.max()) >= 1 << 63:
        raise TenfoldError(f"{where}: labels must be below 2^63. Received: {array.max()}")
    return class_indices(array)


def _text_labels(values: list[Any], where: str) -> tuple[Labels, tuple[str, ...]]:
    texts = [label_text(value) for value in values]
    if "" in texts:
        raise _missing_label(texts.index(""), where)
    fractions = [parse_number(text) is not None and whole_text(text) is None for text in texts]
    if any(fractions):
        at = fractions.index(True)
        raise TenfoldError(
            f"{where}: the label of image {at} must be an integer or the name of a class. "
            f"Received: {values[at]!r}"
        )
    return named_labels(texts)


def is_whole(name: str) -> bool:
    """Return whether the text of a label is a whole number."""
    return _WHOLE.fullmatch(name) is not None


def named_labels(names: list[str]) -> tuple[Labels, tuple[str, ...]]:
    """Convert labels given as text: as integers where all are whole numbers, 5.0 too, or names."""
    whole = {name: whole_text(name) for name in set(names)}
    if None not in whole.values():
        numbers = {name: int(text) for name, text in whole.items() if text is not None}
        return class_indices(np.array([numbers[name] for name in names], np.int64))
    return class_indices(np.array(names))


def other_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note where the classes are not the ten digits."""
    if "".join(classes) == "0123456789":
        return ()
    return (f"the labels are not the digits 0-9 but {len(classes)} other classes",)


def _whole_labels(array: NDArray[Any], where: str) -> NDArray[np.int64]:
    if np.isnan(array).any():
        raise _missing_label(int(np.isnan(array).argmax()), where)
    invalid = (array != np.trunc(array)) | (np.abs(array) >= 1 << 53)
    if invalid.any():
        at = int(invalid.argmax())
        raise TenfoldError(
            f"{where}: the label of image {at} must be an integer or the name of a class. "
            f"Received: {array[at]}"
        )
    return array.astype(np.int64)


def _missing_label(at: int, where: str) -> TenfoldError:
    return TenfoldError(
        f"{where}: the label of image {at} is missing; give every image its label, or leave "
        "the labels out"
    )
