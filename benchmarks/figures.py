"""From a few measured numbers to a mean, a spread and an interval."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.evaluation.scores import wilson

FEWEST_SEEDS = 3  # with two, Student's t is 12.7 standard errors wide and says nothing


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
        """Write a mean of shares as `99.612 % (n = 3, sd 0.021, 95 % interval 99.56-99.66 %)`."""
        shown = f"{self.mean * 100:.{digits}f} % (n = {self.n}"
        if self.sd is not None and self.interval is not None:
            low, high = (f"{edge * 100:.{digits}f}" for edge in self.interval)
            shown += f", sd {self.sd * 100:.{digits}f}, 95 % interval {low} to {high} %"
        return shown + ")"


def mean(values: Sequence[float]) -> Mean:
    """Take the mean of at least one number, with what n allows to say about it."""
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
    """A share or a difference of shares, its 95 % interval, and how that was made."""

    value: float
    low: float
    high: float
    method: str


def share(values: Sequence[float], pictures: int) -> Estimate:
    """Estimate a mean accuracy: Student's t over three seeds or more, else Wilson.

    Args:
        values: the accuracy of each seed, 0-1.
        pictures: how many pictures each was measured on; Wilson's interval takes them once, as
            all seeds answer the same pictures.
    """
    found = mean(values)
    if found.n >= FEWEST_SEEDS and found.interval:
        return Estimate(found.mean, *found.interval, f"t, {found.n} seeds")
    return _once(values, pictures)


def gap(first: Sequence[float], second: Sequence[float], pictures: int) -> Estimate:
    """Estimate first - second: Welch's t over three seeds or more on both sides, else Newcombe.

    Newcombe's interval (1998, method 10) joins the two Wilson intervals and takes the pictures as
    two independent sets, so it is wide where both sides answered the same pictures.

    Args:
        first: the accuracy of each seed, 0-1.
        second: as `first`.
        pictures: how many pictures each accuracy was measured on.
    """
    if min(len(first), len(second)) >= FEWEST_SEEDS:
        return Estimate(*difference(first, second), "Welch's t")
    one, other = _once(first, pictures), _once(second, pictures)
    value = one.value - other.value
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, low, high, "Newcombe")


def _once(values: Sequence[float], pictures: int) -> Estimate:
    middle = statistics.fmean(values)
    return Estimate(middle, *wilson(round(middle * pictures), pictures), "Wilson")


def t975(freedom: float) -> float:
    """Give the 97.5th percentile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
