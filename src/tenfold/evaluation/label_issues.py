"""Label issues: labels that are likely wrong, from out-of-fold predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels
from tenfold.data.escape import csv_cell
from tenfold.evaluation.label_noise import LIKELY, estimate_label_noise
from tenfold.evaluation.top_errors import TopError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class LabelIssue(TopError):
    """One label that is likely wrong; `prediction` is the likely class.

    `score` is the label quality, within 0-1: the lower, the more likely wrong. `wrong` is the
    estimated probability that the label is wrong, at least 0.5.
    """

    score: float
    wrong: float


@dataclass(frozen=True)
class LabelIssues:
    """The labels that are likely wrong, the most likely first, and what cannot be judged.

    Args:
        issues: may be none.
        unjudged: the indices of the classes that the predictions are too often wrong on.
    """

    issues: tuple[LabelIssue, ...]
    unjudged: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.issues)

    @property
    def expected_precision(self) -> float | None:
        """The share (0-1) of the issues whose label is expected to be wrong; None without any."""
        if not self.issues:
            return None
        return sum(issue.wrong for issue in self.issues) / len(self.issues)


def find_label_issues(labels: Labels, probabilities: NDArray[np.float32]) -> LabelIssues:
    """Find the labels that are likely wrong, the most likely first.

    Confident learning (Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in
    Dataset Labels"), by cleanlab: it counts the images that are predicted as another class as
    confidently as that class's own images are, corrects the counts for the class balance, and
    so estimates how many labels are wrong. That many are given, those of the lowest quality: the
    probability of the label, relative to what labels of its class get. An image whose prediction
    equals its label is no label issue, nor is one whose label, by what the model can know, is
    more probably right than wrong (`estimate_label_noise`): weak networks err as confidently.

    Of cleanlab's ways this one was chosen on 6,000 of MNIST's training images, 60 labels flipped
    at random: precision 0.95 and recall 0.95, where `prune_by_class` has 0.88 and 0.88,
    `prune_by_noise_rate` 0.83 and 0.80, `both` 0.96 and 0.77, `confident_learning` 0.98 and 0.72.
    Of 0, 15, 30 and 60 flipped labels the count makes 1, 15, 25 and 60. On 10,000 others, with 100
    flipped, precision is 0.96 and recall 0.90 (`python -m benchmarks run label-noise`).

    Args:
        labels: int64 [n], class indices, at least two classes among them.
        probabilities: float32 [n, classes], out-of-fold: each row from a network that was not
            trained on that image. Networks that were have learned the wrong labels too.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    normalised = probabilities.astype(np.float64)
    normalised /= normalised.sum(axis=1, keepdims=True)
    count = num_label_issues(labels, normalised, estimation_method="off_diagonal_calibrated")
    quality = get_label_quality_scores(
        labels, normalised, method="self_confidence", adjust_pred_probs=True
    )
    noise = estimate_label_noise(labels, probabilities)
    predictions = probabilities.argmax(axis=1)
    issues = tuple(
        LabelIssue(
            index=int(row),
            label=int(labels[row]),
            prediction=int(predictions[row]),
            label_probability=float(normalised[row, labels[row]]),
            prediction_probability=float(normalised[row, predictions[row]]),
            gap=float(normalised[row, predictions[row]] - normalised[row, labels[row]]),
            score=float(quality[row]),
            wrong=float(noise.wrong[row]),
        )
        for row in np.argsort(quality, kind="stable")[:count]
        if noise.wrong[row] >= LIKELY
    )
    return LabelIssues(issues, tuple(np.flatnonzero(~noise.judged).tolist()))


def label_issues_table(
    label_issues: Sequence[LabelIssue], rows: NDArray[np.int64], classes: Sequence[str]
) -> "pl.DataFrame":
    """Make a table of label issues, in their order.

    Args:
        label_issues: as `find_label_issues` gives them.
        rows: int64 [n], each predicted image's row in the training source, from 0.
        classes: the name of each class.

    Returns:
        The columns `rank` (from 1), `row` (Int64), `given` and `likely` (String, class names),
        `score`, `given_probability`, `likely_probability` and `wrong_probability` (Float64, 0-1,
        rounded to six places).
    """
    import polars as pl

    columns = {
        "rank": list(range(1, len(label_issues) + 1)),
        "row": [int(rows[issue.index]) for issue in label_issues],
        "given": [csv_cell(classes[issue.label]) for issue in label_issues],
        "likely": [csv_cell(classes[issue.prediction]) for issue in label_issues],
        "score": [round(issue.score, 6) for issue in label_issues],
        "given_probability": [round(issue.label_probability, 6) for issue in label_issues],
        "likely_probability": [round(issue.prediction_probability, 6) for issue in label_issues],
        "wrong_probability": [round(issue.wrong, 6) for issue in label_issues],
    }
    integer, text, real = pl.Int64, pl.String, pl.Float64
    return pl.DataFrame(
        columns,
        schema=dict(
            zip(columns, (integer, integer, text, text, real, real, real, real), strict=True)
        ),
    )
