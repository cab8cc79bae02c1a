"""Comparison of two recipes: what differs between them, and their accuracies over seeds."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tenfold.evaluation.scores import clipped_range, percent
from tenfold.evaluation.seeds import Mean, Welch, mean, welch_test
from tenfold.run.recipe_differences import RecipeDifference, same_recipe

if TYPE_CHECKING:
    import polars as pl

Table = tuple[tuple[str, ...], ...]
ADVICE = (
    "To choose between recipes, train each with several seeds (`tenfold train --seeds 5`) and "
    "compare the groups."
)


@dataclass(frozen=True, eq=False)
class RecipeComparison:
    """The runs of two recipes, A and B, one run or more each; pairs are A's and B's.

    Args:
        names: the runs or groups of runs, as the user named them.
        seeds: of each run; none where a side is no run of Tenfold's.
        differences: in what the recipes differ.
        accuracies: of each run, 0-1; empty where the images have no labels.
        histories: the learning curves of each run, a row an epoch; empty where only a model file
            is known.
        others: what a side is, where it is no run or model of Tenfold's: "predictions"; else "".
    """

    names: tuple[str, str]
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    differences: tuple[RecipeDifference, ...] = ()
    accuracies: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    histories: "tuple[tuple[pl.DataFrame, ...], tuple[pl.DataFrame, ...]]" = ((), ())
    others: tuple[str, str] = ("", "")

    @property
    def titles(self) -> tuple[str, str]:
        """Each side's name, and its seeds in words, or what else it is."""
        first, second = (
            other or _in_words(seeds) for other, seeds in zip(self.others, self.seeds, strict=True)
        )
        return f"{self.names[0]} ({first})", f"{self.names[1]} ({second})"

    @property
    def known(self) -> bool:
        """Whether both sides have a recipe."""
        return not any(self.others)

    @property
    def has_groups(self) -> bool:
        """Whether a side has more than one run."""
        return max(map(len, self.seeds)) > 1

    @property
    def same(self) -> bool:
        """Whether both are one recipe, whatever the seed and the machine."""
        return self.known and same_recipe(self.differences)

    @cached_property
    def means(self) -> tuple[Mean, Mean] | None:
        """The mean accuracy of each over its seeds; None without labels."""
        first, second = self.accuracies
        return (mean(first), mean(second)) if first and second else None

    @cached_property
    def welch(self) -> Welch | None:
        """Welch's t-test over the seeds; None where it cannot be made (see `welch_test`)."""
        return welch_test(*self.accuracies)

    @property
    def better(self) -> str:
        """Name the better recipe, "A" or "B"; "" where no significant difference was found."""
        if self.welch is None or not self.welch.significant:
            return ""
        return "A" if self.welch.difference > 0 else "B"

    @property
    def verdict(self) -> str:
        """The result of Welch's test, which alone decides, in a few words; "" without a test."""
        if self.welch is None:
            return ""
        what = "group" if self.same else "recipe"
        if self.better:
            other = "B" if self.better == "A" else "A"
            return f"{what.title()} {self.better} is more accurate than {what} {other}"
        return f"No significant difference between the {what}s"

    @property
    def reason(self) -> str:
        """The numbers behind the verdict, or why there is none; "" without labels."""
        if self.means is None:
            return ""
        if self.welch is None:
            return self._untested()
        p = self.welch.p_value
        share = percent(p, 1) if p >= 1e-4 else "less than 0.01 %"
        same = (
            "Both have the same recipe: what differs is their training images, or nothing but "
            "chance. "
        ) * self.same
        return (
            f"{same}Over the seeds ({self.means[0].n} of A, {self.means[1].n} of B) the mean "
            f"accuracies differ by {abs(self.welch.difference) * 100:.2f} points. If both were "
            f"equally good, means at least this far apart would occur in {share} of cases "
            f"({self.test})."
        )

    @property
    def test(self) -> str:
        """The name of the test, its statistic and its p-value; "" without a test."""
        if self.welch is None:
            return ""
        p = self.welch.p_value
        text = f"p = {p:.2g}" if p < 0.01 else f"p = {p:.3f}"
        return (
            f"Welch's t-test, t = {self.welch.t:.2f}, {self.welch.freedom:.1f} degrees of freedom, "
            f"{text if p >= 1e-4 else 'p < 0.0001'}"
        )

    @property
    def table(self) -> Table:
        """Means, spreads, intervals and their difference, as rows of text under a heading."""
        rows = [
            (
                name,
                str(side.n),
                percent(side.mean),
                "-" if side.sd is None else f"{side.sd * 100:.2f}",
                "-" if side.interval is None else clipped_range(side.interval),
            )
            for name, side in zip("AB", self.means or (), strict=False)
        ]
        if self.means:
            interval = "-"
            if self.welch:
                low, high = self.welch.interval
                interval = f"{low * 100:+.2f} to {high * 100:+.2f}"
            gap = self.means[0].mean - self.means[1].mean
            rows.append(("A - B", "", f"{gap * 100:+.2f}", "", interval))
        return (("", "runs", "mean accuracy", "sd", "95 % interval"), *rows)

    @property
    def differences_table(self) -> Table:
        """What differs between the recipes, as rows of text under a heading."""
        return (("recipe", "A", "B"), *(one.cells for one in self.differences))

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the curves as plain values, ready for JSON."""
        return {
            "names": list(self.names),
            "seeds": [list(side) for side in self.seeds],
            "others": list(self.others),
            "differences": [asdict(one) for one in self.differences],
            "same": self.same,
            "accuracies": [list(side) for side in self.accuracies],
            "means": [side.to_dict() for side in self.means] if self.means else None,
            "welch": self.welch.to_dict() if self.welch else None,
            "better": self.better,
            "verdict": self.verdict,
            "reason": self.reason,
        }

    def _untested(self) -> str:
        """Say why the accuracies tell nothing about the recipes."""
        if not self.known:
            return (
                "One pair of models says nothing about how they were trained: the same training "
                "with another seed errs on other images."
            )
        alone = [name for name, side in zip("AB", self.seeds, strict=True) if len(side) == 1]
        if len(alone) == 1:
            return (
                f"{alone[0]} is one run, which says nothing about its recipe: another seed gives "
                f"another accuracy. {ADVICE}"
            )
        if not alone:
            return (
                "The runs of each recipe are all equally accurate, so nothing tells how much "
                "chance does: give more images to compare on."
            )
        if self.same:
            return (
                "One pair of runs says nothing about recipes, and both have the same one: a "
                "difference is one of seeds or of training images, and another pair may differ "
                "the other way."
            )
        return (
            "One pair of runs says nothing about the recipes: the same recipe with another seed "
            f"errs on other images. {ADVICE}"
        )


def _in_words(seeds: tuple[int, ...]) -> str:
    if len(seeds) == 1:
        return f"one run, seed {seeds[0]}"
    return f"{len(seeds)} runs, seeds {', '.join(map(str, seeds))}"
