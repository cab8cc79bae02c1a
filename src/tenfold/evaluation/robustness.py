"""How a model bears pictures that are turned, moved, blurred or otherwise worse than its own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.data.dataset import SIDE, Images, Labels
from tenfold.evaluation.scores import wilson
from tenfold.model.file import Model

MOST_PICTURES = 200  # an interval of about 2 points either way, for 32 sets of answers a report
Grey = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trial:
    """One change of one strength.

    Args:
        strength: how much, as a person reads it: "20°".
        example: uint8 [28, 28], one picture so changed.
        accuracy: the share that is read rightly.
        interval: its 95 % Wilson interval.
    """

    strength: str
    example: Images
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Change:
    """One kind of change, from the mildest to the strongest."""

    name: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, eq=False)
class Robustness:
    """What a model makes of changed pictures.

    Args:
        n: how many pictures, the same for every trial.
        unchanged: the trial of these pictures as they are.
        changes: the others.
    """

    n: int
    unchanged: Trial
    changes: tuple[Change, ...]


def robustness(model: Model, images: Images, labels: Labels) -> Robustness:
    """Change pictures in eight ways and four strengths each, and have them answered.

    Nothing is drawn at random but the noise, whose seed is fixed: two models are given the same.

    Args:
        model: what answers.
        images: uint8 [n, 28, 28], n >= 1, which the model has not learned from; of more than
            `MOST_PICTURES` as many, evenly spread, are taken.
        labels: int64 [n].
    """
    count = min(MOST_PICTURES, len(images))
    rows = np.linspace(0, len(images) - 1, count).round().astype(np.int64)
    chosen, known = images[rows], labels[rows]
    shown = _example(chosen)

    def tried(strength: str, pictures: Images) -> Trial:
        right = int((model.predict(pictures).labels == known).sum())
        return Trial(strength, pictures[shown], right / count, wilson(right, count))

    grey: Grey = (chosen / 255).astype(np.float32)
    changes = tuple(
        Change(name, tuple(tried(said, _bytes(change(grey, how))) for said, how in strengths))
        for name, change, strengths in CHANGES
    )
    return Robustness(count, tried("as they are", chosen), changes)


def _example(images: Images) -> int:
    """Choose a picture whose ink is about as much as that of most."""
    ink = images.reshape(len(images), -1).sum(1, dtype=np.int64)
    return int(np.abs(ink - np.median(ink)).argmin())


def _bytes(pictures: Grey) -> Images:
    rounded: Images = np.rint(pictures.clip(0, 1) * 255).astype(np.uint8)
    return rounded


def _either_way(count: int) -> Grey:
    """Give +1 and -1 by turns."""
    return np.where(np.arange(count) % 2, -1, 1).astype(np.float32)


def _turned(pictures: Grey, degrees: float) -> Grey:
    out = np.empty_like(pictures)
    for side in (1, -1):
        mine = _either_way(len(pictures)) == side
        turned = ndimage.rotate(pictures[mine], side * degrees, (2, 1), reshape=False, order=1)
        out[mine] = turned
    return out


def _sized(pictures: Grey, factor: float) -> Grey:
    middle = (SIDE - 1) / 2
    matrix = np.diag([1, 1 / factor, 1 / factor])
    offset = [0, middle - middle / factor, middle - middle / factor]
    sized: Grey = ndimage.affine_transform(pictures, matrix, offset, order=1)
    return sized


def _moved(pictures: Grey, pixels: float) -> Grey:
    """Move by turns left, down, right and up."""
    out = np.empty_like(pictures)
    for quarter, (down, right) in enumerate([(0, -1), (1, 0), (0, 1), (-1, 0)]):
        by = (0, down * pixels, right * pixels)
        out[quarter::4] = ndimage.shift(pictures[quarter::4], by, order=1)
    return out


def _pen(pictures: Grey, pixels: float) -> Grey:
    """Draw with a pen so many pixels wider, or narrower where below 0."""
    spread = ndimage.grey_dilation if pixels > 0 else ndimage.grey_erosion
    whole = spread(pictures, size=(1, 3, 3) if abs(pixels) == 2 else (1, 2, 2))
    return np.asarray(whole, np.float32)


def _blurred(pictures: Grey, deviation: float) -> Grey:
    blurred: Grey = ndimage.gaussian_filter(pictures, (0, deviation, deviation))
    return blurred


def _noisy(pictures: Grey, deviation: float) -> Grey:
    noise = np.random.default_rng(0).normal(0, deviation, pictures.shape)
    return pictures + noise.astype(np.float32)


def _faint(pictures: Grey, share: float) -> Grey:
    return pictures * np.float32(share)


def _on_grey(pictures: Grey, paper: float) -> Grey:
    return np.float32(paper) + pictures * np.float32(1 - paper)


def _each(values: list[float], said: str) -> list[tuple[str, float]]:
    return [(said.format(value).replace("%", " %"), value) for value in values]


CHANGES: tuple[tuple[str, Callable[[Grey, float], Grey], list[tuple[str, float]]], ...] = (
    ("turned", _turned, _each([10, 20, 30, 45], "{:g}°")),
    ("moved", _moved, _each([1, 2, 3, 4], "{:g} px")),
    ("another size", _sized, _each([0.6, 0.8, 1.2, 1.4], "\N{MULTIPLICATION SIGN} {:g}")),
    ("another pen", _pen, _each([-2, -1, 1, 2], "{:+g} px")),
    ("blurred", _blurred, _each([0.5, 1, 1.5, 2], "{:g} px")),
    ("noise", _noisy, _each([0.1, 0.2, 0.3, 0.4], "{:g}")),
    ("faint ink", _faint, _each([0.7, 0.5, 0.3, 0.15], "{:.0%}")),
    ("grey paper", _on_grey, _each([0.1, 0.2, 0.35, 0.5], "{:.0%}")),
)
