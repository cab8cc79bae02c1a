"""The scale of pixels: which value is background and which is full ink, decided on a whole set."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.own_scales import noisy_ends, own_ends
from tenfold.errors import TenfoldError

FRACTION_NOTE = "the pixels are fractions 0-1 and were multiplied by 255"
FLOAT_NOTE = "the pixels are floats within 0-255 and were rounded"
BY_PIXEL_NOTE = (
    "each pixel has a scale of its own, as StandardScaler gives: its lowest and highest value in "
    "the set became 0 and 255"
)
BY_IMAGE_NOTE = (
    "each image has a scale of its own, as Normalizer or per-image standardisation gives: its "
    "lowest and highest value became 0 and 255"
)
WAY_OUT = "scale them to 0-255 or 0-1 first"

# No image of digits has its darkest ink at an eighth of 255: such values have another scale.
MAX_OTHER_SCALE = 32
# Resampling (bicubic, Lanczos) overshoots by less than this share of the scale, and is clipped.
OVERSHOOT = 0.1
_DEEP_SCALES = (1023, 4095, 65535)  # of 10, 12 and 16 bits
_MIN_BACKGROUND = 0.25  # of all pixels have the background's value; MNIST's 81 %
Bounds = tuple[float, float] | None  # of the pixels of a set
_SAMPLE = 1000
_RANK = 4  # an image's ink is its 4th highest value: a few stray pixels do not count
_MIN_IMAGES = 10  # below which a common highest value is chance


@dataclass(frozen=True, eq=False)
class PixelScale:
    """A linear scale of pixels.

    Args:
        background: the value of the background; one number, or [784] where each pixel has its own.
        ink: the value of full ink, likewise; below the background where ink is dark.
        by_image: background and ink are shares of each image's own range: 0 is its lowest value and
            1 its highest.
    """

    background: float | NDArray[np.float64] = 0.0
    ink: float | NDArray[np.float64] = 255.0
    by_image: bool = False

    @property
    def is_bytes(self) -> bool:
        """Whether it is that of `Dataset`: 0-255."""
        ends = (self.background, self.ink)
        return np.isscalar(self.ink) and not self.by_image and ends == (0, 255)

    @property
    def is_own(self) -> bool:
        """Whether each pixel, or each image, has a scale of its own."""
        return self.by_image or isinstance(self.ink, np.ndarray)

    def to_uint8(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """Convert pixels [n, ...] of any dtype to uint8, ink 255 on 0; values beyond are clipped.

        Where each pixel has its own scale, `array` must have 784 of them an image.
        """
        if self.is_bytes and np.issubdtype(array.dtype, np.integer):
            return array.astype(np.uint8, copy=False)
        out = np.empty(array.shape, np.uint8)
        own = isinstance(self.background, np.ndarray)
        shape = (1, *array.shape[1:]) if own else ()
        background = np.reshape(self.background, shape)
        span = np.reshape(self.ink, shape) - background
        factor = np.divide(255.0, span, out=np.zeros(span.shape), where=span != 0)
        for first in range(0, len(array), 4096):
            batch = array[first : first + 4096].astype(np.float64)
            if self.by_image:
                batch = _within_own_range(batch, float(np.max(self.background)))
            batch = (batch - background) * factor
            out[first : first + 4096] = np.rint(batch.clip(0, 255))
        return out

    def then(self, other: "PixelScale") -> "PixelScale":
        """Return the scale that converts as this one does, and then the other its result."""
        span = (self.ink - self.background) / 255
        return PixelScale(
            self.background + span * other.background,
            self.background + span * other.ink,
            self.by_image,
        )

    def to_json(self) -> str:
        """Return it as JSON, from which `from_json` makes the same."""
        ends = (self.background, self.ink)
        values = [end.tolist() if isinstance(end, np.ndarray) else end for end in ends]
        return json.dumps([*values, "by image"] if self.by_image else values)

    @classmethod
    def from_json(cls, text: str) -> "PixelScale":
        """Read it. Raises ValueError where it is damaged."""
        values = json.loads(text)
        by_image = isinstance(values, list) and values[2:] == ["by image"]
        ends = [np.asarray(end, np.float64) for end in (values[:2] if by_image else values)]
        if len(ends) != 2 or not all(
            e.shape in ((), (784,)) and np.isfinite(e).all() for e in ends
        ):
            raise ValueError("no scale of pixels")
        background, ink = (float(end) if end.ndim == 0 else end for end in ends)
        return cls(background, ink, by_image)

    def describe(self) -> str:
        """Say in a sentence how pixels of this scale are converted; "" for whole 0-255."""
        if self.by_image:
            return BY_IMAGE_NOTE
        if isinstance(self.background, np.ndarray):
            return BY_PIXEL_NOTE
        if self.background == 0:
            if self.ink == 1:
                return FRACTION_NOTE
            if self.ink == 255:
                return ""
        return (
            f"the pixels are {self.background:g} (background) to {self.ink:g} (ink) and were "
            "converted to 0-255"
        )


def find_scale(array: NDArray[Any], where: str) -> PixelScale:
    """Find the scale of a set's pixels from the set as a whole; see `find_bounded_scale`."""
    return find_bounded_scale(array, where)[0]


