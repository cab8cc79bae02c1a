"""Whether two models that answered the same pictures can be told apart."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.evaluation.scores import percent, reach, wilson

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class McNemar:
    """How often two models, A and B, were right on the same n labelled pictures, n >= 1."""

    both_right: int
    both_wrong: int
    only_a: int
    only_b: int

    @property
    def n(self) -> int:
        """How many pictures both answered."""
        return self.both_right + self.both_wrong + self.only_a + self.only_b

    @property
    def correct(self) -> tuple[int, int]:
        """How many each read correctly."""
        return self.both_right + self.only_a, self.both_right + self.only_b

    @property
    def accuracy(self) -> tuple[float, float]:
        """The share (0-1) that each read correctly."""
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

        It joins the Wilson intervals of both accuracies and counts how far the errors fall on the
        same pictures. Near p = 0.05 it may leave zero out though the exact test, which is the
        stricter one, does not tell the models apart; the verdict is the test's.
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
    def p(self) -> float:
        """McNemar's exact test: how often chance alone parts equals as unevenly as this, 0-1."""
        if self.only_a == self.only_b:
            return 1.0
        from scipy.stats import binomtest

        return float(binomtest(self.only_a, self.only_a + self.only_b).pvalue)

    @property
    def distinguishable(self) -> bool:
        """Whether the test tells the models apart, at the level of 5 %."""
        return self.p < SIGNIFICANCE

    @property
    def better(self) -> str:
        """Name the better of the two, "A" or "B"; "" where they cannot be told apart."""
        if not self.distinguishable:
            return ""
        return "A" if self.only_a > self.only_b else "B"

    @property
    def verdict(self) -> str:
        """Say in a few words whether they can be told apart."""
        if self.better:
            other = "B" if self.better == "A" else "A"
            return f"{self.better} is better than {other}"
        return f"Not distinguishable on {_pictures(self.n)}"

    @property
    def reason(self) -> str:
        """Say why the verdict is what it is, for who has never met the test."""
        apart = self.only_a + self.only_b
        if not apart:
            return (
                "No picture is read correctly by one and wrongly by the other, so nothing tells "
                "the two apart."
            )
        counted = (
            f"Only one of them is right on {_pictures(apart)}: A on {self.only_a:,}, B on "
            f"{self.only_b:,}."
        )
        if self.only_a == self.only_b:
            return f"{counted} Two equally good models would part them just so."
        often = (
            f"in {percent(self.p, 1)} of cases" if self.p >= 1e-4 else "less than once in 10,000"
        )
        return (
            f"{counted} Two equally good models would part them as unevenly as that, or more so, "
            f"{often} ({self.test})."
        )

    @property
    def test(self) -> str:
        """Name the test and its p."""
        p = f"p = {self.p:.2g}" if self.p < 0.01 else f"p = {self.p:.3f}"
        return f"McNemar's exact test, {p if self.p >= 1e-4 else 'p < 0.0001'}"

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """Who was right how often, as rows of text under a heading."""
        rows = [
            (name, percent(accuracy), span, f"{self.n - correct:,}")
            for name, accuracy, span, correct in zip(
                "AB", self.accuracy, map(reach, self.intervals), self.correct, strict=True
            )
        ]
        low, high = self.difference_interval
        apart = (
            "A - B",
            f"{self.difference * 100:+.2f}",
            f"{low * 100:+.2f} to {high * 100:+.2f}",
            f"{self.only_b - self.only_a:+,}",
        )
        return (("", "accuracy", "95 % interval", "errors"), *rows, apart)

    @property
    def counts(self) -> tuple[tuple[str, ...], ...]:
        """How often both, one or neither was right, as rows of text under a heading."""
        return (
            ("", "B right", "B wrong"),
            ("A right", f"{self.both_right:,}", f"{self.only_a:,}"),
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
            "p": self.p,
            "distinguishable": self.distinguishable,
        }

    def _correlation(self) -> float:
        """The correlation of being right, corrected for continuity where it is positive."""
        first, second = self.correct
        product = first * (self.n - first) * second * (self.n - second)
        if not product:
            return 0.0
        shared = float(self.both_right * self.both_wrong - self.only_a * self.only_b)
        if shared > 0:
            shared = max(shared - self.n / 2, 0.0)
        return shared / sqrt(product)


def pair(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> McNemar:
    """Count who was right where; both bool [n], n >= 1, of the same pictures in the same order."""
    return McNemar(
        both_right=int((right_a & right_b).sum()),
        both_wrong=int((~right_a & ~right_b).sum()),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((~right_a & right_b).sum()),
    )


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' * (count != 1)}"
