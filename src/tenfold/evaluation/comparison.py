"""Comparison of two models' predictions for the same images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images, Labels
from tenfold.evaluation.mcnemar import McNemar, mcnemar_test
from tenfold.evaluation.scores import percent, percent_range, wilson

MAX_LISTED = 6  # differing images that a terminal or Jupyter shows


@dataclass(frozen=True)
class Difference:
    """One image for which A and B predict different classes.

    Args:
        index: its index among the images compared.
        row: its row in the source, from 0.
        label: the name of its class, or None where that is unknown.
        predictions: the classes that A and B predict.
        confidence: the probability of each prediction, 0-1.
    """

    index: int
    row: int
    label: str | None
    predictions: tuple[str, str]
    confidence: tuple[float, float]

    @property
    def correct(self) -> str:
        """Name the model that is correct, "A" or "B"; "" for neither, or where that is unknown."""
        return "AB"[self.predictions.index(self.label)] if self.label in self.predictions else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Give its row, its label and both predictions, a line of text each."""
        predicted = (
            f"{name} predicts {prediction} ({percent(confidence, 1)})"
            for name, prediction, confidence in zip(
                "AB", self.predictions, self.confidence, strict=True
            )
        )
        label = () if self.label is None else (f"label {self.label}",)
        return (f"row {self.row}", *label, *predicted)

    def __str__(self) -> str:
        first, *others = self.lines
        return f"{first}: {', '.join(others)}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The predictions of two models, A and B, for the same n images; shown as HTML in Jupyter.

    Args:
        names: A and B, as the user named them.
        compared_on: what the images are, as "test images of mnist:test".
        rows: int64 [n], each image's row in its source, from 0.
        images: uint8 [n, 28, 28], or None where the source is gone.
        labels: int64 [n], or None where they are unknown.
        probabilities: A's and B's, float32 [n, classes] each.
        classes: the name of each class.
        leaked: how many of the images each model was trained on.
        same_recipe: whether both were trained by one recipe, whatever the seed and the machine.
        notes: what was noticed and decided on reading the images, a sentence each.
    """

    names: tuple[str, str]
    compared_on: str
    rows: NDArray[np.int64]
    images: Images | None
    labels: Labels | None
    probabilities: tuple[NDArray[np.float32], NDArray[np.float32]]
    classes: tuple[str, ...]
    leaked: tuple[int, int] = (0, 0)
    same_recipe: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def predictions(self) -> tuple[Labels, Labels]:
        """The predicted class of A and of B, int64 [n] each."""
        a, b = (part.argmax(axis=1).astype(np.int64) for part in self.probabilities)
        return a, b

    @cached_property
    def mcnemar(self) -> McNemar | None:
        """McNemar's test of the two accuracies; None without labels."""
        if self.labels is None:
            return None
        a, b = self.predictions
        return mcnemar_test(a == self.labels, b == self.labels)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The images with different predictions, by the sum of both confidences, highest first."""
        a, b = self.predictions
        confidence = tuple(part.max(axis=1).astype(np.float64) for part in self.probabilities)
        differing = np.flatnonzero(a != b)
        order = np.argsort(-(confidence[0] + confidence[1])[differing], kind="stable")
        return tuple(
            Difference(
                index=int(index),
                row=int(self.rows[index]),
                label=None if self.labels is None else self.classes[self.labels[index]],
                predictions=(self.classes[a[index]], self.classes[b[index]]),
                confidence=(float(confidence[0][index]), float(confidence[1][index])),
            )
            for index in differing[order]
        )

    @property
    def groups(self) -> dict[str, list[Difference]]:
        """The differences by the model that is correct; one group where labels are unknown."""
        if self.labels is None:
            return {"Different predictions": list(self.differences)}
        titles = {
            "A": "Only A is correct",
            "B": "Only B is correct",
            "": "Both wrong, with different predictions",
        }
        return {
            title: [difference for difference in self.differences if difference.correct == name]
            for name, title in titles.items()
        }

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if self.mcnemar:
            return self.mcnemar.verdict
        return f"Predictions differ for {len(self.differences):,} of {len(self):,} images"

    @property
    def reason(self) -> str:
        """The numbers behind the verdict, in a sentence or two."""
        if self.mcnemar:
            return self.mcnemar.reason
        share = len(self.differences) / len(self)
        interval = percent_range(wilson(len(self.differences), len(self)))
        return (
            f"That is {percent(share)} (95 % interval {interval}). The images have no labels, so "
            "neither model can be scored."
        )

    @property
    def scope(self) -> str:
        """What one pair of models cannot tell; "" where nothing was tested."""
        if self.mcnemar is None:
            return ""
        if self.same_recipe:
            return (
                "Both have the same recipe, so a difference is one of seeds or of training images, "
                "and another pair may differ the other way."
            )
        return (
            "That is about these two models, one training each, and not about their recipes: the "
            "same recipe with another seed errs on other images. To choose between recipes, train "
            "each with several seeds."
        )

    @property
    def warnings(self) -> list[str]:
        """A sentence for each model that was trained on some of the images."""
        return [
            f"{name} was trained on {count:,} of these images, so the comparison is biased"
            for name, count in zip("AB", self.leaked, strict=True)
            if count
        ]

    def __str__(self) -> str:
        lines = [f"{self.verdict}. {self.reason}", self.scope, *self.warnings]
        return "\n".join(line for line in lines if line)

    def to_text(self) -> str:
        """Format accuracies, contingency table, verdict and the first differences as text."""
        lines = [f"{letter}: {name}" for letter, name in zip("AB", self.names, strict=True)]
        lines.append(f"on {len(self):,} {self.compared_on}")
        lines += [f"note: {note}" for note in self.notes]
        if self.mcnemar:
            for table in (self.mcnemar.accuracy_table, self.mcnemar.contingency_table):
                lines += ["", *_aligned(table)]
        lines += ["", str(self), *(f"  {row}" for row in self.differences[:MAX_LISTED])]
        more = len(self.differences) - MAX_LISTED
        return "\n".join([*lines, f"  and {more:,} more"] if more > 0 else lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON; pairs are A's and B's."""
        return {
            "names": list(self.names),
            "compared_on": self.compared_on,
            "n": len(self),
            "leaked": list(self.leaked),
            "notes": list(self.notes),
            "mcnemar": self.mcnemar.to_dict() if self.mcnemar else None,
            "same_recipe": self.same_recipe,
            "scope": self.scope,
            "differing": len(self.differences),
            "differences": [asdict(difference) for difference in self.differences],
        }

    def _repr_html_(self) -> str:
        from tenfold.evaluation.result_html import comparison_html

        return comparison_html(self, MAX_LISTED)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align rows in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([f"  {row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
