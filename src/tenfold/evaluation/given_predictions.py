"""Predictions that were made elsewhere, set beside the images that they are of."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Labels
from tenfold.data.numbers import whole_text
from tenfold.errors import TenfoldError
from tenfold.evaluation.prediction_file import (
    IDS,
    LABELS,
    PREDICTED,
    TRUTH,
    PredictionFile,
    Texts,
    read_prediction_file,
)
from tenfold.model.model_name import ModelName
from tenfold.run.folder import RunFolder

ROUNDING = 0.005  # of each of a row's probabilities, of two decimals; of their sum
MIN_SLACK, MAX_SLACK = 0.02, 0.1
TIE = 0.011  # between two probabilities that are one, but for their rounding


@dataclass(frozen=True, eq=False)
class GivenPredictions:
    """Predictions for the images of a set, in their order.

    Args:
        name: the file.
        classes: the name of each class.
        labels: int64 [n], the class predicted.
        probabilities: float32 [n, classes]; None where the file has none.
        notes: how they were aligned and what was assumed, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    labels: Labels
    probabilities: NDArray[np.float32] | None
    notes: tuple[str, ...]


def read_given_predictions(source: str | PathLike[str], dataset: Dataset) -> GivenPredictions:
    """Read a CSV or Parquet file of predictions for the images of a set.

    A column `id`, `ImageId` or of the set's own ids says which image a row is of; without one, rows
    are in the order of the images. A column `prediction`, or else `label`, holds the classes; one
    column a class (`p_4`, `4`, ...) the probabilities. A column of true labels beside them must be
    those of the set. The `predictions.parquet` of a run is read likewise.

    Args:
        source: the file, options behind it: `predictions.parquet:split=validation`.
        dataset: the images.

    Raises:
        TenfoldError: where it cannot be read, has another number of rows than the set, its ids are
            not those of the images, or a value is none.
    """
    named = ModelName.parse(source)
    if named.pixels is not None or named.output is not None:
        raise TenfoldError(f"{named.path}: is a table of predictions; it has no pixels or output")
    whole = read_prediction_file(named.path, named.classes or dataset.classes)
    file, split = whole.split(named.split)
    classes = named.classes or (_classes_of_run(named.path) if file.is_ours else None)
    classes = classes or dataset.classes
    if len(file) != len(dataset):
        part = f" of {split} images" if split else ""
        raise TenfoldError(
            f"{file.name}: has {len(file):,} predictions{part}, and {dataset.source} has "
            f"{len(dataset):,} images; they must be for the same images"
        )
    order, aligned = _align(file, dataset)
    columns = file.probability_columns(classes)
    predicted = file.find(PREDICTED) or (None if file.is_ours else file.find(LABELS))
    if predicted is None and columns is None:
        raise TenfoldError(
            f"{file.name}: has neither a column `prediction` or `label`, nor one of probabilities "
            f"for each of the classes {', '.join(classes[:12])}. Received: "
            f"{', '.join(list(file.columns)[:12])}"
        )
    probabilities = None if columns is None else _probabilities(file, columns)[order]
    labels = None if predicted is None else _labels(file, predicted, classes)[order]
    known = None if dataset.labels is None else dataset.remap_classes(classes).labels
    given_both = probabilities is not None and labels is not None and known is not None
    if given_both and predicted in file.called(LABELS) and np.array_equal(labels, known):  # type: ignore[arg-type]
        labels, predicted = None, None  # beside probabilities they are the true ones
    if labels is None:
        assert probabilities is not None
        labels = probabilities.argmax(axis=1).astype(np.int64)
    elif probabilities is not None:
        _settle(file.name, labels, probabilities, classes)
    truth = file.find([name for name in TRUTH if predicted not in file.called([name])])
    if truth is not None and dataset.labels is not None:
        _check_truth(file, truth, order, dataset.remap_classes(classes), classes)
    notes = [aligned]
    if split is not None and split != named.split:
        notes.append(f"the rows of the split {split!r} are taken")
    used = {*(columns or ()), predicted, truth, file.find(_id_names(dataset))}
    ignored = [name for name in file.columns if name not in used and not file.is_ours]
    if ignored:
        notes.append(f"columns that are not looked at: {', '.join(ignored[:12])}")
    if probabilities is None:
        notes.append("no column for each class, so there are no probabilities")
    return GivenPredictions(file.name, classes, labels, probabilities, tuple(notes))


def _classes_of_run(path: Path) -> tuple[str, ...] | None:
    """Give the names of the classes of the run that a `predictions.parquet` lies in."""
    if not (path.parent / "environment.json").is_file():
        return None
    return RunFolder(path.parent).environment().classes


def _id_names(dataset: Dataset) -> tuple[str, ...]:
    return (dataset.id_name, *IDS) if dataset.ids is not None else IDS


