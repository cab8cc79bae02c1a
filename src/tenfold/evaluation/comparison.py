"""Comparison of two models' predictions for the same images."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images, Labels
from tenfold.evaluation.mcnemar import McNemar, mcnemar_test
from tenfold.evaluation.recipe_comparison import RecipeComparison
from tenfold.evaluation.scores import percent, percent_range, wilson

WIDTH = 80  # columns of a terminal
MAX_LISTED = 6  # differing images that a terminal or Jupyter shows


@dataclass(frozen=True)
class Difference:
    """One image for which A and B predict different classes.

    Args:
        index: its index among the images compared.
        row: its row in the source, from 0.
        label: the name of its class, or None where that is unknown.
        predictions: the classes that A and B predict.
        confidence: the probability of each prediction, 0-1; None where the model has none.
    """

    index: int
    row: int
    label: str | None
    predictions: tuple[str, str]
    confidence: tuple[float | None, float | None]

    @property
    def correct(self) -> str:
        """Name the model that is correct, "A" or "B"; "" for neither, or where that is unknown."""
        return "AB"[self.predictions.index(self.label)] if self.label in self.predictions else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Give its row, its label and both predictions, a line of text each."""
        predicted = (
            f"{name} predicts {prediction}"
            + ("" if confidence is None else f" ({percent(confidence, 1)})")
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
        names: the runs or files of A and B.
        compared_on: what the images are, as "test images of mnist:test".
        rows: int64 [n], each image's row in its source, from 0.
        images: uint8 [n, 28, 28], or None where the source is gone.
        labels: int64 [n], or None where they are unknown.
        probabilities: A's and B's, float32 [n, classes] each; None where a model has none.
        classes: the name of each class.
        recipes: what differs between their recipes, and how those do over seeds where A and B are
            groups of runs; the models compared are then the first of each group.
        leaked: how many of the images each was trained on; of a group, the most of any run; None
            where that is unknown.
        notes: what was noticed and decided on reading the images, a sentence each.
        labels_only: the predicted classes, int64 [n], of a model without probabilities.
    """

    names: tuple[str, str]
    compared_on: str
    rows: NDArray[np.int64]
    images: Images | None
    labels: Labels | None
    probabilities: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]
    classes: tuple[str, ...]
    recipes: RecipeComparison
    leaked: tuple[int | None, int | None] = (0, 0)
    notes: tuple[str, ...] = ()
    labels_only: tuple[Labels | None, Labels | None] = (None, None)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def predictions(self) -> tuple[Labels, Labels]:
        """The predicted class of A and of B, int64 [n] each."""
        a, b = (
            _predicted(*pair) for pair in zip(self.probabilities, self.labels_only, strict=True)
        )
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
        """The images with different predictions, by the sum of both confidences, highest first.

        Where a model has no probabilities the other's decide.
        """
        a, b = self.predictions
        confidence = [
            None if part is None else part.max(axis=1).astype(np.float64)
            for part in self.probabilities
        ]
        total = sum((part for part in confidence if part is not None), np.zeros(len(self)))
        first, second = confidence
        differing = np.flatnonzero(a != b)
        order = np.argsort(-total[differing], kind="stable")
        return tuple(
            Difference(
                index=int(index),
                row=int(self.rows[index]),
                label=None if self.labels is None else self.classes[self.labels[index]],
                predictions=(self.classes[a[index]], self.classes[b[index]]),
                confidence=(
                    None if first is None else float(first[index]),
                    None if second is None else float(second[index]),
                ),
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
        """The result in a few words: about the recipes where they were tested, else the models."""
        if self.recipes.verdict:
            return self.recipes.verdict
        if self.mcnemar:
            return self.mcnemar.verdict
        return f"Predictions differ for {len(self.differences):,} of {len(self):,} images"

    @property
    def reason(self) -> str:
        """The numbers behind the verdict, in a sentence or two."""
        if self.recipes.verdict:
            return self.recipes.reason
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
        """What the verdict does not tell; "" where nothing was tested."""
        if self.mcnemar is None:
            return ""
        if self.recipes.verdict:
            return f"Of two of the models, {' and '.join(self.names)}: {self.mcnemar.verdict}."
        return self.recipes.reason

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
        """Format recipes, tests and the first differences as text within 80 columns."""
        recipes, test = self.recipes, self.mcnemar
        lines = [f"{letter}: {title}" for letter, title in zip("AB", recipes.titles, strict=True)]
        if recipes.differences:
            lines += ["", *_aligned(recipes.differences_table, WIDTH), ""]
        elif recipes.known:
            lines += ["the recipes are the same"]
        lines += _wrapped(f"on {len(self):,} {self.compared_on}")
        lines += [line for note in self.notes for line in _wrapped(f"note: {note}")]
        if recipes.has_groups and recipes.means:
            lines += ["", *_aligned(recipes.table, WIDTH)]
        if recipes.verdict:
            lines += ["", *_wrapped(f"{recipes.verdict}. {recipes.reason}")]
        if test:
            if recipes.has_groups:
                lines += ["", *_wrapped(f"The first run of each, {' and '.join(self.names)}:")]
            for table in (test.accuracy_table, test.contingency_table):
                lines += ["", *_aligned(table, WIDTH)]
            lines += ["", *_wrapped(f"{test.verdict}. {test.reason}")]
            if not recipes.verdict:
                lines += _wrapped(recipes.reason)
        else:
            lines += ["", *_wrapped(f"{self.verdict}. {self.reason}")]
        lines += [line for warning in self.warnings for line in _wrapped(warning)]
        for difference in self.differences[:MAX_LISTED]:
            lines += textwrap.wrap(
                str(difference), WIDTH, initial_indent="  ", subsequent_indent="    "
            )
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
            "recipes": self.recipes.to_dict(),
            "verdict": self.verdict,
            "scope": self.scope,
            "differing": len(self.differences),
            "differences": [asdict(difference) for difference in self.differences],
        }

    def _repr_html_(self) -> str:
        from tenfold.evaluation.result_html import comparison_html

        return comparison_html(self, MAX_LISTED)


def _predicted(probabilities: NDArray[np.float32] | None, labels: Labels | None) -> Labels:
    if probabilities is not None:
        predicted: Labels = probabilities.argmax(axis=1).astype(np.int64)
        return predicted
    assert labels is not None, "a model has probabilities, or labels alone"
    return labels


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _aligned(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Align rows in columns: the first to the left, the others to the right.

    Where they do not fit the width, the widest columns are cut.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * len(widths) > width:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for first, *others in rows:
        cells = [f"  {_cut(first, widths[0]):<{widths[0]}}"]
        cells += [
            _cut(cell, size).rjust(size) for cell, size in zip(others, widths[1:], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
