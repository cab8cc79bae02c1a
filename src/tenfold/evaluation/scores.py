"""Scores of predictions, always with n and a 95 % interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels
from tenfold.errors import TenfoldError
from tenfold.evaluation.calibration import Calibration, calibrate

Z95 = 1.959963984540054  # the normal distribution's 97.5th percentile


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class, 0-1, and its number of images."""

    name: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """How often images of class `true` are predicted as class `predicted` (both indices)."""

    true: int
    predicted: int
    count: int


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelScores:
    """Scores of predictions that are labels alone; shown as HTML in Jupyter.

    `accuracy` and `interval` (Wilson, 95 %) are shares, not per cent. `confusion` is int64
    [classes, classes] with the true classes as rows. `confused` counts the errors of each ordered
    pair of classes, `confused_either_way` those of both directions together (`true` < `predicted`
    there); both most frequent first.
    """

    n: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]
    confused: tuple[Confusion, ...]
    confused_either_way: tuple[Confusion, ...]

    @property
    def errors(self) -> int:
        """Number of wrong predictions."""
        return self.n - self.correct

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "n": self.n,
            "correct": self.correct,
            "errors": self.errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "classes": list(self.classes),
            "per_class": [asdict(row) for row in self.per_class],
            "confusion": self.confusion.tolist(),
            "confused": [self._named(pair) for pair in self.confused],
            "confused_either_way": [self._named(pair) for pair in self.confused_either_way],
        }

    def _named(self, pair: Confusion) -> dict[str, Any]:
        true, predicted = self.classes[pair.true], self.classes[pair.predicted]
        return {"true": true, "predicted": predicted, "count": pair.count}

    def __str__(self) -> str:
        return describe(self.accuracy, self.interval, self.n)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def _repr_html_(self) -> str:
        from tenfold.evaluation.result_html import scores_html

        return scores_html(self)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Scores(LabelScores):
    """Scores of predictions with probabilities; shown as HTML in Jupyter.

    `loss` is the mean cross entropy in nats, `brier` the mean squared error of the probabilities.
    """

    loss: float
    brier: float
    calibration: Calibration

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            **super().to_dict(),
            "loss": self.loss,
            "brier": self.brier,
            "calibration": {
                "error": self.calibration.error,
                "bins": [asdict(group) for group in self.calibration.bins],
            },
        }


def score_labels(labels: Labels, predictions: Labels, classes: Sequence[str]) -> LabelScores:
    """Score predictions that are labels alone.

    Args:
        labels: int64 [n], indices into `classes`.
        predictions: int64 [n], likewise.
        classes: the name of each class.

    Raises:
        TenfoldError: where the numbers differ, or there are no labels.
    """
    if labels.shape != predictions.shape:
        raise TenfoldError(
            f"predictions must be [{len(labels)}], one a label. Received: {list(predictions.shape)}"
        )
    _check_labels(labels, classes)
    return LabelScores(**_of_labels(labels, predictions, classes))


def score(labels: Labels, probabilities: NDArray[np.float32], classes: Sequence[str]) -> Scores:
    """Score predictions against labels.

    Args:
        labels: int64 [n], indices into `classes`.
        probabilities: float32 [n, classes], within 0-1, rows that sum to one.
        classes: the name of each class.

    Raises:
        TenfoldError: where shapes do not match, there are no labels, or a probability is not
            finite.
    """
    _check(labels, probabilities, classes)
    truth = np.eye(len(classes), dtype=np.float32)[labels]
    return Scores(
        **_of_labels(labels, probabilities.argmax(axis=1).astype(np.int64), classes),
        loss=float(cross_entropy(labels, probabilities).mean(dtype=np.float64)),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean(dtype=np.float64)),
        calibration=calibrate(labels, probabilities),
    )


