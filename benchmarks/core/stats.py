"""Means, differences and shares of a few measured numbers, with their 95 % intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.evaluation.scores import wilson

MIN_SEEDS = 3  # with two, Student's t is 12.7 standard errors wide and says nothing


@dataclass(frozen=True)
class Mean:
    """The mean of n numbers, their standard deviation, and the mean's 95 % interval (Student's t).

    `sd` and `interval` are None where n is 1.
    """

    n: int
    mean: float
    sd: float | None
    interval: tuple[float, float] | None

    def percent(self, digits: int = 3) -> str:
        """Format a mean of shares as `99.612 % (n = 3, sd 0.021, 95 % interval 99.56-99.66 %)`."""
        shown = f"{self.mean * 100:.{digits}f} % (n = {self.n}"
        if self.sd is not None and self.interval is not None:
            low, high = (f"{edge * 100:.{digits}f}" for edge in self.interval)
            shown += f", sd {self.sd * 100:.{digits}f}, 95 % interval {low} to {high} %"
        return shown + ")"


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of at least one number, with the spread that n allows to estimate."""
    n, middle = len(values), statistics.fmean(values)
    if n < 2:
        return Mean(n, middle, None, None)
    sd = statistics.stdev(values)
    half = t975(n - 1) * sd / math.sqrt(n)
    return Mean(n, middle, sd, (middle - half, middle + half))


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Compare two means of independent numbers: first - second, and its 95 % interval (Welch's t).

    Raises:
        ValueError: where a side has fewer than two numbers.
    """
    parts = [statistics.variance(values) / len(values) for values in (first, second)]
    gap = statistics.fmean(first) - statistics.fmean(second)
    total = sum(parts)
    if total == 0:
        return gap, gap, gap
    sizes = (len(first), len(second))
    freedom = total**2 / sum(
        part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True) if part
    )
    half = t975(freedom) * math.sqrt(total)
    return gap, gap - half, gap + half


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


def t975(freedom: float) -> float:
    """Return the 97.5th percentile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
