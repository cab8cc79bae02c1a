"""What a set of answers is worth, always with n and a 95 % interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
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
    """How one class fared: n pictures of it; precision, recall and F1 within 0-1."""

    name: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """How often pictures of class `true` were read as class `predicted` (both indices)."""

    true: int
    predicted: int
    count: int


@dataclass(frozen=True, eq=False)
class Scores:
    """What a set of answers is worth.

    `accuracy`, `interval` (Wilson, 95 %) and `brier` are shares, not per cent; `loss` is the mean
    cross entropy in nats. `confusion` is int64 [classes, classes] with the true classes as rows.
    `confused` counts the errors of each ordered pair of classes, `confused_either_way` those of
    both directions together (`true` < `predicted` there); both most frequent first.
    """

    n: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    brier: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]
    confused: tuple[Confusion, ...]
    confused_either_way: tuple[Confusion, ...]
    calibration: Calibration

    @property
    def errors(self) -> int:
        """How many answers were wrong."""
        return self.n - self.correct

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "n": self.n,
            "correct": self.correct,
            "errors": self.errors,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "brier": self.brier,
            "classes": list(self.classes),
            "per_class": [asdict(row) for row in self.per_class],
            "confusion": self.confusion.tolist(),
            "confused": [self._named(pair) for pair in self.confused],
            "confused_either_way": [self._named(pair) for pair in self.confused_either_way],
            "calibration": {
                "error": self.calibration.error,
                "bins": [asdict(group) for group in self.calibration.bins],
            },
        }

    def _named(self, pair: Confusion) -> dict[str, Any]:
        true, predicted = self.classes[pair.true], self.classes[pair.predicted]
        return {"true": true, "predicted": predicted, "count": pair.count}

    def __str__(self) -> str:
        return describe(self.accuracy, self.interval, self.n)

    def __repr__(self) -> str:
        return f"Scores({self})"

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{name}</th>" for name in ("class", "pictures", "precision", "recall", "F1")
        )
        rows = "".join(
            f"<tr><th>{escape(row.name)}</th><td>{row.n:,}</td><td>{percent(row.precision)}</td>"
            f"<td>{percent(row.recall)}</td><td>{percent(row.f1)}</td></tr>"
            for row in self.per_class
        )
        pairs = ", ".join(
            f"{escape(self.classes[pair.true])} and {escape(self.classes[pair.predicted])} "
            f"({pair.count:,})"
            for pair in self.confused_either_way[:3]
        )
        confused = f"<p>Most confused: {pairs}.</p>" if pairs else ""
        return (
            f"<p><strong>{escape(str(self))}</strong>, {self.errors:,} wrong</p>{confused}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def score(labels: Labels, probabilities: NDArray[np.float32], classes: Sequence[str]) -> Scores:
    """Score answers against labels.

    Args:
        labels: int64 [n], indices into `classes`.
        probabilities: float32 [n, classes], within 0-1, rows that sum to one.
        classes: the name of each class.

    Raises:
        TenfoldError: where shapes do not fit together, there is nothing to score, or a
            probability is not a number.
    """
    _check(labels, probabilities, classes)
    predictions = probabilities.argmax(axis=1)
    counts = np.bincount(labels * len(classes) + predictions, minlength=len(classes) ** 2)
    confusion = counts.reshape(len(classes), len(classes)).astype(np.int64)
    correct, n = int(np.trace(confusion)), len(labels)
    truth = np.eye(len(classes), dtype=np.float32)[labels]
    return Scores(
        n=n,
        correct=correct,
        accuracy=correct / n,
        interval=wilson(correct, n),
        loss=float(cross_entropy(labels, probabilities).mean(dtype=np.float64)),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean(dtype=np.float64)),
        classes=tuple(classes),
        per_class=_per_class(confusion, classes),
        confusion=confusion,
        confused=_pairs(confusion),
        confused_either_way=_pairs(np.triu(confusion + confusion.T)),
        calibration=calibrate(labels, probabilities),
    )


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
    """Give each picture's cross entropy in nats, float32 [n].

    A true label's probability of zero, where float32 underflows, counts as the smallest normal
    float32: the loss is then 87.3 and not infinite.
    """
    given = probabilities[np.arange(len(labels)), labels]
    smallest = np.finfo(np.float32).tiny
    losses: NDArray[np.float32] = np.maximum(0, -np.log(np.maximum(given, smallest)))
    return losses.astype(np.float32)


def percent(share: float, digits: int = 2) -> str:
    """Write a share as per cent, as `99.61 %`; 100 % and 0 % are kept for what is exactly that."""
    while digits < 6 and 0 < share < 1 and round(share * 100, digits) in (0, 100):
        digits += 1
    return f"{share * 100:.{digits}f} %"


def describe(accuracy: float, interval: Sequence[float], n: int) -> str:
    """Write an accuracy in one line: `99.61 % of 28,000 (95 % interval 99.53-99.68 %)`."""
    return f"{percent(accuracy)} of {n:,} (95 % interval {reach(interval)})"


def reach(interval: Sequence[float]) -> str:
    """Write an interval of shares as `99.53-99.68 %`."""
    low, high = interval
    return f"{low * 100:.2f}-{high * 100:.2f} %"


def _check(labels: Labels, probabilities: NDArray[np.float32], classes: Sequence[str]) -> None:
    expected = (len(labels), len(classes))
    if probabilities.shape != expected:
        raise TenfoldError(
            f"probabilities must be [{expected[0]}, {expected[1]}], a row a label and a column a "
            f"class. Received: {list(probabilities.shape)}"
        )
    if not len(labels):
        raise TenfoldError("there are no labelled pictures to score")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise TenfoldError(
            f"labels must be indices 0-{len(classes) - 1}. Received: {labels.min()}-{labels.max()}"
        )
    if not np.isfinite(probabilities).all():
        bad = int(np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0])
        raise TenfoldError(f"probabilities must be numbers. Received: {probabilities[bad]}")


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1; what would divide by zero is 0, as with zero_division=0."""
    rows = []
    for index, name in enumerate(classes):
        right = int(confusion[index, index])
        true, answered = int(confusion[index].sum()), int(confusion[:, index].sum())
        rows.append(
            ClassScore(
                name=name,
                n=true,
                precision=right / answered if answered else 0.0,
                recall=right / true if true else 0.0,
                f1=2 * right / (true + answered) if true + answered else 0.0,
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
