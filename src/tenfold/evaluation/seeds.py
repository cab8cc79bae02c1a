"""Accuracies over seeds: their mean with its interval, and Welch's t-test between two recipes."""

import math
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tenfold.evaluation.mcnemar import SIGNIFICANCE
from tenfold.extras import missing_extra_named


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

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {**asdict(self), "interval": list(self.interval) if self.interval else None}


def mean(values: Sequence[float]) -> Mean:
    """Return the mean of at least one number, with the spread that n allows to estimate."""
    n, middle = len(values), statistics.fmean(values)
    if n < 2:
        return Mean(n, middle, None, None)
    with missing_extra_named("the interval of a mean"):
        from scipy.stats import t
    sd = statistics.stdev(values)
    half = float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return Mean(n, middle, sd, (middle - half, middle + half))


@dataclass(frozen=True)
class Welch:
    """Welch's t-test between two samples, A and B, whose variances may differ.

    Args:
        difference: A's mean minus B's.
        interval: the difference's 95 % interval.
        t: the statistic.
        freedom: degrees of freedom (Welch-Satterthwaite).
        p_value: how probable so large a difference is between equal means, 0-1.
    """

    difference: float
    interval: tuple[float, float]
    t: float
    freedom: float
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether the means differ significantly, at the level of 5 %."""
        return self.p_value < SIGNIFICANCE

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {**asdict(self), "interval": list(self.interval), "significant": self.significant}


def welch_test(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Test whether the means of two samples of independent numbers differ.

    Returns:
        The test; None where it cannot be made: a side has fewer than two numbers, or neither
        varies, so that nothing says how much chance does.
    """
    if min(len(first), len(second)) < 2 or len({*first}) == len({*second}) == 1:
        return None
    with missing_extra_named("Welch's test"):
        from scipy.stats import ttest_ind
    with warnings.catch_warnings():  # where one side does not vary, scipy fears for its digits
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        found = ttest_ind(first, second, equal_var=False)
    low, high = found.confidence_interval(0.95)
    return Welch(
        difference=statistics.fmean(first) - statistics.fmean(second),
        interval=(float(low), float(high)),
        t=float(found.statistic),
        freedom=float(found.df),
        p_value=float(found.pvalue),
    )
