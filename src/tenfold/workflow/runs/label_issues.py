"""Keep the list of a run's label issues."""

from typing import TYPE_CHECKING

import numpy as np

from tenfold.evaluation.label_issues import find_label_issues, label_issues_table
from tenfold.run.folder import RunFolder
from tenfold.run.records import LabelIssuesRecord

if TYPE_CHECKING:
    import polars as pl


def save_label_issues(
    folder: RunFolder, predictions: "pl.DataFrame", classes: tuple[str, ...]
) -> LabelIssuesRecord | None:
    """Write `label_issues.csv` of a run with out-of-fold predictions; without, no file.

    Args:
        folder: the run.
        predictions: its table of predictions; the rows "out_of_fold" are judged.
        classes: the class names.

    Returns:
        What `metrics.json` says of them; None without out-of-fold predictions.
    """
    judged = predictions.filter(predictions["split"] == "out_of_fold")
    if not len(judged):
        return None
    columns = [f"p{index}" for index in range(len(classes))]
    probabilities = np.ascontiguousarray(judged.select(columns).to_numpy())
    found = find_label_issues(judged["label"].to_numpy(), probabilities)
    folder.write_label_issues(label_issues_table(found.issues, judged["id"].to_numpy(), classes))
    return LabelIssuesRecord(
        n=len(found),
        expected_precision=found.expected_precision,
        unjudged=tuple(classes[index] for index in found.unjudged),
    )
