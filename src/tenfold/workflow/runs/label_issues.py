"""Keep the list of a run's label label_issues."""

import numpy as np

from tenfold.evaluation.label_issues import find_label_issues, label_issues_table
from tenfold.run.folder import RunFolder


def save_label_issues(folder: RunFolder) -> None:
    """Write `label_issues.csv` of a run that has answers by networks that had not seen the picture.

    Args:
        folder: the run; the rows "out_of_fold" of its `predictions.parquet` are judged. Without
            such rows no file is written.
    """
    table = folder.predictions()
    judged = table.filter(table["split"] == "out_of_fold")
    if not len(judged):
        return
    classes = folder.environment()["classes"]
    answers = judged.select([f"p{index}" for index in range(len(classes))]).to_numpy()
    label_issues = find_label_issues(judged["label"].to_numpy(), np.ascontiguousarray(answers))
    folder.write_label_issues(label_issues_table(label_issues, judged["id"].to_numpy(), classes))
