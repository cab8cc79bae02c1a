"""Score a run's model file on pictures that it has not learned from, and keep every answer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.split import Indices
from tenfold.evaluation.predictions import prediction_table
from tenfold.evaluation.scores import score
from tenfold.model.file import Model, Predictions
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.plan import Part

Probabilities = NDArray[np.float32]


def score_run(
    folder: RunFolder,
    metrics: dict[str, Any],
    digits: Dataset,
    parts: list[Part],
    questions: Dataset | None,
    answers: Predictions,
) -> None:
    """Answer what was kept from training; write `predictions.parquet` and `metrics.json`.

    The validation pictures of a run without folds and the test pictures are answered by the run's
    model file, each training picture of a run with folds by the file of the network that has not
    seen it. Members answer the test pictures, or else the validation pictures, one by one too.

    Args:
        folder: the run, whose model files are there.
        metrics: what else `metrics.json` says.
        digits: the training source.
        parts: the pictures of each network.
        questions: the test pictures, or None; their labels are read here, once.
        answers: those of the run's model file to the test pictures; where there are none, to
            others, and not looked at.
    """
    import polars as pl

    model = Model(folder.model_file, folder.recipe().threads)
    whole: dict[str, Any] = dict.fromkeys(("validation", "out_of_fold", "test"))
    whole["answered"] = 0
    tables = [
        prediction_table("test", np.arange(0), None, np.zeros((0, len(digits.classes)), "f4"))
    ]

    def keep(name: str, rows: Indices, asked: Dataset, said: Probabilities) -> None:
        tables.append(prediction_table(name, rows, asked.labels, said))
        if asked.labels is not None:
            whole[name] = score(asked.labels, said, digits.classes).to_dict()

    if folder.recipe().folds:
        keep("out_of_fold", np.arange(len(digits)), digits, _out_of_fold(folder, digits, parts))
    elif len(rows := parts[0].validation):
        held_back = digits.subset(rows)
        keep("validation", rows, held_back, model.predict(held_back.images).probabilities)
    if questions is not None:
        keep("test", np.arange(len(questions)), questions, answers.probabilities)
        whole["answered"] = len(questions) if questions.labels is None else 0
    if len(parts) > 1 and not folder.recipe().folds:
        asked = digits.subset(parts[0].validation) if questions is None else questions
        whole["members"] = _members(folder, asked, parts) if len(asked) else None
    folder.write_predictions(pl.concat(tables))
    folder.write_metrics(metrics | whole)


def _members(folder: RunFolder, asked: Dataset, parts: list[Part]) -> dict[str, Any]:
    """Let each member answer alone: how right each is, and on how many pictures they differ."""
    labels = np.stack(
        [
            Model(folder.part(part.place).model_file, part.recipe.threads)
            .predict(asked.images)
            .labels
            for part in parts
        ]
    )
    right = None if asked.labels is None else (labels == asked.labels).mean(axis=1).tolist()
    return {
        "n": len(asked),
        "source": asked.source,
        "accuracy": right,
        "disagreed": int((labels != labels[0]).any(axis=0).sum()),
    }


def _out_of_fold(folder: RunFolder, digits: Dataset, parts: list[Part]) -> Probabilities:
    """Answer each picture, float32 [n, classes], by the network that it was left out of."""
    answers = np.zeros((len(digits), len(digits.classes)), np.float32)
    for part in parts:
        model = Model(folder.part(part.place).model_file, part.recipe.threads)
        answers[part.left_out] = model.predict(digits.images[part.left_out]).probabilities
    return answers
