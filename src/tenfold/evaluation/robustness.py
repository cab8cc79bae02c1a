"""Robustness of a model to rotation, translation, scale, stroke width, blur, noise and contrast."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tenfold.data.dataset import SIDE, Images, Labels
from tenfold.evaluation.scores import wilson
from tenfold.model.file import Model

MAX_IMAGES = 200  # an interval of about 2 points either way, for 32 evaluations a report
MINUS = "\N{MINUS SIGN}"
Grey = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trial:
    """One corruption at one severity.

    Args:
        severity: formatted with its unit, as "20°".
        example: uint8 [28, 28], one image so corrupted.
        accuracy: share of correct predictions, 0-1.
        interval: its 95 % Wilson interval.
    """

    severity: str
    example: Images
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Corruption:
    """One kind of corruption, a trial for each severity."""

    name: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, eq=False)
class Robustness:
    """The accuracy of a model on corrupted images.

    Args:
        n: number of images, the same for every trial.
        clean: the trial of these images uncorrupted.
        corruptions: the others.
    """

    n: int
    clean: Trial
    corruptions: tuple[Corruption, ...]


def robustness(model: Model, images: Images, labels: Labels) -> Robustness:
    """Score a model on images corrupted in eight ways, at four severities each.

    Only the noise is random, with a fixed seed: two models get the same images.

    Args:
        model: the model to score.
        images: uint8 [n, 28, 28], n >= 1, that the model was not trained on; of more than
            `MAX_IMAGES` as many, evenly spread, are taken.
        labels: int64 [n].
    """
    count = min(MAX_IMAGES, len(images))
    rows = np.linspace(0, len(images) - 1, count).round().astype(np.int64)
    sample, sample_labels = images[rows], labels[rows]
    example = _example_index(sample)

    def trial(severity: str, corrupted: Images) -> Trial:
        correct = int((model.predict(corrupted).labels == sample_labels).sum())
        return Trial(severity, corrupted[example], correct / count, wilson(correct, count))

    grey: Grey = (sample / 255).astype(np.float32)
    corruptions = tuple(
        Corruption(
            name, tuple(trial(text, _to_uint8(corrupt(grey, value))) for text, value in severities)
        )
        for name, corrupt, severities in CORRUPTIONS
    )
    return Robustness(count, trial("clean", sample), corruptions)


def _example_index(images: Images) -> int:
    """Choose an image whose amount of ink is nearest to the median."""
    ink = images.reshape(len(images), -1).sum(1, dtype=np.int64)
    return int(np.abs(ink - np.median(ink)).argmin())


def _to_uint8(images: Grey) -> Images:
    rounded: Images = np.rint(images.clip(0, 1) * 255).astype(np.uint8)
    return rounded


def _rotate(images: Grey, degrees: float) -> Grey:
    """Rotate every other image clockwise, the others anticlockwise."""
    out = np.empty_like(images)
    for parity, sign in enumerate((1, -1)):
        some = images[parity::2]
        out[parity::2] = ndimage.rotate(some, sign * degrees, (2, 1), reshape=False, order=1)
    return out


def _scale(images: Grey, factor: float) -> Grey:
    centre = (SIDE - 1) / 2
    matrix = np.diag([1, 1 / factor, 1 / factor])
    offset = [0, centre - centre / factor, centre - centre / factor]
    scaled: Grey = ndimage.affine_transform(images, matrix, offset, order=1)
    return scaled


def _translate(images: Grey, pixels: float) -> Grey:
    """Shift by turns left, down, right and up."""
    out = np.empty_like(images)
    for quarter, (down, right) in enumerate([(0, -1), (1, 0), (0, 1), (-1, 0)]):
        shift = (0, down * pixels, right * pixels)
        out[quarter::4] = ndimage.shift(images[quarter::4], shift, order=1)
    return out


def _change_stroke_width(images: Grey, pixels: float) -> Grey:
    """Dilate by so many pixels, or erode where below 0."""
    morphology = ndimage.grey_dilation if pixels > 0 else ndimage.grey_erosion
    changed = morphology(images, size=(1, 3, 3) if abs(pixels) == 2 else (1, 2, 2))
    return np.asarray(changed, np.float32)


def _blur(images: Grey, deviation: float) -> Grey:
    blurred: Grey = ndimage.gaussian_filter(images, (0, deviation, deviation))
    return blurred


def _add_noise(images: Grey, deviation: float) -> Grey:
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return images + noise.astype(np.float32)


def _reduce_contrast(images: Grey, share: float) -> Grey:
    return images * np.float32(share)


def _raise_background(images: Grey, grey: float) -> Grey:
    return np.float32(grey) + images * np.float32(1 - grey)


def _severities(values: list[float], form: str) -> list[tuple[str, float]]:
    return [(form.format(value).replace("%", " %").replace("-", MINUS), value) for value in values]


CORRUPTIONS: tuple[tuple[str, Callable[[Grey, float], Grey], list[tuple[str, float]]], ...] = (
    ("rotation", _rotate, _severities([10, 20, 30, 45], "{:g}°")),
    ("translation", _translate, _severities([1, 2, 3, 4], "{:g} px")),
    ("scale", _scale, _severities([0.6, 0.8, 1.2, 1.4], "\N{MULTIPLICATION SIGN} {:g}")),
    ("stroke width", _change_stroke_width, _severities([-2, -1, 1, 2], "{:+g} px")),
    ("Gaussian blur", _blur, _severities([0.5, 1, 1.5, 2], "{:g} px")),
    ("Gaussian noise", _add_noise, _severities([0.1, 0.2, 0.3, 0.4], "{:g}")),
    ("low contrast", _reduce_contrast, _severities([0.7, 0.5, 0.3, 0.15], "{:.0%}")),
    ("grey background", _raise_background, _severities([0.1, 0.2, 0.35, 0.5], "{:.0%}")),
)
