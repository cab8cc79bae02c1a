"""Calibration: whether a predicted probability matches the observed accuracy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels

BINS = 15


@dataclass(frozen=True)
class Bin:
    """n images of similar confidence: their mean confidence and their accuracy, both 0-1."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error, 0-1, and the bins of a reliability diagram.

    The bins are ordered by confidence, lowest first, and hold equally many images each, so that
    none rests on a handful (Nixon et al. 2019, "Measuring Calibration in Deep Learning").
    """

    error: float
    bins: tuple[Bin, ...]


def calibrate(labels: Labels, probabilities: NDArray[np.float32], bins: int = BINS) -> Calibration:
    """Compare confidence with accuracy.

    Args:
        labels: int64 [n], n >= 1.
        probabilities: float32 [n, classes], rows that sum to one.
        bins: number of equal-count bins; at most n are made.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    groups = tuple(
        Bin(len(rows), float(confidence[rows].mean()), float(correct[rows].mean()))
        for rows in np.array_split(order, min(bins, len(order)))
    )
    gaps = sum(group.n * abs(group.confidence - group.accuracy) for group in groups)
    return Calibration(gaps / len(labels), groups)
