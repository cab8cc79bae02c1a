"""The winner of a search trained again with other seeds, beside the recipe that it started from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tenfold.evaluation.scores import percent
from tenfold.evaluation.seeds import Mean, Welch, mean, welch_test


@dataclass(frozen=True)
class FreshSeeds:
    """What is left of a search's gain where luck has had no say.

    The best of many trials is also the luckiest of them. Other seeds give other folds and other
    weights, and choose nothing.

    Args:
        winner: the winner's accuracy with each fresh seed, 0-1; empty where it is the base.
        base: the base recipe's, with the same seeds.
        searched: the winner's accuracy in the search.
        base_searched: the base recipe's there; None where it was no trial, or was stopped.
        failed: why runs failed, a line each.
    """

    winner: tuple[float, ...]
    base: tuple[float, ...]
    searched: float
    base_searched: float | None
    failed: tuple[str, ...] = ()

    @cached_property
    def means(self) -> tuple[Mean, Mean] | None:
        """The mean of each over the seeds; None without runs of either."""
        return (mean(self.winner), mean(self.base)) if self.winner and self.base else None

    @cached_property
    def welch(self) -> Welch | None:
        """Welch's t-test, as `tenfold compare` has it; None where it cannot be made."""
        return welch_test(self.winner, self.base)

    @property
    def is_base(self) -> bool:
        """Whether the winner is the base recipe itself."""
        return not self.winner and not self.failed

    @property
    def gain_searched(self) -> float | None:
        """How far the winner was above the base recipe in the search."""
        if self.base_searched is not None:
            return self.searched - self.base_searched
        return self.searched - self.means[1].mean if self.means else None

    @property
    def gain(self) -> float | None:
        """How far it is above the base recipe with fresh seeds."""
        return self.means[0].mean - self.means[1].mean if self.means else None

    @property
    def luck(self) -> float | None:
        """What of the gain in the search was luck: what fresh seeds do not confirm."""
        if self.gain is None or self.gain_searched is None:
            return None
        return self.gain_searched - self.gain

    @property
    def better(self) -> bool:
        """Whether the winner is shown to be better than the base recipe."""
        return (
            not self.failed
            and self.welch is not None
            and self.welch.significant
            and self.welch.difference > 0
        )

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if self.is_base:
            return "No trial was better than the base recipe"
        if self.failed:
            return "The winner does not train with every seed"
        if self.better:
            return "The winner is better than the base recipe"
        if self.gain is not None and self.gain <= 0:
            return "The winner is not better than the base recipe"
        return "The winner is not shown to be better than the base recipe"

    @property
    def reason(self) -> str:
        """The numbers behind the verdict, in sentences."""
        if self.is_base:
            return "The best trial is the base recipe itself, so there is nothing to compare."
        if self.means is None or self.gain is None:
            return "; ".join(self.failed)
        seeds = self.means[0].n
        interval = ""
        if self.welch is not None:
            low, high = self.welch.interval
            interval = f" (95 % interval {points(low)} to {points(high)})"
        text = (
            f"With {seeds} fresh seed{'s' * (seeds != 1)} it has {percent(self.means[0].mean)} on "
            f"average, the base recipe {percent(self.means[1].mean)}: {points(self.gain)} "
            f"points{interval}."
        )
        if self.gain_searched is not None and self.luck is not None:
            text += f" In the search it was {points(self.gain_searched)}"
            if self.luck > 0:
                text += f", of which {points(self.luck, sign=False)} were luck."
            else:
                text += ": none of the gain was luck."
        if self.welch is None and not self.failed:
            text += " One run of each says nothing of chance: train more seeds with --fresh-seeds."
        return " ".join([text, *(f"{line}." for line in self.failed)])

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {
            "winner": list(self.winner),
            "base": list(self.base),
            "searched": self.searched,
            "base_searched": self.base_searched,
            "gain_searched": self.gain_searched,
            "gain": self.gain,
            "luck": self.luck,
            "welch": self.welch.to_dict() if self.welch else None,
            "failed": list(self.failed),
            "better": self.better,
            "verdict": self.verdict,
            "reason": self.reason,
        }


def points(share: float, sign: bool = True) -> str:
    """Format a difference of shares in points, as `+0.21`."""
    return f"{share * 100:+.2f}" if sign else f"{abs(share) * 100:.2f}"
