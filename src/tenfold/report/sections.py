"""The contents of each section of the report, ready for the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from tenfold.data.orientation import shows_digits
from tenfold.evaluation.scores import Confusion, LabelScores, Scores, percent
from tenfold.evaluation.top_errors import TopError
from tenfold.report.formatting import (
    duration,
    most_confused,
    percent_range,
    plural,
    with_si_prefix,
)
from tenfold.report.plots import row_percentages
from tenfold.report.report_data import ReportData, ScoredSplit

MAX_ERRORS = 300  # in the table of errors; predictions.parquet has them all
MAX_CELL_IMAGES = 24  # behind a cell of the confusion matrix
MAX_SPRITES = 3000  # images of the whole page: at most 3 MB of it, even as pure noise
TEN_DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Card:
    """One number under the headline."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class ConfusionCell:
    """One cell of the confusion matrix; `shade` is 0-100, relative to the other errors."""

    count: int
    share: str
    shade: float
    title: str
    key: str


@dataclass(frozen=True)
class ErrorRow:
    """One wrong prediction with class names; `sprite` is its place on the sprite sheet."""

    sprite: int
    id: int
    label: str
    prediction: str
    label_probability: float
    prediction_probability: float


def headline_cards(report_data: ReportData) -> list[Card]:
    """Give the numbers under the headline."""
    training, model = report_data.metrics.training, report_data.metrics.model
    cards = []
    if report_data.scored:
        scores = report_data.scored.scores
        name = "error" if scores.errors == 1 else "errors"
        cards.append(Card(f"{scores.errors:,}", name, error_rate(scores)))
    second = report_data.out_of_fold or report_data.validation
    if report_data.test and second:
        scores = second.scores
        note = f"{percent_range(scores.interval)} of {scores.n:,}"
        cards.append(Card(percent(scores.accuracy), f"{second.name} accuracy", note))
    epochs = plural(training.epochs, "epoch")
    if report_data.recipe.networks > 1:
        epochs = f"{report_data.recipe.networks} networks, {epochs} each"
    cards += [
        Card(duration(training.seconds), "training", f"{epochs}, {training.steps:,} steps"),
        Card(f"{training.images_per_second:,.0f}", "images per second", "in training"),
        Card(
            with_si_prefix(model.parameters),
            "parameters",
            f"{with_si_prefix(model.multiply_adds)} multiply-adds, {with_si_prefix(model.bytes)}B",
        ),
    ]
    if model.cascade is not None:
        note = f"{with_si_prefix(model.cascade.mean_multiply_adds)} multiply-adds an image"
        cards.append(Card(f"{model.cascade.share:.0%}", "answered by the first stage", note))
    return cards


def error_rate(scores: LabelScores) -> str:
    """Say how many images one error comes to."""
    if 2 * scores.errors > scores.n:
        return f"of {scores.n:,}"
    return f"1 in {scores.n / scores.errors:,.0f} images" if scores.errors else "none"


def run_facts(report_data: ReportData) -> dict[str, str]:
    """Give recipe, data, machine and versions of the run."""
    environment, training = report_data.environment, report_data.metrics.training
    machine, versions = environment.machine, environment.versions
    rows = {
        "Recipe": report_data.recipe.name,
        "Training set": f"{training.images:,} of {environment.images:,} images from "
        f"{environment.source}",
    }
    if report_data.recipe.folds:
        rows["Networks"] = (
            f"{report_data.recipe.folds}, each trained without one fold; the model averages them"
        )
    if members := report_data.metrics.members:
        rows["Networks"] = (
            f"{report_data.recipe.members}, each with its own seed; the model averages them. "
            f"They disagree on {members.disagreed:,} of {members.n:,} images from "
            f"{members.source}"
        )
    if environment.test_source:
        rows["Test set" if report_data.test else "Predicted"] = environment.test_source
    rows["Machine"] = f"{machine.cpu}, {plural(machine.cores, 'core')}"
    if environment.device not in ("cpu", machine.cpu):
        rows["Device"] = environment.device
    packages = [("tenfold", "Tenfold"), ("torch", "PyTorch"), ("python", "Python")]
    rows["Versions"] = ", ".join(
        f"{name} {versions[key]}" for key, name in packages if key in versions
    )
    rows["Started"] = environment.started.replace("T", " ").replace("+00:00", " UTC")
    return rows


def remarks(report_data: ReportData) -> list[str]:
    """Give a sentence for each thing that is missing or out of the ordinary."""
    sentences = []
    if report_data.metrics.training.interrupted:
        steps = plural(report_data.metrics.training.steps, "step")
        sentences.append(f"Training was stopped after {steps}, before the end of its schedule.")
    unlabelled = report_data.metrics.unlabelled
    if unlabelled:
        sentences.append(
            f"{plural(unlabelled, 'test image')} without labels: predicted, not scored."
        )
    if report_data.out_of_fold:
        sentences.append(
            f"Out-of-fold: each of the {report_data.out_of_fold.scores.n:,} training images was "
            "predicted by the one network that was not trained on it. The learning curves are the "
            "mean of the networks."
        )
    elif not report_data.validation:
        missing = "no validation curves"
        if not report_data.test:
            missing += (
                ", confusion matrix, errors, per-class scores or calibration: all labelled images "
                "were used for training"
            )
        sentences.append(f"This run had no validation set, so the report has {missing}.")
    parity = report_data.metrics.parity
    if parity.same_labels != parity.n:
        differing = parity.n - parity.same_labels
        sentences.append(
            f"The ONNX model predicts another class than PyTorch for {plural(differing, 'image')} "
            f"of {parity.n:,}."
        )
    return sentences


