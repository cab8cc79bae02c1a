"""Labels that are likely wrong, found from answers of networks that had not seen the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels
from tenfold.evaluation.top_errors import TopError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class LabelIssue(TopError):
    """One label that is likely wrong: the prediction is the likely one.

    `score` is the quality of the label, within 0-1: the lower, the more likely wrong.
    """

    score: float


def find_label_issues(labels: Labels, probabilities: NDArray[np.float32]) -> list[LabelIssue]:
    """Find the labels that are likely wrong, the most likely wrong first.

    Confident learning (Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in
    Dataset Labels"), by cleanlab: it counts the pictures that are read as another class as surely
    as that class's own pictures are, corrects the counts for how many of each class there are, and
    so estimates how many labels are wrong. That many are given, those of the lowest quality: the
    probability of the label, taken relative to what labels of its class get. A picture that was
    read as its label says is no label issue.

    Of cleanlab's ways this one was chosen on 6,000 of MNIST's training pictures, 60 labels flipped
    at random: precision 0.95 and recall 0.95, where `prune_by_class` has 0.88 and 0.88,
    `prune_by_noise_rate` 0.83 and 0.80, `both` 0.96 and 0.77, `confident_learning` 0.98 and 0.72.
    Of 0, 15, 30 and 60 flipped labels the count makes 1, 15, 25 and 60. On 10,000 others, with 100
    flipped, precision is 0.96 and recall 0.90 (`python -m benchmarks.flipped`). Networks that read
    worse make it guess: at 9 % of errors half of those found were flipped, and half of the
    flipped were found.

    Args:
        labels: int64 [n], class indices, at least two classes among them.
        probabilities: float32 [n, classes], each row from a network that did not learn from that
            picture: those of folds. Networks that did have learned the wrong labels too.

    Returns:
        The label_issues; none where the answers give no cause.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    shares = probabilities.astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    count = num_label_issues(labels, shares, estimation_method="off_diagonal_calibrated")
    quality = get_label_quality_scores(
        labels, shares, method="self_confidence", adjust_pred_probs=True
    )
    likely = shares.argmax(axis=1)
    return [
        LabelIssue(
            index=int(row),
            label=int(labels[row]),
            prediction=int(likely[row]),
            label_probability=float(shares[row, labels[row]]),
            prediction_probability=float(shares[row, likely[row]]),
            gap=float(shares[row, likely[row]] - shares[row, labels[row]]),
            score=float(quality[row]),
        )
        for row in np.argsort(quality, kind="stable")[:count]
        if likely[row] != labels[row]
    ]


def label_issues_table(
    label_issues: Sequence[LabelIssue], rows: NDArray[np.int64], classes: Sequence[str]
) -> "pl.DataFrame":
    """Lay label_issues out as a table, the most likely wrong first.

    Args:
        label_issues: as `find_label_issues` gives them.
        rows: int64 [n], the row in the training source, from 0, of each picture that was judged.
        classes: the name of each class.

    Returns:
        The columns `rank` (from 1), `row` (Int64), `given` and `likely` (String, class names),
        `score`, `given_probability` and `likely_probability` (Float64, 0-1, rounded to six places).
    """
    import polars as pl

    columns = {
        "rank": list(range(1, len(label_issues) + 1)),
        "row": [int(rows[issue.index]) for issue in label_issues],
        "given": [classes[issue.label] for issue in label_issues],
        "likely": [classes[issue.prediction] for issue in label_issues],
        "score": [round(issue.score, 6) for issue in label_issues],
        "given_probability": [round(issue.label_probability, 6) for issue in label_issues],
        "likely_probability": [round(issue.prediction_probability, 6) for issue in label_issues],
    }
    whole, text, real = pl.Int64, pl.String, pl.Float64
    return pl.DataFrame(
        columns,
        schema=dict(zip(columns, (whole, whole, text, text, real, real, real), strict=True)),
    )
