"""What the report and the model card are made from: a run, as it was made or as it was read."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images, Labels
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import Scores, score
from tenfold.evaluation.top_errors import TopError, top_errors
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.run.records import Environment, Metrics

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class ScoredSplit:
    """The predictions for one labelled split of n images.

    `split` is "test", "out_of_fold" or "validation"; `ids` int64 [n] are the images' rows in
    their source; `images` uint8 [n, 28, 28]; `labels` int64 [n]; `probabilities` float32
    [n, classes].
    """

    split: str
    ids: NDArray[np.int64]
    images: Images
    labels: Labels
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The split, as written in a sentence."""
        return self.split.replace("_", "-")

    @cached_property
    def predictions(self) -> Labels:
        """The predicted classes, int64 [n]."""
        predictions: Labels = self.probabilities.argmax(axis=1).astype(np.int64)
        return predictions

    @cached_property
    def scores(self) -> Scores:
        """The scores of the predictions."""
        return score(self.labels, self.probabilities, self.classes)

    def top_errors(self, count: int) -> list[TopError]:
        """Rank the errors, at most so many."""
        return top_errors(self.labels, self.probabilities, count)


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the report is made from.

    Args:
        run: where the report and the plots go.
        recipe: the resolved recipe.
        environment: what the run was made of and on.
        metrics: its scores and costs.
        model: its model file.
        history: the learning curves, a row an epoch; None where training stopped in the first.
        train: the training source, before any split.
        test, out_of_fold, validation: the predictions for each labelled split, or None.
    """

    run: RunFolder
    recipe: Recipe
    environment: Environment
    metrics: Metrics
    model: Model
    history: "pl.DataFrame | None"
    train: Dataset
    test: ScoredSplit | None
    out_of_fold: ScoredSplit | None
    validation: ScoredSplit | None

    @property
    def scored(self) -> ScoredSplit | None:
        """The split that the report is about: test, or else out-of-fold, validation, or none."""
        return self.test or self.out_of_fold or self.validation


def make_report_data(
    run: RunFolder,
    recipe: Recipe,
    environment: Environment,
    metrics: Metrics,
    model: Model,
    history: "pl.DataFrame",
    predictions: "pl.DataFrame",
    train: Dataset,
    test: Dataset | None,
) -> ReportData:
    """Join the parts of a run; `history` and `predictions` as the run folder has them.

    Raises:
        TenfoldError: where the images are not those of the run.
    """
    classes = environment.classes
    return ReportData(
        run=run,
        recipe=recipe,
        environment=environment,
        metrics=metrics,
        model=model,
        history=history if len(history) else None,
        train=train,
        test=_scored_split(predictions, "test", test, classes),
        out_of_fold=_scored_split(predictions, "out_of_fold", train, classes),
        validation=_scored_split(predictions, "validation", train, classes),
    )


def read_report_data(run: RunFolder, train: Dataset, test: Dataset | None) -> ReportData:
    """Read a finished run.

    Args:
        run: its folder.
        train: the training source, before any split.
        test: the test set, where there was one.

    Raises:
        TenfoldError: where a file is missing or the images are not those of the run.
    """
    recipe = run.recipe()
    model = Model(run.existing("model.onnx"), recipe.threads)
    return make_report_data(
        run=run,
        recipe=recipe,
        environment=run.environment(),
        metrics=run.metrics(),
        model=model,
        history=run.history(),
        predictions=run.predictions(),
        train=train,
        test=None if test is None else model.matched(test),
    )


def _scored_split(
    table: "pl.DataFrame", split: str, dataset: Dataset | None, classes: tuple[str, ...]
) -> ScoredSplit | None:
    rows = table.filter(table["split"] == split)
    if not len(rows) or rows["label"].null_count():
        return None
    ids = rows["id"].to_numpy().astype(np.int64)
    if dataset is None or ids.max() >= len(dataset):
        received = "none" if dataset is None else f"{len(dataset):,}"
        raise TenfoldError(
            f"the report needs the {split} images of the run, at least {ids.max() + 1:,}. "
            f"Received: {received}"
        )
    columns = [f"p{index}" for index in range(len(classes))]
    return ScoredSplit(
        split=split,
        ids=ids,
        images=dataset.images[ids],
        labels=rows["label"].to_numpy().astype(np.int64),
        probabilities=np.ascontiguousarray(rows.select(columns).to_numpy(), np.float32),
        classes=classes,
    )
