"""The rows that verdicts rest on, and the shape of a verdict."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.core.benchmark import command
from benchmarks.core.store import Row
from benchmarks.notebook.claims.work import NO_AUGMENTATION

HOLDS, FAILS, OPEN = "holds", "does not hold", "open"
PARTS = {
    "base": f"full runs of the recipe (`{command('notebook', 'tenfold', '--seed', '0')}`)",
    "no_augmentation": "full runs without augmentation",
    "counts": "a count of the training table",
    "parameters": "a count of the weights",
    "shares": "the class shares of 1,000 splits",
    "gpu": "a machine with a GPU",
}
CHANCE = 0.1  # the accuracy of a network that diverged


@dataclass(frozen=True)
class Finding:
    """What was found of a claim: short cells for the table, `detail` for its paragraph."""

    measured: str
    n: str
    interval: str
    verdict: str
    detail: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim of the notebook in our words, how it is tested, and the rule of its verdict."""

    key: str
    claim: str
    test: str
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
        """Return the newest row of a kind that is measured once, or None."""
        return next((row for row in reversed(self.claims) if row["kind"] == kind), None)

    def base(self) -> list[Row]:
        """Return the full runs of the notebook's recipe, as it is."""
        return self._full(self.settings)

    def no_augmentation(self) -> list[Row]:
        """Return the full runs without augmentation."""
        return self._full([*NO_AUGMENTATION, *self.settings])

    def _full(self, settings: list[str]) -> list[Row]:
        return [
            row for row in self.notebook if row["kind"] == "tenfold" and row["settings"] == settings
        ]

    def curves(self, variant: str) -> list[list[float]]:
        """Return the validation accuracy after each of the first epochs, a list per seed.

        The recipe as it is, `base`, needs no training of its own: it is how a full run begins.
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
            curve + [CHANCE] * (self.epochs - len(curve)) if row.get("diverged") else curve
            for curve, row in zip(curves, rows, strict=True)
        ]
        return [curve[: self.epochs] for curve in padded if len(curve) >= self.epochs]


def waiting(**parts: bool) -> Finding:
    """Return an open finding that names the parts which are not measured yet."""
    missing = " and ".join(PARTS.get(name, _training(name)) for name in parts if not parts[name])
    return Finding("not measured yet", "-", "-", OPEN, f"It needs {missing}.")


def _training(variant: str) -> str:
    return f"the short training `{variant.replace('_', '-')}`"
