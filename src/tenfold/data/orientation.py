"""Tell pictures whose rows and columns were exchanged, as EMNIST's are in its distribution."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset, Images

_MEANS = Path(__file__).parent / "assets" / "digit_means.npy"
# MNIST's own pictures, 200 at random, 300 times: 72-89 % of their labels are those of the nearest
# mean of MNIST's classes, and 9-29 % once rows and columns are exchanged. Fashion-MNIST's: 1-10 %
# and 6-20 %; none of its classes alone more than 41 %.
LEAST_TURNED = 0.5
LEAST_GAIN = 0.2
_MOST_PICTURES = 300  # 4 ms; 1,000 are 10, a thirteenth of the time that Kaggle's table takes
_LEAST_PICTURES = 20


def transposed_evidence(dataset: Dataset) -> str | None:
    """Say why the pictures seem to lie with rows and columns exchanged; None where they do not.

    The pictures labelled 0-9 are read by the nearest of MNIST's ten class means, as they are and
    turned. Without such labels nothing is told: letters and unlabelled pictures are not looked at.
    """
    if dataset.labels is None:
        return None
    digit = np.array([int(n) if n in tuple("0123456789") else -1 for n in dataset.classes])
    chosen = np.flatnonzero(digit[dataset.labels] >= 0)
    if len(chosen) < _LEAST_PICTURES:
        return None
    if len(chosen) > _MOST_PICTURES:
        # Drawn, not every nth: MNIST alternates two sources, of which one is 11 points harder.
        chosen = np.random.default_rng(0).choice(chosen, _MOST_PICTURES, replace=False)
    images, wanted = dataset.images[chosen], digit[dataset.labels[chosen]]
    plain = float((_nearest(images) == wanted).mean())
    turned = float((_nearest(images.transpose(0, 2, 1)) == wanted).mean())
    if turned < LEAST_TURNED or turned - plain < LEAST_GAIN:
        return None
    remedy = f"name the source {dataset.source}:transposed to turn it"
    if dataset.source == "memory":
        remedy = "transpose the arrays"
    return (
        "rows and columns seem exchanged, as in EMNIST's files: MNIST's class means read "
        f"{100 * plain:.0f} % of {len(chosen):,} labels, and {100 * turned:.0f} % once turned; "
        f"{remedy}"
    )


def transposed(dataset: Dataset) -> Dataset:
    """Exchange the rows and columns of every picture."""
    images = np.ascontiguousarray(dataset.images.transpose(0, 2, 1))
    notes = (*dataset.notes, "rows and columns were exchanged, as ':transposed' asks")
    return replace(dataset, images=images, notes=notes)


def _nearest(images: Images) -> NDArray[np.int64]:
    """Return the digit whose mean picture is nearest to each picture, int64 [n]."""
    means = _means()
    # In integers: floats would wake BLAS, whose buffers take 10 MB.
    flat = images.reshape(len(images), PIXELS).astype(np.int32)
    distances = (means * means).sum(axis=1) - 2 * flat @ means.T
    return np.asarray(distances.argmin(axis=1), np.int64)


@cache
def _means() -> NDArray[np.int32]:
    """Return the mean of MNIST's training pictures of each digit, int32 [10, 784]."""
    return np.asarray(np.load(_MEANS), np.int32).reshape(10, PIXELS)
