"""Polarity and contrast of images: bring a set to ink 255 on 0, and one to what a model knows."""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Images
from tenfold.data.scale import MAX_OTHER_SCALE, PixelScale
from tenfold.errors import TenfoldError

# The share of an image's outermost ring that is nearer to its brightest value than to its darkest:
# MNIST's 0.04 at most, Fashion-MNIST's 0.57; of dark ink on bright paper, 1 less that.
BRIGHT_BORDER, DARK_BORDER = 0.75, 0.25
# Where more borders than this are neither, as in photos of things, there is no polarity to find.
MAX_UNCLEAR = 0.02
MIN_SHARE = 0.9  # of a set that has a property for it to be the set's
MIN_INK = 0.6  # of the weakest ink in training; weaker ink is stretched
MIN_CONTRAST = 25  # of 255; an image with less is blank
WEAK_CONTRAST = 200  # of 255: the highest value of a set whose ink is weak
MIN_IMAGES = 10  # below these a common highest value is chance
_RANK = 4  # an image's ink is its 4th highest value, its paper its 4th lowest
_SAMPLE = 4000
_MAX_JUDGED = 2000

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PixelStatistics:
    """What the images of a training set look like, for others to be compared with.

    Args:
        border: the share of the outermost ring that is bright (above 127), of all but one in 1,000.
        brightness: the mean value of an image, of all but one in 1,000.
        ink: the 4th highest value of an image: of all but one in 1,000 at least, and the median.
    """

    border: float
    brightness: float
    ink: tuple[float, float]

    def to_json(self) -> str:
        """Return them as JSON, from which `from_json` makes the same."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "PixelStatistics":
        """Read them. Raises ValueError where they are damaged."""
        return msgspec.json.decode(text, type=cls)


@dataclass(frozen=True, eq=False)
class _Borders:
    """What the borders of n images say: which are bright, mixed, or dark and not black; values."""

    bright: Mask
    unclear: Mask
    offset: Mask
    level: NDArray[np.float64]
    ink: NDArray[np.float64]


class _Finding(NamedTuple):
    """What was found of a set, what was done about it, and what of that to all images alike."""

    fact: str
    action: str = ""
    scale: PixelScale = PixelScale()


class Normalised(NamedTuple):
    """A set that was brought to ink 255 on a background of 0.

    Args:
        images: uint8 [n, 28, 28].
        facts: what was found, a sentence each.
        notes: what was found and what was done about it, a sentence each.
        scale: what was done to all of the images alike.
    """

    images: Images
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    scale: PixelScale


def normalised(images: Images) -> Normalised:
    """Bring a set of uint8 images to ink 255 on a background of 0, where that is certain.

    Values of another scale (none above 32) are scaled; images with dark ink on a bright, even
    border are inverted, all of them or single ones; a background that is not 0, or ink that is
    weak, in the whole set is stretched. A set in which borders are of both kinds and of none, as
    in photos, is left as it is.

    Args:
        images: uint8 [n, 28, 28].

    Returns:
        The images (the same array where nothing was changed), and what was found and done.
    """
    findings: list[_Finding] = []
    if len(images):
        images = _normalise(images, findings)
    scale = PixelScale()
    for finding in findings:
        scale = scale.then(finding.scale)
    return Normalised(
        images,
        tuple(finding.fact for finding in findings),
        tuple(": ".join(filter(None, (each.fact, each.action))) for each in findings),
        scale,
    )


def _normalise(images: Images, findings: list[_Finding]) -> Images:
    images = _scaled(images, findings)
    some = images[_sample(len(images), 1000)].max(axis=(1, 2))
    two_scales = float((some == 1).mean())
    if two_scales > 0.005:
        findings.append(
            _Finding(
                f"{100 * two_scales:.0f} % of the images have no value above 1, and others up to "
                f"{some.max()}: two scales in one set"
            )
        )
    candidates = np.flatnonzero(_border_points(images) > MAX_OTHER_SCALE)
    if len(candidates):
        images = _with_dark_borders(images, candidates, findings)
    return _with_full_contrast(images, findings)


def pixel_statistics(images: Images) -> PixelStatistics:
    """Measure a training set, uint8 [n, 28, 28], from up to 4,000 of its images."""
    images = images[_sample(len(images), _SAMPLE)]
    border = (_ring(images) > 127).mean(axis=1)
    ink = _rank_values(images)[1]
    return PixelStatistics(
        round(float(np.quantile(border, 0.999)), 4),
        round(float(np.quantile(images.mean(axis=(1, 2)), 0.999)), 2),
        (round(float(np.quantile(ink, 0.001)), 2), float(np.median(ink))),
    )


def matched(
    images: Images, training: PixelStatistics, where: str
) -> tuple[Images, tuple[str, ...]]:
    """Bring images to what a model was trained on: polarity and contrast, image by image.

    Args:
        images: uint8 [n, 28, 28].
        training: what the training images look like.
        where: the set, for errors.

    Returns:
        The images (the same array where nothing was changed), and what was done, a sentence each.

    Raises:
        TenfoldError: where most of the images have a bright border and none in training had, and
            they cannot be inverted with certainty.
    """
    notes: list[str] = []
    candidates = np.flatnonzero(_border_points(images) > 127)
    if len(candidates) and training.border < BRIGHT_BORDER - 0.25:
        strange = (_ring(images[candidates]) > 127).mean(axis=1) > BRIGHT_BORDER
        candidates = candidates[strange]
        borders = _borders(images[candidates])
        even = borders.bright
        if (~even).sum() > len(images) / 2:
            raise TenfoldError(
                f"{where}: most images have a bright, uneven border, and those that the model was "
                "trained on a dark one; invert them (255 - x), or read photos with --ink"
            )
        images = _inverted(images, candidates[even], borders.ink[even], borders.level[even])
        if even.any():
            notes.append(
                f"{_count(int(even.sum()), len(images))} dark on bright, unlike the training "
                "images: inverted"
            )
    flat = images.reshape(len(images), PIXELS)
    strong = np.count_nonzero(flat > MIN_INK * training.ink[0], axis=1) >= _RANK
    weak = np.flatnonzero(~strong)
    ink = _rank_values(images[weak])[1]
    blank = int((ink < MIN_CONTRAST).sum())
    if blank > MAX_UNCLEAR * len(images):
        notes.append(f"{_count(blank, len(images))} blank")
    weak, ink = weak[ink >= MIN_CONTRAST], ink[ink >= MIN_CONTRAST]
    if len(weak):
        images = images.copy()
        factor = (training.ink[1] / ink)[:, None, None]
        images[weak] = np.rint((images[weak] * factor).clip(0, 255))
        notes.append(
            f"{_count(len(weak), len(images))} of weak contrast, ink up to {np.median(ink):.0f} of "
            f"255 where the training images have {training.ink[1]:.0f}: stretched"
        )
    some = flat[_sample(len(flat), _MAX_JUDGED)]
    full = int((some.mean(axis=1) > 1.5 * training.brightness).sum()) if len(some) else 0
    if full > MAX_UNCLEAR * len(some) + 1:
        notes.append(
            f"{full:,} of {len(some):,} images are brighter than any that the model was trained on"
        )
    return images, tuple(notes)


def _scaled(images: Images, findings: list[_Finding]) -> Images:
    """Scale images of which none has a value above 32, where that is the scale of all of them."""
    if images[_sample(len(images), 100)].max() > MAX_OTHER_SCALE:
        return images
    highest = int(images.max())
    if highest > MAX_OTHER_SCALE or not (highest == 1 or _recurs(images, highest)):
        return images
    scale = PixelScale(0.0, 16.0 if 8 < highest <= 16 else float(highest))
    findings.append(_Finding(f"the pixels are 0-{scale.ink:g}", "converted to 0-255", scale))
    return scale.to_uint8(images)


def _with_dark_borders(
    images: Images, candidates: NDArray[np.int64], findings: list[_Finding]
) -> Images:
    """Invert the candidates that are dark on bright, and subtract a background that is not 0."""
    count = len(images)
    if len(candidates) > _MAX_JUDGED:  # of clothes half are: some of them settle it
        some = _borders(images[candidates[_sample(len(candidates), _MAX_JUDGED)]])
        if not (some.bright | some.offset).any():
            return images
    borders = _borders(images[candidates])
    n_bright, n_unclear = int(borders.bright.sum()), int(borders.unclear.sum())
    of_all = n_bright >= MIN_SHARE * count
    if n_bright and (of_all or n_unclear <= MAX_UNCLEAR * count):
        chosen = borders.bright | borders.unclear if of_all else borders.bright
        paper, scale = borders.level[chosen], PixelScale()
        if of_all and np.median(paper) >= 255 - MAX_OTHER_SCALE:
            paper, scale = np.full(len(paper), 255.0), PixelScale(255.0, 0.0)
        images = _inverted(images, candidates[chosen], borders.ink[chosen], paper)
        fact = f"{_count(int(chosen.sum()), count)} dark on bright"
        findings.append(_Finding(fact, "inverted", scale))
    elif n_bright > MAX_UNCLEAR * count:
        findings.append(
            _Finding(
                f"the polarity is unclear: {n_bright:,} of {count:,} images have a bright border, "
                f"{n_unclear:,} a mixed one, and ink must be bright on dark"
            )
        )
    offset = borders.offset
    if offset.sum() >= MIN_SHARE * count:
        scale = PixelScale(
            float(np.median(borders.level[offset])), float(borders.ink[offset].max())
        )
        fact = f"the background is {scale.background:g} and not 0"
        findings.append(_Finding(fact, "subtracted", scale))
        images = scale.to_uint8(images)
    return images


def _inverted(
    images: Images,
    at: NDArray[np.int64],
    ink: NDArray[np.float64],
    paper: NDArray[np.float64],
) -> Images:
    """Return the images with those at `at` inverted, and their paper at 0 where it was not 255."""
    if not len(at):
        return images
    images = images.copy()
    images[at] = 255 - images[at]
    grey = np.flatnonzero(paper < 255 - MAX_OTHER_SCALE)
    if len(grey):
        background = (255 - paper[grey])[:, None, None]
        span = (255 - ink[grey])[:, None, None] - background
        pixels = (images[at[grey]] - background) * (255 / np.maximum(span, MIN_CONTRAST))
        images[at[grey]] = np.rint(pixels.clip(0, 255))
    return images


def _with_full_contrast(images: Images, findings: list[_Finding]) -> Images:
    """Stretch a set in which no image's ink comes near 255; a few images may be faint by chance."""
    if int(images[_sample(len(images), 100)].max()) >= WEAK_CONTRAST:
        return images
    top = int(images.max())
    if not 0 < top < WEAK_CONTRAST:
        return images
    fact = f"the contrast is weak, ink up to {top} of 255"
    if len(images) < MIN_IMAGES:
        findings.append(_Finding(fact))
        return images
    scale = PixelScale(0.0, float(top))
    findings.append(_Finding(fact, "stretched", scale))
    return scale.to_uint8(images)


