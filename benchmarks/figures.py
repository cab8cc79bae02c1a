"""From a few measured numbers to a mean, a spread and an interval."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


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


def t975(freedom: float) -> float:
    """Give the 97.5th percentile of Student's t."""
    from scipy.stats import t  # type: ignore[import-untyped]

    return float(t.ppf(0.975, freedom))
