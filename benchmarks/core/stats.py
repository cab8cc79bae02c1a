"""Differences and shares of a few measured numbers, with their 95 % intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.evaluation.scores import wilson
from tenfold.evaluation.seeds import mean, welch_test

MIN_SEEDS = 3  # with two, Student's t is 12.7 standard errors wide and says nothing


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Compare two means of independent numbers: first - second, and its 95 % interval (Welch's t).

    Raises:
        ValueError: where a side has fewer than two numbers.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("each side needs two numbers")
    gap = statistics.fmean(first) - statistics.fmean(second)
    test = welch_test(first, second)
    return (gap, *test.interval) if test else (gap, gap, gap)


@dataclass(frozen=True)
class Estimate:
    """A share or a difference of shares, its 95 % interval, and the method of the interval."""

    value: float
    low: float
    high: float
    method: str


def share(values: Sequence[float], n_images: int) -> Estimate:
    """Estimate a mean accuracy: Student's t over three seeds or more, else Wilson.

    Args:
        values: the accuracy of each seed, 0-1.
        n_images: how many images each was measured on; Wilson's interval counts them once, as
            all seeds predict the same images.
    """
    found = mean(values)
    if found.n >= MIN_SEEDS and found.interval:
        return Estimate(found.mean, *found.interval, f"t, {found.n} seeds")
    return _wilson(values, n_images)


def gap(first: Sequence[float], second: Sequence[float], n_images: int) -> Estimate:
    """Estimate first - second: Welch's t over three seeds or more on both sides, else Newcombe.

    Newcombe's interval (1998, method 10) joins the two Wilson intervals and treats the images as
    two independent sets, so it is wide where both sides predicted the same images.

    Args:
        first: the accuracy of each seed, 0-1.
        second: as `first`.
        n_images: how many images each accuracy was measured on.
    """
    if min(len(first), len(second)) >= MIN_SEEDS:
        return Estimate(*difference(first, second), "Welch's t")
    one, other = _wilson(first, n_images), _wilson(second, n_images)
    value = one.value - other.value
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, low, high, "Newcombe")


def _wilson(values: Sequence[float], n_images: int) -> Estimate:
    middle = statistics.fmean(values)
    return Estimate(middle, *wilson(round(middle * n_images), n_images), "Wilson")
