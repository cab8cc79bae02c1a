"""Bring images to the polarity and contrast of those that a model was trained on."""

from dataclasses import dataclass

import msgspec
import numpy as np

from tenfold.data.borders import (
    BRIGHT_BORDER,
    MAX_JUDGED,
    MAX_UNCLEAR,
    MIN_CONTRAST,
    RANK,
    border_points,
    border_ring,
    count_images,
    inverted,
    judge_borders,
    rank_values,
)
from tenfold.data.dataset import PIXELS, Images
from tenfold.data.scale import sample_rows
from tenfold.errors import TenfoldError

MIN_INK = 0.6  # of the weakest ink in training; weaker ink is stretched
_SAMPLE = 4000


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


def pixel_statistics(images: Images) -> PixelStatistics:
    """Measure a training set, uint8 [n, 28, 28], from up to 4,000 of its images."""
    images = images[sample_rows(len(images), _SAMPLE)]
    border = (border_ring(images) > 127).mean(axis=1)
    ink = rank_values(images)[1]
    return PixelStatistics(
        round(float(np.quantile(border, 0.999)), 4),
        round(float(np.quantile(images.mean(axis=(1, 2)), 0.999)), 2),
        (round(float(np.quantile(ink, 0.001)), 2), float(np.median(ink))),
    )


def matched(
    images: Images, training: PixelStatistics, where: str | None
) -> tuple[Images, tuple[str, ...]]:
    """Bring images to what a model was trained on: polarity and contrast, image by image.

    Args:
        images: uint8 [n, 28, 28].
        training: what the training images look like.
        where: the set, for errors; None for a part of a set, of which nothing is required.

    Returns:
        The images (the same array where nothing was changed), and what was done, a sentence each.

    Raises:
        TenfoldError: where most of the images have a bright border and none in training had, and
            they cannot be inverted with certainty.
    """
    notes: list[str] = []
    candidates = np.flatnonzero(border_points(images) > 127)
    if len(candidates) and training.border < BRIGHT_BORDER - 0.25:
        strange = (border_ring(images[candidates]) > 127).mean(axis=1) > BRIGHT_BORDER
        candidates = candidates[strange]
        borders = judge_borders(images[candidates])
        even = borders.bright
        if where is not None and borders.unclear.sum() > len(images) / 2:
            raise TenfoldError(
                f"{where}: most images have a bright, uneven border, and those that the model was "
                "trained on a dark one; invert them (255 - x), or read photos with --ink"
            )
        images = inverted(images, candidates[even], borders.ink[even], borders.level[even])
        if even.any():
            notes.append(
                f"{count_images(int(even.sum()), len(images))} dark on bright, unlike the training "
                "images: inverted"
            )
    flat = images.reshape(len(images), PIXELS)
    strong = np.count_nonzero(flat > MIN_INK * training.ink[0], axis=1) >= RANK
    weak = np.flatnonzero(~strong)
    ink = rank_values(images[weak])[1]
    blank = int((ink < MIN_CONTRAST).sum())
    if blank > MAX_UNCLEAR * len(images):
        notes.append(f"{count_images(blank, len(images))} blank")
    weak, ink = weak[ink >= MIN_CONTRAST], ink[ink >= MIN_CONTRAST]
    if len(weak):
        images = images.copy()
        factor = (training.ink[1] / ink)[:, None, None]
        images[weak] = np.rint((images[weak] * factor).clip(0, 255))
        notes.append(
            f"{count_images(len(weak), len(images))} of weak contrast, ink up to "
            f"{np.median(ink):.0f} of 255 where the training images have {training.ink[1]:.0f}: "
            "stretched"
        )
    some = flat[sample_rows(len(flat), MAX_JUDGED)]
    full = int((some.mean(axis=1) > 1.5 * training.brightness).sum()) if len(some) else 0
    if full > MAX_UNCLEAR * len(some) + 1:
        notes.append(
            f"{full:,} of {len(some):,} images are brighter than any that the model was trained on"
        )
    return images, tuple(notes)