def counts_by_set(report_data: ReportData) -> dict[str, NDArray[np.int64]]:
    """Count the images of each class, int64 [classes], in the training source and the test set."""
    counts = {"training source": report_data.train.class_counts}
    if test := report_data.test:
        found = np.bincount(test.labels, minlength=len(test.classes))
        counts["test"] = found.astype(np.int64)
    return counts


def confusion_cells(scores: LabelScores) -> list[list[ConfusionCell]]:
    """Give the confusion matrix, a row for each true class."""
    shares = row_percentages(scores.confusion)
    errors = scores.confusion - np.diag(np.diag(scores.confusion))
    most = max(1, int(errors.max()))
    return [
        [
            ConfusionCell(
                count=int(count),
                share=f"{shares[true, predicted]:.1f}",
                shade=round(75 * float(np.sqrt(errors[true, predicted] / most)), 1),
                title=f"{name} predicted as {scores.classes[predicted]}",
                key=f"{true},{predicted}",
            )
            for predicted, count in enumerate(scores.confusion[true])
        ]
        for true, name in enumerate(scores.classes)
    ]


def most_confused_sentence(scored: ScoredSplit) -> str:
    """Name the classes that are most confused with each other."""
    scores = scored.scores
    pairs = [
        (scores.classes[pair.true], scores.classes[pair.predicted], pair.count)
        for pair in scores.confused_either_way
    ]
    # Fashion-MNIST's classes are called 0-9 too
    digits = scores.classes == TEN_DIGITS and shows_digits(scored.images, scored.labels)
    return most_confused(pairs, digits)


def calibration_sentence(scores: Scores) -> str:
    """Say whether the model is over- or underconfident on average."""
    bins = scores.calibration.bins
    mean = sum(group.n * group.confidence for group in bins) / scores.n
    low, high = scores.interval
    verdict = "well calibrated on average"
    if mean > high:
        verdict = "overconfident on average"
    if mean < low:
        verdict = "underconfident on average"
    return (
        f"The mean confidence is {percent(mean)}, the accuracy {percent(scores.accuracy)}: "
        f"{verdict}."
    )


def top_pairs(scores: LabelScores, pairs: tuple[Confusion, ...]) -> list[tuple[str, str, int]]:
    """Name the classes of the five most frequent of these pairs."""
    names = scores.classes
    return [(names[pair.true], names[pair.predicted], pair.count) for pair in pairs[:5]]


@dataclass(frozen=True, eq=False)
class Gallery:
    """The images of the page's sprite sheet, and those behind each cell.

    `rows` int64 [m] are rows of the scored split, in the order of the sprite sheet; `cells` gives
    the places on it for a cell's key; `errors` are the listed errors, largest gap first.
    """

    rows: NDArray[np.int64]
    cells: dict[str, list[int]]
    errors: list[TopError]


def choose_images(scored: ScoredSplit) -> Gallery:
    """Choose the images of the page: the errors listed, then some of each cell.

    A cell's errors are in order of falling confidence, its correct predictions of rising: those
    that tell most about the model come first.
    """
    errors = scored.top_errors(MAX_ERRORS)
    sprites = {error.index: place for place, error in enumerate(errors)}
    confidence = scored.probabilities.max(axis=1)
    cell_numbers = scored.labels * len(scored.classes) + scored.predictions
    occupied = np.unique(cell_numbers)
    per_cell = max(1, min(MAX_CELL_IMAGES, (MAX_SPRITES - len(errors)) // len(occupied)))
    cells: dict[str, list[int]] = {}
    for number in occupied:
        true, predicted = divmod(int(number), len(scored.classes))
        rows = np.flatnonzero(cell_numbers == number)
        order = np.argsort(confidence[rows] * (1 if true == predicted else -1), kind="stable")
        cells[f"{true},{predicted}"] = [
            sprites.setdefault(int(row), len(sprites)) for row in rows[order[:per_cell]]
        ]
    return Gallery(np.fromiter(sprites, np.int64, len(sprites)), cells, errors)


def error_rows(scored: ScoredSplit, errors: Sequence[TopError]) -> list[ErrorRow]:
    """Name the rows and classes of errors of a split, in their order."""
    return [
        ErrorRow(
            sprite=place,
            id=int(scored.ids[error.index]),
            label=scored.classes[error.label],
            prediction=scored.classes[error.prediction],
            label_probability=error.label_probability,
            prediction_probability=error.prediction_probability,
        )
        for place, error in enumerate(errors)
    ]


class ScriptData(TypedDict):
    """What the page's script needs to open a cell, as JSON.

    `cells` gives the sprites of each cell; `ids` the row and `confidence` the confidence of each
    sprite; `columns` the width of the sprite sheet, in sprites.
    """

    cells: dict[str, list[int]]
    ids: list[int]
    confidence: list[float]
    columns: int


def script_data(scored: ScoredSplit, gallery: Gallery, columns: int) -> ScriptData:
    """Give the data of the page's script."""
    confidence = scored.probabilities.max(axis=1)
    return {
        "cells": gallery.cells,
        "ids": [int(scored.ids[row]) for row in gallery.rows],
        "confidence": [round(float(confidence[row]), 4) for row in gallery.rows],
        "columns": columns,
    }
