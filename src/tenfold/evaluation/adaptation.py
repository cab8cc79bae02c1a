"""Whether an adapted model is better where it should be, and no worse anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.evaluation.mcnemar import McNemar, mcnemar_test
from tenfold.evaluation.scores import percent


@dataclass(frozen=True)
class BeforeAfter:
    """One set, predicted before (A) and after (B).

    Args:
        name: the set.
        counts: how often each is correct; of non-digits, how often each rejects.
        leaked: images that were left out since the model was trained on them.
    """

    name: str
    counts: McNemar
    leaked: int = 0

    @property
    def row(self) -> tuple[str, ...]:
        """The result as cells of text, in the order of `HEADING`."""
        before, after = self.counts.accuracy
        return (
            self.name,
            f"{self.counts.n:,}",
            percent(before),
            percent(after),
            f"{self.counts.only_b:,}",
            f"{self.counts.only_a:,}",
            p_text(self.counts.p_value),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON; A is before, B after."""
        return {"name": self.name, "leaked": self.leaked, **self.counts.to_dict()}


HEADING = ("", "n", "before", "after", "mended", "broken", "p")


def before_after(
    name: str, before: NDArray[np.bool_], after: NDArray[np.bool_], leaked: int = 0
) -> BeforeAfter:
    """Count on one set, n >= 1, what is correct before and after; both bool [n]."""
    return BeforeAfter(name, mcnemar_test(before, after), leaked)


def verdict(own: BeforeAfter, others: Sequence[BeforeAfter]) -> tuple[bool, str]:
    """Decide whether the adapted model replaces the old one, by McNemar's exact test.

    Args:
        own: the digits that it was adapted to, each predicted by a model that has not seen it.
        others: every set on which it must not be worse.

    Returns:
        Whether it does, and why in a sentence.
    """
    worse = [one.name for one in others if one.counts.better == "A"]
    if worse:
        return False, f"it is significantly worse on {' and '.join(worse)}"
    gained = own.counts.only_b - own.counts.only_a
    if own.counts.better != "B":
        p = p_text(own.counts.p_value)
        if gained > 0:
            return False, (
                f"{own.counts.only_b} of your digits mended and {own.counts.only_a} broken are too "
                f"few to tell from chance (p = {p})"
            )
        return False, "it reads no more of your held-back digits"
    return True, "it is significantly better on your held-back digits, and not worse elsewhere"


def table(rows: Sequence[BeforeAfter]) -> list[str]:
    """Format results as aligned lines under a heading."""
    cells = [HEADING, *(one.row for one in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADING))]
    return [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        )
        for line in cells
    ]


def p_text(p: float) -> str:
    """Format a p-value."""
    if p < 1e-4:
        return "< 0.0001"
    return f"{p:.2g}" if p < 0.01 else f"{p:.2f}"
