"""Detect transposed images, as EMNIST's are in its distribution."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset, Images, Labels

_MEANS = Path(__file__).parent / "assets" / "digit_means.npy"
# MNIST's own images, 200 at random, 300 times: 72-89 % of their labels are those of the nearest
# mean of MNIST's classes, and 9-29 % once transposed. Fashion-MNIST's: 1-10 % and 6-20 %; none of
# its classes alone more than 41 %.
MIN_TRANSPOSED = 0.5
MIN_GAIN = 0.2
_MAX_IMAGES = 300  # 4 ms; 1,000 are 10, a thirteenth of the time that Kaggle's table takes
_MIN_IMAGES = 20


def transposed_evidence(dataset: Dataset) -> str | None:
    """Return the evidence that the images are transposed; None where they are not.

    The images labelled 0-9 are classified by the nearest of MNIST's ten class means, as they are
    and transposed. Letters and unlabelled images are not examined.
    """
    if dataset.labels is None:
        return None
    digits = np.array([int(n) if n in tuple("0123456789") else -1 for n in dataset.classes])
    indices = np.flatnonzero(digits[dataset.labels] >= 0)
    if len(indices) < _MIN_IMAGES:
        return None
    if len(indices) > _MAX_IMAGES:
        # At random, not every nth: MNIST alternates two sources, of which one is 11 points harder.
        indices = np.random.default_rng(0).choice(indices, _MAX_IMAGES, replace=False)
    images, labels = dataset.images[indices], digits[dataset.labels[indices]]
    as_given = float((nearest_digit(images) == labels).mean())
    swapped = float((nearest_digit(images.transpose(0, 2, 1)) == labels).mean())
    if swapped < MIN_TRANSPOSED or swapped - as_given < MIN_GAIN:
        return None
    remedy = f"name the source {dataset.source}:transposed to transpose it"
    if dataset.source == "memory":
        remedy = "transpose the arrays"
    return (
        "the images seem transposed, as in EMNIST's files: MNIST's class means predict "
        f"{100 * as_given:.0f} % of {len(indices):,} labels as given, and {100 * swapped:.0f} % "
        f"transposed; {remedy}"
    )


def shows_digits(images: Images, labels: Labels) -> bool:
    """Tell whether images labelled 0-9 show these digits: most are nearest to MNIST's mean of each.

    Args:
        images: uint8 [n, 28, 28].
        labels: int64 [n], 0-9.
    """
    some = slice(None, None, -(-len(images) // _MAX_IMAGES) or 1)
    return bool((nearest_digit(images[some]) == labels[some]).mean() > 0.5)


def transposed(dataset: Dataset) -> Dataset:
    """Return the set with the rows and columns of every image exchanged."""
    images = np.ascontiguousarray(dataset.images.transpose(0, 2, 1))
    notes = (*dataset.notes, "the images were transposed, as ':transposed' asks")
    return replace(dataset, images=images, notes=notes)


def nearest_digit(images: Images) -> NDArray[np.int64]:
    """Return the digit whose mean image is nearest to each image, int64 [n]."""
    means = _means()
    # In integers: floats would wake BLAS, whose buffers take 10 MB.
    flat = images.reshape(len(images), PIXELS).astype(np.int32)
    distances = (means * means).sum(axis=1) - 2 * flat @ means.T
    return np.asarray(distances.argmin(axis=1), np.int64)


@cache
def _means() -> NDArray[np.int32]:
    """Return the mean of MNIST's training images of each digit, int32 [10, 784]."""
    return np.asarray(np.load(_MEANS), np.int32).reshape(10, PIXELS)