def _recurs(images: Images, top: int) -> bool:
    """Return whether most of the images, and enough of them, reach about the same highest value."""
    highest = images[_sample(len(images), 1000)].max(axis=(1, 2))
    return len(images) >= MIN_IMAGES and float((highest >= 0.8 * top).mean()) >= MIN_SHARE


def _borders(images: Images) -> _Borders:
    """Judge the borders of images by each one's own darkest and brightest values."""
    ring = _ring(images).astype(np.float64)
    low, high = _rank_values(images)
    level = np.median(ring, axis=1)
    middle = (low + high) / 2
    contrast = high - low >= MIN_CONTRAST
    share = (ring > middle[:, None]).mean(axis=1)
    near = np.abs(ring - level[:, None]) <= 0.2 * (high - low)[:, None]
    even = near.mean(axis=1) >= BRIGHT_BORDER
    bright = contrast & even & (share >= BRIGHT_BORDER)
    unclear = contrast & ~bright & (share > DARK_BORDER)
    offset = (share <= DARK_BORDER) & (level > MAX_OTHER_SCALE) & (high - level >= MIN_CONTRAST)
    return _Borders(bright, unclear, offset, level, np.where(share >= 0.5, low, high))


def _ring(images: Images) -> Images:
    """Return the outermost pixels, uint8 [n, 108]."""
    return np.concatenate(
        [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1
    )


def _border_points(images: Images) -> Images:
    """Return the highest of eight values on each border, uint8 [n]: 1 ms for 42,000 images."""
    last, middle = images.shape[1] - 1, images.shape[1] // 2
    highest = np.maximum(images[:, 0, 0], images[:, 0, last])
    for row, column in ((0, middle), (middle, 0), (middle, last), (last, 0), (last, middle)):
        np.maximum(highest, images[:, row, column], out=highest)
    return np.maximum(highest, images[:, last, last], out=highest)


def _rank_values(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 4th lowest and the 4th highest value of each image, float64 [n]."""
    ordered = np.partition(images.reshape(len(images), PIXELS), (_RANK - 1, -_RANK), axis=1)
    return ordered[:, _RANK - 1].astype(np.float64), ordered[:, -_RANK].astype(np.float64)


def _sample(count: int, most: int) -> NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def _count(found: int, count: int) -> str:
    if found == count:
        return f"all {count:,} images are" if count > 1 else "the image is"
    return f"{found:,} of {count:,} images {'is' if found == 1 else 'are'}"
