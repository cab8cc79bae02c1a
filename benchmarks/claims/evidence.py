"""What has been measured so far, and the shape of what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.claims.work import UNMOVED
from benchmarks.results import Row

HOLDS, FAILS, OPEN = "holds", "does not hold", "open"
PARTS = {
    "base": "whole runs of the recipe (`python -m benchmarks.notebook run tenfold --seed 0`)",
    "unmoved": "whole runs without augmentation",
    "counts": "a count of the training table",
    "parameters": "a count of the weights",
    "shares": "the class shares of 1,000 splits",
    "gpu": "a machine with a GPU",
}
GUESSING = 0.1  # the accuracy of a network that diverged


@dataclass(frozen=True)
class Finding:
    """What was found of a claim: short cells for the table, `detail` for the paragraph."""

    measured: str
    n: str
    interval: str
    verdict: str
    detail: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim of the notebook in our words, how it is tried, and the rule of its verdict."""

    key: str
    claim: str
    tried: str
    rule: str
    judge: "Callable[[Evidence], Finding]"


@dataclass(frozen=True)
class Evidence:
    """The rows of both result files; a short training counts where it has `epochs` epochs."""

    claims: list[Row]
    notebook: list[Row]
    epochs: int
    settings: list[str]

    def fact(self, kind: str) -> Row | None:
        """Give the newest row of a kind that is measured once, or None."""
        return next((row for row in reversed(self.claims) if row["kind"] == kind), None)

    def base(self) -> list[Row]:
        """Give the whole runs of the notebook's recipe, as it is."""
        return self._whole(self.settings)

    def unmoved(self) -> list[Row]:
        """Give the whole runs without augmentation."""
        return self._whole([*UNMOVED, *self.settings])

    def _whole(self, settings: list[str]) -> list[Row]:
        return [
            row for row in self.notebook if row["kind"] == "tenfold" and row["settings"] == settings
        ]

    def curves(self, variant: str) -> list[list[float]]:
        """Give the validation accuracy after each of the first epochs, a list a seed.

        The recipe as it is, `base`, needs no training of its own: a whole run begins just so.
        """
        if variant == "base":
            rows = self.base()
        else:
            key = ("training", variant, self.settings)
            rows = [
                row
                for row in self.claims
                if (row["kind"], row.get("variant"), row.get("settings")) == key
            ]
        curves = [[epoch["val_accuracy"] for epoch in row["history"]] for row in rows]
        padded = [
            curve + [GUESSING] * (self.epochs - len(curve)) if row.get("diverged") else curve
            for curve, row in zip(curves, rows, strict=True)
        ]
        return [curve[: self.epochs] for curve in padded if len(curve) >= self.epochs]


def waiting(**parts: bool) -> Finding:
    """Say what an open claim waits for: the parts that are not there yet."""
    missing = " and ".join(PARTS.get(name, _training(name)) for name in parts if not parts[name])
    return Finding("not run yet", "-", "-", OPEN, f"It waits for {missing}.")


def _training(variant: str) -> str:
    return f"the short training `{variant.replace('_', '-')}`"