def find_bounded_scale(array: NDArray[Any], where: str) -> tuple[PixelScale, Bounds]:
    """Find the scale of a set's pixels from the set as a whole, and where all of them must lie.

    Recognised are 0-255; 0-1; any other range from 0 whose highest values recur from image to
    image, as 0-16, 0/1 or 16 bits; and ranges with negative values in which the most frequent
    value, the background, is an end of the range, as -1 to 1, exactly or but for noise. Pixels or
    images that were scaled one by one get a scale each. Single values beyond the scale of all the
    others are faults.

    Args:
        array: [n, ...] of n >= 1 images, integers or finite floats.
        where: the source, and which array of it, for errors.

    Returns:
        The scale; and the lowest and highest value of a pixel that is no fault, None where any is.

    Raises:
        TenfoldError: where there is no such scale, or a value lies outside of it; the message
            names the image and the pixel.
    """
    low, high = float(array.min()), float(array.max())
    whole = are_whole(array)  # such do not overshoot by resampling
    if whole and low >= 0 and MAX_OTHER_SCALE < high <= 255:
        return PixelScale(), (0.0, 255.0)
    sample = _sample(array)
    if (not whole or low < 0) and (own := own_ends(array, sample)) is not None:
        return PixelScale(*own), None
    rank = min(_RANK, sample.shape[1]) - 1
    dark = float(np.median(np.partition(sample, rank, axis=1)[:, rank]))
    brightest = np.partition(sample, -rank - 1, axis=1)[:, -rank - 1]
    bright = float(np.median(brightest))
    top = _top(bright if bright > 0 else high, high, whole, len(array))
    small = (brightest > 0.02) & (brightest <= 1 + OVERSHOOT)
    if top > MAX_OTHER_SCALE and small.mean() > 0.01:
        raise TenfoldError(
            f"{where}: {100 * small.mean():.0f} % of the images lie in 0-1, and others up to "
            f"{high:g}: two scales in one set; {WAY_OUT}"
        )
    if low >= 0 or (dark >= -OVERSHOOT * top and _count_below(sample, -OVERSHOOT * top) < 0.01):
        slack = 0.0 if whole else OVERSHOOT * top
        outside = (array < -slack) | (array > top + slack)
        if outside.any():
            raise outside_error(array, outside, PixelScale(0.0, top), where)
        return PixelScale(0.0, top), (-slack, top + slack)
    return _two_sided(array, sample, (low, high), (dark, bright), where)


class PixelError(TenfoldError):
    """A pixel that lies outside of the scale of all the others.

    Args:
        where: the array.
        at: the pixel's index in it.
        bounds: where it must lie.
        value: the pixel.
    """

    def __init__(self, where: str, at: tuple[int, ...], bounds: str, value: Any) -> None:
        super().__init__(
            f"{where}: {pixel_name(at)} must lie in {bounds}; scale or clip them. Received: {value}"
        )
        self.at, self.bounds, self.value = at, bounds, float(value)


def outside_error(
    array: NDArray[Any], outside: NDArray[np.bool_], scale: PixelScale, where: str
) -> PixelError:
    """Make the error for the first of the values that lie outside of a scale."""
    at = first_index(outside)
    bounds = "0-255, or all pixels in 0-1"
    if isinstance(scale.ink, float) and scale.ink not in (1.0, 255.0):
        bounds = f"{scale.background:g} to {scale.ink:g} as the others, or all in {bounds}"
    return PixelError(where, at, bounds, array[at])


