"""Score a run's model file on its validation and test pictures, and keep every answer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.evaluation.predictions import prediction_table
from tenfold.evaluation.scores import score
from tenfold.model.file import Answers, Model
from tenfold.run.folder import RunFolder


def score_run(
    folder: RunFolder,
    metrics: dict[str, Any],
    held_back: Dataset,
    rows: NDArray[np.int64],
    questions: Dataset | None,
) -> Answers | None:
    """Answer the held-back and the test pictures; write `predictions.parquet`, `metrics.json`.

    Args:
        folder: the run, whose model file is there.
        metrics: what else `metrics.json` says.
        held_back: the validation pictures; may be empty.
        rows: int64 [len(held_back)], their rows in the training source.
        questions: the test pictures, or None; their labels are read here, once.

    Returns:
        The answers for the test pictures, or None where there are none.
    """
    import polars as pl

    model = Model(folder.model_file, folder.recipe().threads)
    tables = []
    whole: dict[str, Any] = {"validation": None, "test": None, "answered": 0}
    answers = None
    if len(held_back):
        held_answers = model.predict(held_back.images)
        tables.append(
            prediction_table("validation", rows, held_back.labels, held_answers.probabilities)
        )
        scores = score(held_back.known_labels, held_answers.probabilities, held_back.classes)
        whole["validation"] = scores.to_dict()
    if questions is not None:
        answers = model.predict(questions.images)
        numbers = np.arange(len(questions))
        tables.append(prediction_table("test", numbers, questions.labels, answers.probabilities))
        if questions.labels is None:
            whole["answered"] = len(questions)
        else:
            scores = score(questions.labels, answers.probabilities, questions.classes)
            whole["test"] = scores.to_dict()
    if not tables:  # the file is there all the same, and says that there are none
        tables.append(
            prediction_table(
                "test", np.zeros(0, np.int64), None, model.predict(held_back.images).probabilities
            )
        )
    folder.write_predictions(pl.concat(tables))
    folder.write_metrics(metrics | whole)
    return answers
