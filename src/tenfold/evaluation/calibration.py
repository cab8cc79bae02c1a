"""Whether a probability means what it says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Pictures of like confidence: how sure the answers were, and how many were right."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error, 0-1, and the bins of a reliability diagram.

    The bins go from the least sure answers to the surest and hold equally many pictures each, so
    that none rests on a handful (Nixon et al. 2019, "Measuring Calibration in Deep Learning").
    """

    error: float
    bins: tuple[Bin, ...]


def calibrate(labels: Labels, probabilities: NDArray[np.float32], bins: int = BINS) -> Calibration:
    """Compare how sure the answers are with how often they are right.

    Args:
        labels: int64 [n], n >= 1.
        probabilities: float32 [n, classes], rows that sum to one.
        bins: into how many groups to sort the pictures; at most n are made.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    groups = tuple(
        Bin(len(rows), float(confidence[rows].mean()), float(right[rows].mean()))
        for rows in np.array_split(order, min(bins, len(order)))
    )
    gaps = sum(group.n * abs(group.confidence - group.accuracy) for group in groups)
    return Calibration(gaps / len(labels), groups)
