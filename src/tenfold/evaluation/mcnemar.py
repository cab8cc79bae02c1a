"""McNemar's test: whether two models' accuracies on the same images differ significantly."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.evaluation.scores import percent, percent_range, wilson
from tenfold.extras import missing_extra_named

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class McNemar:
    """How often two models, A and B, are correct on the same n labelled images, n >= 1."""

    both_correct: int
    both_wrong: int
    only_a: int
    only_b: int

    @property
    def n(self) -> int:
        """Number of images."""
        return self.both_correct + self.both_wrong + self.only_a + self.only_b

    @property
    def correct(self) -> tuple[int, int]:
        """Number of correct predictions of A and of B."""
        return self.both_correct + self.only_a, self.both_correct + self.only_b

    @property
    def accuracy(self) -> tuple[float, float]:
        """Accuracy of A and of B, 0-1."""
        first, second = self.correct
        return first / self.n, second / self.n

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The 95 % Wilson interval of each accuracy."""
        first, second = self.correct
        return wilson(first, self.n), wilson(second, self.n)

    @property
    def difference(self) -> float:
        """A's accuracy minus B's, within -1 to 1."""
        return (self.only_a - self.only_b) / self.n

    @property
    def difference_interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference (Newcombe 1998, method 10, for paired shares).

        It combines the Wilson intervals of both accuracies with the correlation of the errors.
        Near p = 0.05 it may exclude zero though the exact test, which is the stricter one, finds
        no significant difference; the verdict is the test's.
        """
        first, second = self.accuracy
        (low_a, high_a), (low_b, high_b) = self.intervals
        shared = 2 * self._correlation()
        down, up = first - low_a, high_b - second
        below = sqrt(max(0.0, down**2 - shared * down * up + up**2))
        up, down = high_a - first, second - low_b
        above = sqrt(max(0.0, up**2 - shared * up * down + down**2))
        return self.difference - below, self.difference + above

    @cached_property
    def p_value(self) -> float:
        """McNemar's exact test: how probable so large a difference is between equal models, 0-1."""
        if self.only_a == self.only_b:
            return 1.0
        with missing_extra_named("McNemar's test"):
            from scipy.stats import binomtest

        return float(binomtest(self.only_a, self.only_a + self.only_b).pvalue)

    @property
    def significant(self) -> bool:
        """Whether the accuracies differ significantly, at the level of 5 %."""
        return self.p_value < SIGNIFICANCE

    @property
    def better(self) -> str:
        """Name the better model, "A" or "B"; "" where the difference is not significant."""
        if not self.significant:
            return ""
        return "A" if self.only_a > self.only_b else "B"

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if self.better:
            other = "B" if self.better == "A" else "A"
            return f"{self.better} is more accurate than {other} on these images"
        return f"No significant difference on {_images(self.n)}"

    @property
    def reason(self) -> str:
        """The counts behind the verdict, for a reader who does not know the test."""
        discordant = self.only_a + self.only_b
        if not discordant:
            return "Both are correct on the same images, so there is no difference to test."
        counts = (
            f"Only one of them is correct on {_images(discordant)}: A on {self.only_a:,}, B on "
            f"{self.only_b:,}."
        )
        if self.only_a == self.only_b:
            return f"{counts} That is an even split, as expected of two equally good models."
        share = percent(self.p_value, 1) if self.p_value >= 1e-4 else "less than 0.01 %"
        return (
            f"{counts} If both models were equally good, a split at least this uneven would occur "
            f"in {share} of cases ({self.test})."
        )

    @property
    def test(self) -> str:
        """The name of the test and its p-value."""
        p = self.p_value
        text = f"p = {p:.2g}" if p < 0.01 else f"p = {p:.3f}"
        return f"McNemar's exact test, {text if p >= 1e-4 else 'p < 0.0001'}"

    @property
    def accuracy_table(self) -> tuple[tuple[str, ...], ...]:
        """Accuracies, their difference and errors, as rows of text under a heading."""
        rows = [
            (name, percent(accuracy), percent_range(interval), f"{self.n - correct:,}")
            for name, accuracy, interval, correct in zip(
                "AB", self.accuracy, self.intervals, self.correct, strict=True
            )
        ]
        low, high = self.difference_interval
        difference = (
            "A - B",
            f"{self.difference * 100:+.2f}",
            f"{low * 100:+.2f} to {high * 100:+.2f}",
            f"{self.only_b - self.only_a:+,}",
        )
        return (("", "accuracy", "95 % interval", "errors"), *rows, difference)

    @property
    def contingency_table(self) -> tuple[tuple[str, ...], ...]:
        """How often both, one or neither is correct, as rows of text under a heading."""
        return (
            ("", "B correct", "B wrong"),
            ("A correct", f"{self.both_correct:,}", f"{self.only_a:,}"),
            ("A wrong", f"{self.only_b:,}", f"{self.both_wrong:,}"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON; pairs are A's and B's."""
        return {
            **asdict(self),
            "errors": [self.n - correct for correct in self.correct],
            "accuracy": list(self.accuracy),
            "intervals": [list(interval) for interval in self.intervals],
            "difference": self.difference,
            "difference_interval": list(self.difference_interval),
            "p_value": self.p_value,
            "significant": self.significant,
        }

    def _correlation(self) -> float:
        """The correlation of correctness, corrected for continuity where it is positive."""
        first, second = self.correct
        product = first * (self.n - first) * second * (self.n - second)
        if not product:
            return 0.0
        shared = float(self.both_correct * self.both_wrong - self.only_a * self.only_b)
        if shared > 0:
            shared = max(shared - self.n / 2, 0.0)
        return shared / sqrt(product)


def mcnemar_test(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> McNemar:
    """Count where A and B are correct; both bool [n], n >= 1, for the same images in one order."""
    return McNemar(
        both_correct=int((correct_a & correct_b).sum()),
        both_wrong=int((~correct_a & ~correct_b).sum()),
        only_a=int((correct_a & ~correct_b).sum()),
        only_b=int((~correct_a & correct_b).sum()),
    )


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
