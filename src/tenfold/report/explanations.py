"""Likely reasons of errors, and labels that are likely wrong, as the report shows them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.label_issues import LabelIssue
from tenfold.evaluation.neighbours import Nearest, Neighbourhood
from tenfold.evaluation.reasons import (
    AMBIGUOUS,
    NEAREST,
    OWN_FAULT,
    SUSPECT,
    UNLIKE,
    TrainingBaseline,
    baseline,
    reasons,
)
from tenfold.evaluation.scores import percent
from tenfold.evaluation.top_errors import TopError
from tenfold.model.file import Model
from tenfold.report import raster
from tenfold.report.format import unbroken
from tenfold.report.report_data import ReportData, ScoredSplit

MEASURED = 1000  # pictures learned from, that say what is usual: 1.5 s among 60,000
DRAWN_SUSPECTS = 96  # label_issues.csv has them all
OPEN_SUSPECTS = 12  # the others are folded away


@dataclass(frozen=True)
class Neighbour:
    """The label of a picture nearby, and whether it is the answer's ("answer") or "truth"'s."""

    label: str
    side: str


@dataclass(frozen=True)
class Row:
    """The nearest pictures of one picture: side by side in one PNG, and what they are."""

    picture: str
    neighbours: list[Neighbour]

    @property
    def counted(self) -> list[tuple[Neighbour, int]]:
        """How many there are of each label, for names that have no room beneath a picture."""
        return list(Counter(self.neighbours).items())


@dataclass(frozen=True, eq=False)
class Explained:
    """Errors with their reasons: what was usual, and the nearest pictures learned from."""

    learned: Dataset
    nearest: Nearest
    usual: TrainingBaseline
    reasons: list[str]

    @property
    def told(self) -> list[tuple[str, int, str]]:
        """Each reason in the order of the trial, how many errors have it, and how it is told."""
        counted = Counter(self.reasons)
        how = {
            UNLIKE: "Even the nearest training picture is farther off than it is for 99 in 100 "
            f"training pictures: less than {self.usual.near:.2f} alike.",
            AMBIGUOUS: "The label came second, with at least half of the answer's probability.",
            SUSPECT: "Most of the five nearest training pictures carry the answer, and the network "
            f"is as sure of it as of 99 in 100 training pictures: {percent(self.usual.sure, 1)} or "
            "more.",
            OWN_FAULT: "All others.",
        }
        return [(reason, counted[reason], unbroken(text)) for reason, text in how.items()]


def explain(report_data: ReportData, shown: ScoredSplit, errors: Sequence[TopError]) -> Explained:
    """Find the reason of each error, from the pictures learned from and the model file's answers.

    Args:
        report_data: the run.
        shown: the answered set that the errors are in.
        errors: one or more.
    """
    held_back = report_data.validation.ids if report_data.validation else np.empty(0, np.int64)
    rows = np.setdiff1d(np.arange(len(report_data.train)), held_back)
    learned = report_data.train.subset(rows)
    neighbourhood = Neighbourhood(learned.images)
    sample = np.linspace(0, len(learned) - 1, min(MEASURED, len(learned))).astype(np.int64)
    images = learned.images[sample]
    answers = Model(report_data.run.model_file, report_data.recipe.threads).predict(images)
    usual = baseline(answers.probabilities, neighbourhood.nearest(images, 1, itself=sample))
    places = [error.index for error in errors]
    itself = np.searchsorted(rows, shown.ids[places]) if shown.split == "out_of_fold" else None
    nearest = neighbourhood.nearest(shown.images[places], NEAREST, itself)
    found = reasons(errors, shown.probabilities[places], nearest, learned.require_labels(), usual)
    return Explained(learned, nearest, usual, found)


def suspects_nearby(
    train: Dataset, judged: ScoredSplit, label_issues: Sequence[LabelIssue]
) -> list[Row]:
    """Show the nearest other training pictures of each issue.

    Args:
        train: the training source.
        judged: its pictures, answered out of fold, that the label_issues are among.
        label_issues: may be none.
    """
    if not label_issues:
        return []
    places = [issue.index for issue in label_issues]
    nearest = Neighbourhood(train.images).nearest(
        judged.images[places], NEAREST, itself=judged.ids[places]
    )
    return nearby(train, nearest, label_issues)


def nearby(learned: Dataset, nearest: Nearest, errors: Sequence[TopError]) -> list[Row]:
    """Show the nearest pictures of each error; `nearest` may have more of them than there are."""
    labels, classes = learned.require_labels(), learned.classes
    return [
        Row(
            raster.data_uri(raster.png(raster.tiled(learned.images[indices], NEAREST, gap=2))),
            [Neighbour(classes[label], _side(int(label), error)) for label in labels[indices]],
        )
        for error, indices in zip(errors, nearest.indices, strict=False)
    ]


def _side(label: int, error: TopError) -> str:
    return {error.prediction: "answer", error.label: "truth"}.get(label, "")
