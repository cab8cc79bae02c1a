"""Score a run's model file on images that it was not trained on, and keep every prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.split import Indices
from tenfold.evaluation.predictions import prediction_table
from tenfold.evaluation.scores import score
from tenfold.model.file import Model, Predictions
from tenfold.run.records import MemberScores, SplitScores
from tenfold.workflow.runs.plan import Plan, TrainJob

if TYPE_CHECKING:
    import polars as pl

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RunScores:
    """What a run's models predicted for images that they were not trained on.

    Args:
        predictions: a row an image, as `predictions.parquet` has it.
        validation, out_of_fold, test: the scores of each split, or None.
        unlabelled: test images that were predicted and have no label.
        members: how the members did, each alone; None where there are none.
    """

    predictions: "pl.DataFrame"
    validation: SplitScores | None
    out_of_fold: SplitScores | None
    test: SplitScores | None
    unlabelled: int
    members: MemberScores | None


def score_run(
    plan: Plan,
    jobs: Sequence[TrainJob],
    model: Model,
    networks: Sequence[Model],
    test_predictions: Predictions | None,
) -> RunScores:
    """Predict and score what was kept from training.

    The validation images of a run without folds and the test images are predicted by the run's
    model, each training image of a run with folds by the network that has not seen it. Members
    predict the test images, or else the validation images, one by one too.

    Args:
        plan: the run; the test labels are read here, once.
        jobs: the networks of the run.
        model: the run's model.
        networks: the model of each network, where there are several.
        test_predictions: `model`'s for the test images, or None where there are none.
    """
    import polars as pl

    train_set, test_set = plan.train_set, plan.test_set
    none = np.zeros((0, len(train_set.classes)), np.float32)
    tables = [prediction_table("test", np.arange(0), None, none)]
    scores: dict[str, SplitScores] = {}

    def keep(split: str, dataset: Dataset, rows: Indices, probabilities: Probabilities) -> None:
        tables.append(prediction_table(split, rows, dataset.labels, probabilities))
        if dataset.labels is not None:
            found = score(dataset.labels, probabilities, train_set.classes)
            scores[split] = msgspec.convert(found.to_dict(), SplitScores)

    if plan.recipe.folds:
        probabilities = _out_of_fold(train_set, jobs, networks)
        keep("out_of_fold", train_set, np.arange(len(train_set)), probabilities)
    elif len(rows := jobs[0].validation):
        val_set = train_set.subset(rows)
        keep("validation", val_set, rows, model.predict(val_set.images).probabilities)
    if test_set is not None and test_predictions is not None:
        keep("test", test_set, np.arange(len(test_set)), test_predictions.probabilities)
    members = None
    if plan.recipe.members > 1:
        test = plan.matched_test_set
        compared = train_set.subset(jobs[0].validation) if test is None else test
        members = _member_scores(compared, networks) if len(compared) else None
    return RunScores(
        predictions=pl.concat(tables),
        validation=scores.get("validation"),
        out_of_fold=scores.get("out_of_fold"),
        test=scores.get("test"),
        unlabelled=len(test_set) if test_set is not None and test_set.labels is None else 0,
        members=members,
    )


def _member_scores(dataset: Dataset, networks: Sequence[Model]) -> MemberScores:
    """Let each member predict alone: how accurate each is, and how often they differ."""
    labels = np.stack([model.predict(dataset.images).labels for model in networks])
    accuracy = None
    if dataset.labels is not None:
        accuracy = tuple((labels == dataset.labels).mean(axis=1).tolist())
    return MemberScores(
        n=len(dataset),
        source=dataset.source,
        accuracy=accuracy,
        disagreed=int((labels != labels[0]).any(axis=0).sum()),
    )


def _out_of_fold(
    train_set: Dataset, jobs: Sequence[TrainJob], networks: Sequence[Model]
) -> Probabilities:
    """Predict each image, float32 [n, classes], by the network that it was held out from."""
    probabilities = np.zeros((len(train_set), len(train_set.classes)), np.float32)
    for job, model in zip(jobs, networks, strict=True):
        images = train_set.images[job.held_out]
        probabilities[job.held_out] = model.predict(images).probabilities
    return probabilities
