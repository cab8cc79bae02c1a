"""What the misread images of `bound` are, and how many an ensemble would still misread."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.store import Row
from tenfold.evaluation.error_reasons import AMBIGUOUS_RATIO
from tenfold.evaluation.scores import Z95

LABEL_ISSUE = "label issue"
AMBIGUOUS = "ambiguous"
LEARNABLE = "learnable"
MISSED = "missed by all"
AGAINST = "against its label"
OTHER = "other"
# In the order of the tests: an image is of the first kind that holds.
KINDS = {
    LABEL_ISSUE: "its label is likely wrong, as confident learning has it (`find_label_issues`, on "
    "the mean probabilities of all folds together)",
    AMBIGUOUS: "its label and one other class are the two most probable in the mean of the "
    "networks, the lesser at least half as probable as the greater, and its five nearest training "
    "images are not of one class",
    LEARNABLE: "at least one network reads it right, and at least three of its five nearest "
    "training images have its label",
    MISSED: "no network reads it right, though at least three of its five nearest training images "
    "have its label: another kind of network may",
    AGAINST: "every network reads it as the same other class, and at least three of its five "
    "nearest training images are of that class: a wrong label that confident learning does not "
    "name, or writing like none of its own class",
    OTHER: "all others",
}
MAJORITY = 3  # of the five nearest training images


@dataclass(frozen=True, eq=False)
class Misread:
    """An image that at least one of m networks misreads.

    Args:
        row: in MNIST's training set.
        label: its class.
        probabilities: float64 [m, classes], of networks that were not trained on its writer.
        neighbours: the rows of the nearest training images, the nearest first.
        neighbour_labels: their classes.
        label_issue: whether its label is likely wrong.
    """

    row: int
    label: int
    probabilities: NDArray[np.float64]
    neighbours: tuple[int, ...]
    neighbour_labels: tuple[int, ...]
    label_issue: bool

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Which of the networks misread it, bool [m]."""
        found: NDArray[np.bool_] = self.probabilities.argmax(axis=1) != self.label
        return found

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """The mean of the networks, float64 [classes]."""
        found: NDArray[np.float64] = self.probabilities.mean(axis=0)
        return found

    @property
    def prediction(self) -> int:
        """The class that the networks together give the most probability, but for its label."""
        return int(np.delete(np.arange(len(self.mean)), self.label)[
            np.delete(self.mean, self.label).argmax()
        ])  # fmt: skip

    @property
    def by_all(self) -> bool:
        """Whether every network misreads it."""
        return bool(self.wrong.all())

    @property
    def by_mean(self) -> bool:
        """Whether the mean of the networks misreads it."""
        return int(self.mean.argmax()) != self.label

    @cached_property
    def kind(self) -> str:
        """The first of `KINDS` that holds."""
        if self.label_issue:
            return LABEL_ISSUE
        other, own = self.mean[self.prediction], self.mean[self.label]
        are_first_two = int((self.mean > min(own, other)).sum()) == 1
        is_close = min(own, other) >= AMBIGUOUS_RATIO * max(own, other)
        if are_first_two and is_close and len(set(self.neighbour_labels)) > 1:
            return AMBIGUOUS
        if self.neighbour_labels.count(self.label) >= MAJORITY:
            return MISSED if self.by_all else LEARNABLE
        classes = set(self.probabilities.argmax(axis=1).tolist())
        votes = self.neighbour_labels.count(self.prediction)
        if self.by_all and len(classes) == 1 and votes >= MAJORITY:
            return AGAINST
        return OTHER

    def wrong_share(self, size: int) -> float:
        """The share (0-1) of all ensembles of so many of the networks that misread it."""
        groups = list(combinations(range(len(self.probabilities)), size))
        means = np.stack([self.probabilities[list(group)].mean(axis=0) for group in groups])
        return float((means.argmax(axis=1) != self.label).mean())

    def shared_share(self, size: int) -> float:
        """The share of them of which every member misreads it."""
        groups = list(combinations(self.wrong.tolist(), size))
        return sum(map(all, groups)) / len(groups)


def misread_images(folds: Sequence[Row], issues: Sequence[int]) -> list[Misread]:
    """Collect the misread images of folds, the most certain errors first.

    Args:
        folds: a row a fold, with equally many networks.
        issues: the rows of the images with label issues.
    """
    found = [
        Misread(
            row=one["row"],
            label=one["label"],
            probabilities=np.array(one["probabilities"], np.float64),
            neighbours=tuple(one["neighbours"]),
            neighbour_labels=tuple(one["neighbour_labels"]),
            label_issue=one["row"] in issues,
        )
        for fold in folds
        for one in fold["misread"]
    ]
    return sorted(found, key=lambda one: (float(one.mean[one.label] - one.mean.max()), one.row))


@dataclass(frozen=True)
class Point:
    """Errors of ensembles of so many networks, each with the half-width of its 95 % interval.

    Args:
        size: networks.
        errors: of a mean of so many, on average over all groups of them.
        fewer: than a network alone makes; the interval is paired, image by image.
        shared: images that all of them misread.
    """

    size: int
    errors: tuple[float, float]
    fewer: tuple[float, float]
    shared: tuple[float, float]


def curve(misread: Sequence[Misread]) -> list[Point]:
    """Give the errors against the number of networks, from 1 to all.

    An interval is over images: an image counts by the share of the groups that misread it, and
    the standard error of a sum of rare, independent shares is the root of the sum of their squares.
    """
    if not misread:
        return []
    alone = np.array([one.wrong_share(1) for one in misread])
    points = []
    for size in range(1, len(misread[0].probabilities) + 1):
        mean = np.array([one.wrong_share(size) for one in misread])
        shared = np.array([one.shared_share(size) for one in misread])
        points.append(Point(size, _total(mean), _total(alone - mean), _total(shared)))
    return points


def limit(misread: Sequence[Misread]) -> tuple[float, float]:
    """Extrapolate the errors to an ensemble of any size, with the half-width of the interval.

    Least squares of a + b / size: the part of the error that varies with the seed falls with the
    number of networks, the part that all share stays. It is linear in the shares, so each image
    has a limit of its own, and the interval is as in `curve`.
    """
    sizes = np.arange(1, len(misread[0].probabilities) + 1)
    design = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    weights = np.linalg.pinv(design)[0]
    shares = np.array([[one.wrong_share(int(size)) for size in sizes] for one in misread])
    return _total(shares @ weights)


def _total(shares: NDArray[np.float64]) -> tuple[float, float]:
    return float(shares.sum()), Z95 * sqrt(float((shares**2).sum()))