def are_whole(array: NDArray[Any]) -> bool:
    """Return whether all values are whole numbers, of whichever dtype."""
    return np.issubdtype(array.dtype, np.integer) or bool((array == np.rint(array)).all())


def first_index(found: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the index of the first True of an array that has one."""
    return tuple(int(index) for index in np.unravel_index(int(found.argmax()), found.shape))


def pixel_name(at: tuple[int, ...]) -> str:
    """Name a pixel by its index in [n, ...]."""
    return f"image {at[0]}, pixel [{', '.join(map(str, at[1:]))}]"


def _sample(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return images from all over the set, float64 [m, values]."""
    chosen = sample_rows(len(array))
    return array[chosen].reshape(len(chosen), -1).astype(np.float64)


def sample_rows(count: int, most: int = _SAMPLE) -> NDArray[np.int64]:
    """Return the indices of at most `most` of `count` images, from all over them, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def _count_below(sample: NDArray[np.float64], bound: float) -> float:
    return float((sample < bound).mean())


def _top(bright: float, high: float, whole: bool, count: int) -> float:
    """Choose the value of full ink on a background of 0, from what is typical and the highest."""
    recurs = high <= (1 + OVERSHOOT) * bright + whole
    weakest = 0.5 if count >= _MIN_IMAGES else MAX_OTHER_SCALE / 255
    if bright < weakest:
        return high if recurs else bright
    if bright <= 1 + OVERSHOOT:
        return 1.0
    if bright <= MAX_OTHER_SCALE:
        return 16.0 if bright > 8 and high <= 16 else high if recurs else bright
    if bright <= (1 + OVERSHOOT) * 255:
        return 255.0
    deep = next((scale for scale in _DEEP_SCALES if bright <= high <= scale < 2 * bright), None)
    return float(deep or (high if recurs else bright))


def _two_sided(
    array: NDArray[Any],
    sample: NDArray[np.float64],
    ends: tuple[float, float],
    typical: tuple[float, float],
    where: str,
) -> tuple[PixelScale, Bounds]:
    """Find the scale of a set with negative values."""
    span = typical[1] - typical[0]
    wide = (typical[0] - span / 2, typical[1] + span / 2)
    outside = (array < wide[0]) | (array > wide[1])
    values, counts = np.unique(sample, return_counts=True)
    background = float(values[counts.argmax()])
    at_low = background <= typical[0] + 0.05 * span
    certain = counts.max() >= _MIN_BACKGROUND * sample.size
    certain &= at_low or background >= typical[1] - 0.05 * span
    if not certain and (ends_of := noisy_ends(sample)) is not None:
        noisy = PixelScale(*ends_of)
        low, high = sorted(map(float, (noisy.background, noisy.ink)))
        outside = (array < 2 * low - high) | (array > 2 * high - low)
        if outside.any():
            raise outside_error(array, outside, noisy, where)
        return noisy, (2 * low - high, 2 * high - low)
    if outside.any() and outside.mean() < 0.01 and (certain or typical[0] >= 0):
        ink_end = typical[1] if at_low else typical[0]
        scale = PixelScale(float(typical[0] if at_low else typical[1]), float(ink_end))
        raise outside_error(array, outside, scale, where)
    bounds = None if outside.any() else wide
    if max(abs(ends[0] + 1), abs(ends[1] - 1)) <= 0.05:  # torchvision's Normalize(0.5, 0.5)
        usual = PixelScale(-1.0, 1.0) if at_low or not certain else PixelScale(1.0, -1.0)
        return usual, bounds
    if not certain:
        raise TenfoldError(
            f"{where}: the pixels lie in {ends[0]:g} to {ends[1]:g}, and no value is common enough "
            f"to be the background; {WAY_OUT}"
        )
    return PixelScale(background, ends[1] if at_low else ends[0]), bounds


def _within_own_range(batch: NDArray[np.float64], blank: float) -> NDArray[np.float64]:
    """Bring each image's lowest value to 0 and its highest to 1; a blank image to `blank`."""
    axes = tuple(range(1, batch.ndim))
    low = batch.min(axis=axes, keepdims=True)
    span = batch.max(axis=axes, keepdims=True) - low
    shares = np.full(batch.shape, blank)
    np.divide(batch - low, span, out=shares, where=span > 0)
    return shares
