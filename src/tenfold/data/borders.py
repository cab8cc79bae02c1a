"""What the border of an image says: whether its ink is bright on dark or dark on bright."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Images
from tenfold.data.scale import MAX_OTHER_SCALE

# The share of an image's outermost ring that is nearer to its brightest value than to its darkest:
# MNIST's 0.04 at most, Fashion-MNIST's 0.57; of dark ink on bright paper, 1 less that.
BRIGHT_BORDER, DARK_BORDER = 0.75, 0.25
# Where more borders than this are neither, as in photos of things, there is no polarity to find.
MAX_UNCLEAR = 0.02
MIN_CONTRAST = 25  # of 255; an image with less is blank
RANK = 4  # an image's ink is its 4th highest value, its paper its 4th lowest
MAX_JUDGED = 2000

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Borders:
    """What the borders of n images say: which are bright, mixed, or dark and not black; values."""

    bright: Mask
    unclear: Mask
    offset: Mask
    level: NDArray[np.float64]
    ink: NDArray[np.float64]


def judge_borders(images: Images) -> Borders:
    """Judge the borders of images by each one's own darkest and brightest values."""
    ring = border_ring(images).astype(np.float64)
    low, high = rank_values(images)
    level = np.median(ring, axis=1)
    middle = (low + high) / 2
    contrast = high - low >= MIN_CONTRAST
    share = (ring > middle[:, None]).mean(axis=1)
    near = np.abs(ring - level[:, None]) <= 0.2 * (high - low)[:, None]
    even = near.mean(axis=1) >= BRIGHT_BORDER
    bright = contrast & even & (share >= BRIGHT_BORDER)
    unclear = contrast & ~bright & (share > DARK_BORDER)
    offset = (share <= DARK_BORDER) & (level > MAX_OTHER_SCALE) & (high - level >= MIN_CONTRAST)
    return Borders(bright, unclear, offset, level, np.where(share >= 0.5, low, high))


def border_ring(images: Images) -> Images:
    """Return the outermost pixels, uint8 [n, 108]."""
    return np.concatenate(
        [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1
    )


def border_points(images: Images) -> Images:
    """Return the highest of eight values on each border, uint8 [n]: 1 ms for 42,000 images."""
    last, middle = images.shape[1] - 1, images.shape[1] // 2
    highest = np.maximum(images[:, 0, 0], images[:, 0, last])
    for row, column in ((0, middle), (middle, 0), (middle, last), (last, 0), (last, middle)):
        np.maximum(highest, images[:, row, column], out=highest)
    return np.maximum(highest, images[:, last, last], out=highest)


def rank_values(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 4th lowest and the 4th highest value of each image, float64 [n]."""
    ordered = np.partition(images.reshape(len(images), PIXELS), (RANK - 1, -RANK), axis=1)
    return ordered[:, RANK - 1].astype(np.float64), ordered[:, -RANK].astype(np.float64)


def count_images(found: int, count: int) -> str:
    """Say how many of all images something is true of, up to the verb."""
    if found == count:
        return f"all {count:,} images are" if count > 1 else "the image is"
    return f"{found:,} of {count:,} images {'is' if found == 1 else 'are'}"


def inverted(
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
