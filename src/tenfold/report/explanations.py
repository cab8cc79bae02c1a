"""The likely reasons of errors, and the nearest training images of errors and label issues."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation.error_reasons import (
    AMBIGUOUS,
    LABEL_ISSUE,
    MODEL_ERROR,
    NEIGHBOURS,
    OUT_OF_DISTRIBUTION,
    TrainingBaseline,
    error_reasons,
    training_baseline,
)
from tenfold.evaluation.label_issues import LabelIssue
from tenfold.evaluation.label_noise import estimate_label_noise
from tenfold.evaluation.nearest_neighbours import NeighbourIndex, Neighbours
from tenfold.evaluation.scores import percent
from tenfold.evaluation.top_errors import TopError
from tenfold.report import raster
from tenfold.report.formatting import keep_percent_together
from tenfold.report.report_data import ReportData, ScoredSplit

BASELINE_IMAGES = 1000  # training images that the baseline is measured on: 1.5 s among 60,000


@dataclass(frozen=True)
class NeighbourLabel:
    """The label of a neighbour; `matches` is "predicted" or "labelled" where it is that class."""

    name: str
    matches: str


@dataclass(frozen=True)
class NeighbourStrip:
    """The nearest training images of one image: side by side in one PNG, and their labels."""

    image: str
    labels: list[NeighbourLabel]

    @property
    def label_counts(self) -> list[tuple[NeighbourLabel, int]]:
        """The number of each label, for names that are too long to stand under an image."""
        return list(Counter(self.labels).items())


@dataclass(frozen=True, eq=False)
class ExplainedErrors:
    """Errors with their likely reasons, and the training images that these rest on."""

    train_set: Dataset
    neighbours: Neighbours
    baseline: TrainingBaseline
    reasons: list[str]

    @property
    def summary(self) -> list[tuple[str, int, str]]:
        """Each reason in the order of the tests, its number of errors, and its definition."""
        counts = Counter(self.reasons)
        definitions = {
            OUT_OF_DISTRIBUTION: "The nearest training image has a similarity below "
            f"{self.baseline.similarity:.2f}, which 99 % of the training images exceed.",
            AMBIGUOUS: "The label is the second most probable class, with at least half of the "
            "prediction's probability.",
            LABEL_ISSUE: f"Most of the {NEIGHBOURS} nearest training images have the predicted "
            f"class as their label, and the confidence is at least "
            f"{percent(self.baseline.confidence, 1)}, as for 99 % of the training images; and with "
            "all of the model's errors considered, the label is more probably wrong than right.",
            MODEL_ERROR: "All other errors.",
        }
        return [
            (reason, counts[reason], keep_percent_together(text))
            for reason, text in definitions.items()
        ]


def explain_errors(
    report_data: ReportData, scored: ScoredSplit, errors: Sequence[TopError]
) -> ExplainedErrors:
    """Find the likely reason of each error, from the training images and the model file.

    Args:
        report_data: the run.
        scored: the split that the errors are in.
        errors: one or more.
    """
    held_out = report_data.validation.ids if report_data.validation else np.empty(0, np.int64)
    train_rows = np.setdiff1d(np.arange(len(report_data.train)), held_out)
    train_set = report_data.train.subset(train_rows)
    index = NeighbourIndex(train_set.images)
    sample = np.linspace(0, len(train_set) - 1, min(BASELINE_IMAGES, len(train_set)))
    sample_rows = sample.astype(np.int64)
    images = train_set.images[sample_rows]
    predictions = report_data.model.predict(images)
    baseline = training_baseline(
        predictions.probabilities, index.query(images, 1, exclude=sample_rows)
    )
    rows = [error.index for error in errors]
    is_training = scored.split == "out_of_fold"
    itself = np.searchsorted(train_rows, scored.ids[rows]) if is_training else None
    neighbours = index.query(scored.images[rows], NEIGHBOURS, exclude=itself)
    reasons = error_reasons(
        errors,
        scored.probabilities[rows],
        neighbours,
        train_set.require_labels(),
        baseline,
        estimate_label_noise(scored.labels, scored.probabilities).wrong[rows],
    )
    return ExplainedErrors(train_set, neighbours, baseline, reasons)


def label_issue_neighbours(
    train_set: Dataset, scored: ScoredSplit, label_issues: Sequence[LabelIssue]
) -> list[NeighbourStrip]:
    """Draw the nearest other training images of each label issue.

    Args:
        train_set: the training source.
        scored: its images with out-of-fold predictions, which `label_issues` index.
        label_issues: may be none.
    """
    if not label_issues:
        return []
    rows = [issue.index for issue in label_issues]
    neighbours = NeighbourIndex(train_set.images).query(
        scored.images[rows], NEIGHBOURS, exclude=scored.ids[rows]
    )
    return neighbour_strips(train_set, neighbours, label_issues)


def neighbour_strips(
    train_set: Dataset, neighbours: Neighbours, errors: Sequence[TopError]
) -> list[NeighbourStrip]:
    """Draw the nearest training images of each error; `neighbours` may have more rows."""
    labels, classes = train_set.require_labels(), train_set.classes
    return [
        NeighbourStrip(
            raster.png_uri(raster.tiled(train_set.images[indices], NEIGHBOURS, gap=2)),
            [
                NeighbourLabel(classes[label], _match(int(label), error))
                for label in labels[indices]
            ],
        )
        for error, indices in zip(errors, neighbours.indices, strict=False)
    ]


def _match(label: int, error: TopError) -> str:
    return {error.prediction: "predicted", error.label: "labelled"}.get(label, "")