def _of_labels(labels: Labels, predictions: Labels, classes: Sequence[str]) -> dict[str, Any]:
    """Give the values of `LabelScores`."""
    counts = np.bincount(labels * len(classes) + predictions, minlength=len(classes) ** 2)
    confusion = counts.reshape(len(classes), len(classes)).astype(np.int64)
    correct, n = int(np.trace(confusion)), len(labels)
    return {
        "n": n,
        "correct": correct,
        "accuracy": correct / n,
        "interval": wilson(correct, n),
        "classes": tuple(classes),
        "per_class": _per_class(confusion, classes),
        "confusion": confusion,
        "confused": _pairs(confusion),
        "confused_either_way": _pairs(np.triu(confusion + confusion.T)),
    }


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share (Wilson 1927), within 0-1; (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = correct / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if correct == 0 else max(0.0, centre - half)
    high = 1.0 if correct == n else min(1.0, centre + half)
    return low, high


def cross_entropy(labels: Labels, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the cross entropy of each image in nats, float32 [n].

    A true label's probability of zero, where float32 underflows, counts as the smallest normal
    float32: the loss is then 87.3 and not infinite.
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    smallest = np.finfo(np.float32).tiny
    losses: NDArray[np.float32] = np.maximum(0, -np.log(np.maximum(of_label, smallest)))
    return losses.astype(np.float32)


def percent(share: float, decimals: int = 2) -> str:
    """Format a share as `99.61 %`; 100 % and 0 % are reserved for exactly that."""
    while decimals < 6 and 0 < share < 1 and round(share * 100, decimals) in (0, 100):
        decimals += 1
    return f"{share * 100:.{decimals}f} %"


def describe(accuracy: float, interval: Sequence[float], n: int) -> str:
    """Format an accuracy in one line: `99.61 % of 28,000 (95 % interval 99.53-99.68 %)`."""
    return f"{percent(accuracy)} of {n:,} (95 % interval {percent_range(interval)})"


def percent_range(interval: Sequence[float], dash: str = "-") -> str:
    """Format an interval of shares as `99.53-99.68 %`."""
    low, high = interval
    return f"{low * 100:.2f}{dash}{high * 100:.2f} %"


def clipped_range(interval: Sequence[float], dash: str = "-") -> str:
    """Format an interval of a mean of shares, cut off at 0 and 100 %, as `percent_range` does."""
    low, high = interval
    return percent_range((max(0.0, low), min(1.0, high)), dash)


def _check(labels: Labels, probabilities: NDArray[np.float32], classes: Sequence[str]) -> None:
    expected = (len(labels), len(classes))
    if probabilities.shape != expected:
        raise TenfoldError(
            f"probabilities must be [{expected[0]}, {expected[1]}], a row per label and a "
            f"column per class. Received: {list(probabilities.shape)}"
        )
    _check_labels(labels, classes)
    if not np.isfinite(probabilities).all():
        row = int(np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0])
        raise TenfoldError(
            f"probabilities must be finite. Received in row {row}: {probabilities[row]}"
        )


def _check_labels(labels: Labels, classes: Sequence[str]) -> None:
    if not len(labels):
        raise TenfoldError("there are no labelled images to score")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise TenfoldError(
            f"labels must be indices 0-{len(classes) - 1}. Received: {labels.min()}-{labels.max()}"
        )


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1, 0 where undefined, as with scikit-learn's zero_division=0."""
    rows = []
    for index, name in enumerate(classes):
        correct = int(confusion[index, index])
        true, predicted = int(confusion[index].sum()), int(confusion[:, index].sum())
        rows.append(
            ClassScore(
                name=name,
                n=true,
                precision=correct / predicted if predicted else 0.0,
                recall=correct / true if true else 0.0,
                f1=2 * correct / (true + predicted) if true + predicted else 0.0,
            )
        )
    return tuple(rows)


def _pairs(confusion: NDArray[np.int64]) -> tuple[Confusion, ...]:
    pairs = [
        Confusion(int(true), int(predicted), int(confusion[true, predicted]))
        for true, predicted in zip(*np.nonzero(confusion), strict=True)
        if true != predicted
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, pair.true, pair.predicted)))
