"""Keep the list of a run's label suspects."""

import numpy as np

from tenfold.evaluation.suspects import find_suspects, suspects_table
from tenfold.run.folder import RunFolder


def keep_suspects(folder: RunFolder) -> None:
    """Write `suspects.csv` of a run that has answers by networks that had not seen the picture.

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
    suspects = find_suspects(judged["label"].to_numpy(), np.ascontiguousarray(answers))
    folder.write_suspects(suspects_table(suspects, judged["id"].to_numpy(), classes))