def _align(file: PredictionFile, dataset: Dataset) -> tuple[NDArray[np.int64], str]:
    """Return the row of each image, int64 [n], and a sentence on how it was found."""
    column = file.find(_id_names(dataset))
    if column is None:
        return np.arange(len(file)), "there is no column of ids: rows are in the images' order"
    ids = file.columns[column]
    if len(set(ids.tolist())) < len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise TenfoldError(
            f"{file.name}: the id {str(values[counts.argmax()])!r} in column {column!r} occurs "
            f"{counts.max():,} times; each image must have one row"
        )
    if dataset.ids is not None and set(ids.tolist()) == set(dataset.ids.tolist()):
        place = {name: row for row, name in enumerate(ids.tolist())}
        rows = np.array([place[name] for name in dataset.ids.tolist()], np.int64)
        return rows, f"aligned by the ids in column {column!r}"
    numbers = [whole_text(text) for text in ids.tolist()]
    if None not in numbers:
        found = np.array([int(text) for text in numbers if text is not None], np.int64)
        first = int(found.min())
        if first in (0, 1) and int(found.max()) == len(ids) - 1 + first:
            return (
                np.argsort(found, kind="stable").astype(np.int64),
                f"aligned by column {column!r}, which numbers the images from {first}",
            )
    theirs = "numbered from 0 or 1"
    if dataset.ids is not None:
        theirs = f"called {', '.join(dataset.ids[:3].tolist())}, ..."
    raise TenfoldError(
        f"{file.name}: the ids in column {column!r} ({', '.join(ids[:3].tolist())}, ...) are not "
        f"those of the {len(dataset):,} images of {dataset.source}, which are {theirs}"
    )


def _labels(file: PredictionFile, column: str, classes: Sequence[str]) -> Labels:
    """Number the labels of a column as the classes are, int64 [n]."""
    texts: Texts = file.columns[column]
    if file.is_ours:
        return file.numbers(column).astype(np.int64)
    place = {name: index for index, name in enumerate(classes)}
    found = [place.get(text, place.get(_plain(text), -1)) for text in texts.tolist()]
    if -1 in found:
        at = found.index(-1)
        raise TenfoldError(
            f"{file.name}: column {column!r} must hold classes ({', '.join(classes[:12])}); if "
            f"there are others, name all, as {file.name}:classes=a,b,c. Received in row {at}: "
            f"{str(texts[at])!r}"
        )
    return np.array(found, np.int64)


def _plain(text: str) -> str:
    """Take the apostrophe off what a spreadsheet would have taken for a formula; 5 for 5.0."""
    return whole_text(text) or text.removeprefix("'")


def _probabilities(file: PredictionFile, columns: Sequence[str]) -> NDArray[np.float32]:
    """Read a column of probabilities a class, float64 [n, classes]; rows are made to sum to 1."""
    values = np.column_stack([file.numbers(column) for column in columns])
    sums = values.sum(axis=1)
    slack = min(MAX_SLACK, max(MIN_SLACK, ROUNDING * len(columns))) + 1e-9
    wrong = (values < 0).any(axis=1) | (values > 1 + slack).any(axis=1)
    wrong |= np.abs(sums - 1) > slack
    if wrong.any():
        at = int(wrong.argmax())
        raise TenfoldError(
            f"{file.name}: the probabilities of a row must be within 0-1 and sum to 1. Received "
            f"in row {at}: {', '.join(f'{value:g}' for value in values[at, :12])} "
            f"(sum {sums[at]:g}); of logits, take the softmax"
        )
    shares: NDArray[np.float32] = (values / sums[:, np.newaxis]).astype(np.float32)
    return shares


def _settle(
    name: str, labels: Labels, probabilities: NDArray[np.float32], classes: Sequence[str]
) -> None:
    """Let the label decide between probabilities that rounding made equal, in place."""
    rows = np.arange(len(labels))
    highest = probabilities.max(axis=1)
    gap = highest - probabilities[rows, labels]
    if gap.max() > TIE:
        at = int(gap.argmax())
        best = classes[int(probabilities[at].argmax())]
        raise TenfoldError(
            f"{name}: the prediction for image {at} is {classes[labels[at]]}, and its most "
            f"probable class {best}; are the columns those of these classes?"
        )
    tied = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    probabilities[tied, labels[tied]] = np.nextafter(highest[tied], np.float32(2))


def _check_truth(
    file: PredictionFile,
    column: str,
    order: NDArray[np.int64],
    dataset: Dataset,
    classes: Sequence[str],
) -> None:
    """Raise TenfoldError where the true labels beside the predictions are not the images'."""
    if file.is_ours and not all(file.columns[column].tolist()):
        return  # they were not known
    truth = _labels(file, column, classes)[order]
    differing = int((truth != dataset.require_labels()).sum())
    if differing:
        raise TenfoldError(
            f"{file.name}: the true labels in column {column!r} are not those of {dataset.source} "
            f"for {differing:,} of {len(dataset):,} images; are they the same images?"
        )
