"""What a run folder holds, read once for the report and the model card."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images, Labels
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import Scores, score
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class ScoredSplit:
    """The answers to one labelled set of pictures, n of them.

    `split` is "test", "out_of_fold" or "validation"; `ids` int64 [n] are the pictures' rows in
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
        """The split, as it stands in a sentence."""
        return self.split.replace("_", "-")

    @cached_property
    def predictions(self) -> Labels:
        """The answers, int64 [n]."""
        answers: Labels = self.probabilities.argmax(axis=1).astype(np.int64)
        return answers

    @cached_property
    def scores(self) -> Scores:
        """What the answers are worth."""
        return score(self.labels, self.probabilities, self.classes)


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the report tells, and the pictures that it shows."""

    run: RunFolder
    recipe: Recipe
    environment: dict[str, Any]
    metrics: dict[str, Any]
    history: "pl.DataFrame | None"
    train: Dataset
    test: ScoredSplit | None
    out_of_fold: ScoredSplit | None
    validation: ScoredSplit | None

    @property
    def shown(self) -> ScoredSplit | None:
        """The set that the sections are about: test, or else out of fold, validation, or none."""
        return self.test or self.out_of_fold or self.validation


def read_report_data(run: RunFolder, train: Dataset, test: Dataset | None) -> ReportData:
    """Read a finished run.

    Args:
        run: its folder.
        train: the set that it was trained on, before any split.
        test: the set that it answered, where there was one.

    Raises:
        TenfoldError: where a file is absent or the pictures are not those of the run.
    """
    environment = run.environment()
    classes = tuple(environment["classes"])
    table = run.predictions()
    return ReportData(
        run=run,
        recipe=run.recipe(),
        environment=environment,
        metrics=run.metrics(),
        history=_history(run),
        train=train,
        test=_answered(table, "test", test, classes),
        out_of_fold=_answered(table, "out_of_fold", train, classes),
        validation=_answered(table, "validation", train, classes),
    )


def _history(run: RunFolder) -> "pl.DataFrame | None":
    history = run.history()
    return history if len(history) else None  # none: stopped within the first epoch


def _answered(
    table: "pl.DataFrame", split: str, pictures: Dataset | None, classes: tuple[str, ...]
) -> ScoredSplit | None:
    rows = table.filter(table["split"] == split)
    if not len(rows) or rows["label"].null_count():
        return None
    ids = rows["id"].to_numpy().astype(np.int64)
    if pictures is None or ids.max() >= len(pictures):
        have = "none" if pictures is None else f"{len(pictures):,}"
        raise TenfoldError(
            f"the {split} pictures of the run are needed for its report, {ids.max() + 1:,} or "
            f"more. Received: {have}"
        )
    names = [f"p{index}" for index in range(len(classes))]
    return ScoredSplit(
        split=split,
        ids=ids,
        images=pictures.images[ids],
        labels=rows["label"].to_numpy().astype(np.int64),
        probabilities=np.ascontiguousarray(rows.select(names).to_numpy(), np.float32),
        classes=classes,
    )
