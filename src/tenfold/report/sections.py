"""What each section of the report says and shows, ready for the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.evaluation.scores import Confusion, Scores, percent
from tenfold.evaluation.top_errors import TopError, top_errors
from tenfold.report.format import duration, most_confused, plural, short, span
from tenfold.report.plots import in_per_cent
from tenfold.report.report_data import ReportData, ScoredSplit

LISTED = 300  # wrong answers in the list; predictions.parquet has them all
CELL_PICTURES = 24  # pictures behind a cell of the confusion matrix
SHEET_PICTURES = 3000  # pictures of the whole page: at most 3 MB of it, even as pure noise
DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Card:
    """One figure of the headline."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of the confusion matrix; `shade` is 0-100, against the other errors."""

    count: int
    share: str
    shade: float
    title: str
    key: str


@dataclass(frozen=True)
class Wrong:
    """One wrong answer, as the lists and galleries show it; `at` is its place on the sheet."""

    at: int
    id: int
    label: str
    prediction: str
    label_probability: float
    prediction_probability: float


def headline(report_data: ReportData) -> list[Card]:
    """Give the figures that stand under the headline."""
    training, model = report_data.metrics["training"], report_data.metrics["model"]
    shown, cards = report_data.shown, []
    if shown:
        scores = shown.scores
        cards.append(
            Card(f"{scores.errors:,}", "error" if scores.errors == 1 else "errors", _rate(scores))
        )
    beside = report_data.out_of_fold or report_data.validation
    if report_data.test and beside:
        scores = beside.scores
        note = f"{span(scores.interval)} of {scores.n:,}"
        cards.append(Card(percent(scores.accuracy), beside.name, note))
    epochs = plural(training["epochs"], "epoch")
    if report_data.recipe.networks > 1:
        epochs = f"{report_data.recipe.networks} networks of {epochs}"
    cards += [
        Card(duration(training["seconds"]), "training", f"{epochs}, {training['steps']:,} steps"),
        Card(f"{training['images_per_second']:,.0f}", "images a second", "while training"),
        Card(
            short(model["parameters"]),
            "parameters",
            f"{short(model['multiply_adds'])} multiply-adds, {short(model['bytes'])}B",
        ),
    ]
    return cards


def _rate(scores: Scores) -> str:
    if 2 * scores.errors > scores.n:
        return f"of {scores.n:,}"
    return f"one picture in {scores.n / scores.errors:,.0f}" if scores.errors else "none at all"


def facts(report_data: ReportData) -> dict[str, str]:
    """Say in a few rows which recipe, data, machine and version the run is of."""
    environment, training = report_data.environment, report_data.metrics["training"]
    machine, versions = environment["machine"], environment["versions"]
    cores = plural(machine["cores"], "core")
    rows = {
        "Recipe": report_data.recipe.name,
        "Learned from": f"{training['pictures']:,} of the {environment['pictures']:,} pictures "
        f"of {environment['source']}",
    }
    if report_data.recipe.folds:
        rows["Networks"] = (
            f"{report_data.recipe.folds}, each trained without one fold; the model is their mean"
        )
    if members := report_data.metrics.get("members"):
        rows["Networks"] = (
            f"{report_data.recipe.members}, each with a seed of its own; the model is their mean. "
            f"They disagree on {members['disagreed']:,} of {members['n']:,} pictures of "
            f"{members['source']}"
        )
    if environment.get("test_source"):
        rows["Tested on" if report_data.test else "ScoredSplit"] = environment["test_source"]
    rows["Machine"] = f"{machine['cpu']}, {cores}"
    if environment["device"] not in ("cpu", machine["cpu"]):
        rows["Device"] = environment["device"]
    names = [("tenfold", "Tenfold"), ("torch", "PyTorch"), ("python", "Python")]
    rows["Versions"] = ", ".join(f"{n} {versions[key]}" for key, n in names if key in versions)
    rows["Started"] = environment["started"].replace("T", " ").replace("+00:00", " UTC")
    return rows


def remarks(report_data: ReportData) -> list[str]:
    """Say what is missing or out of the ordinary, a sentence each."""
    said = []
    if report_data.metrics["training"]["interrupted"]:
        done = plural(report_data.metrics["training"]["steps"], "step")
        said.append(f"Training was stopped after {done}, before the end of its schedule.")
    answered = report_data.metrics.get("answered", 0)
    if answered:
        said.append(f"{plural(answered, 'test picture')} without labels were answered, not scored.")
    if report_data.out_of_fold:
        said.append(
            f"Out of fold: each of the {report_data.out_of_fold.scores.n:,} training pictures was "
            "answered by the one network that had not learned from it. The curves are the mean of "
            "the networks'."
        )
    elif not report_data.validation:
        left = "the validation curves"
        if not report_data.test:
            left += (
                ", the confusion matrix, the errors, precision and recall, and the calibration: "
                "no labelled picture was kept from training"
            )
        said.append(f"This run had no validation set. That leaves out {left}.")
    parity = report_data.metrics.get("parity")
    if parity and parity["same_labels"] != parity["n"]:
        differ = plural(parity["n"] - parity["same_labels"], "picture")
        said.append(f"The model file answers {differ} otherwise than the network that was trained.")
    return said


def counts_of(answered: ScoredSplit) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Count the pictures of each class, int64 [classes]."""
    return np.bincount(answered.labels, minlength=len(answered.classes)).astype(np.int64)


def confusion_cells(scores: Scores) -> list[list[Cell]]:
    """Give the confusion matrix, a row a true class."""
    shares = in_per_cent(scores.confusion)
    off = scores.confusion - np.diag(np.diag(scores.confusion))
    most = max(1, int(off.max()))
    return [
        [
            Cell(
                count=int(count),
                share=f"{shares[true, answer]:.1f}",
                shade=round(75 * float(np.sqrt(off[true, answer] / most)), 1),
                title=f"{name} read as {scores.classes[answer]}",
                key=f"{true},{answer}",
            )
            for answer, count in enumerate(scores.confusion[true])
        ]
        for true, name in enumerate(scores.classes)
    ]


def confused_pairs(scores: Scores) -> str:
    """Say which classes are most confused with each other."""
    pairs = [
        (scores.classes[pair.true], scores.classes[pair.predicted], pair.count)
        for pair in scores.confused_either_way
    ]
    return most_confused(pairs, scores.classes == DIGITS)


def sureness(scores: Scores) -> str:
    """Say whether the answers are surer or less sure than they are right, on the whole."""
    bins = scores.calibration.bins
    mean = sum(group.n * group.confidence for group in bins) / scores.n
    low, high = scores.interval
    said = f"On average the answers were {percent(mean)} sure and {percent(scores.accuracy)} right"
    if mean > high:
        return f"{said}: surer than they should be."
    if mean < low:
        return f"{said}: better than they believe."
    return f"{said}: about as sure as they should be."


def named_pairs(scores: Scores, pairs: tuple[Confusion, ...]) -> list[tuple[str, str, int]]:
    """Name the five most frequent of these pairs."""
    names = scores.classes
    return [(names[pair.true], names[pair.predicted], pair.count) for pair in pairs[:5]]


@dataclass(frozen=True, eq=False)
class Gallery:
    """The pictures that the page shows, and which of them stand behind which cell.

    `rows` are rows of the answered set, in the order of the sheet; `cells` holds, for a cell's
    key, places on the sheet; `errors` are all wrong answers that are listed, worst first.
    """

    rows: np.ndarray[Any, np.dtype[np.int64]]
    cells: dict[str, list[int]]
    errors: list[TopError]


def choose_pictures(shown: ScoredSplit) -> Gallery:
    """Choose the pictures of the page: the errors listed, then some of each cell.

    A cell's errors come surest first, its right answers least sure first: the ones that say most.
    """
    errors = top_errors(shown.labels, shown.probabilities, LISTED)
    places = {error.index: at for at, error in enumerate(errors)}
    certainty = shown.probabilities.max(axis=1)
    kinds = shown.labels * len(shown.classes) + shown.predictions
    found = np.unique(kinds)
    each = max(1, min(CELL_PICTURES, (SHEET_PICTURES - len(errors)) // len(found)))
    cells: dict[str, list[int]] = {}
    for kind in found:
        true, answer = divmod(int(kind), len(shown.classes))
        members = np.flatnonzero(kinds == kind)
        order = np.argsort(certainty[members] * (1 if true == answer else -1), kind="stable")
        cells[f"{true},{answer}"] = [
            places.setdefault(int(row), len(places)) for row in members[order[:each]]
        ]
    return Gallery(np.fromiter(places, np.int64, len(places)), cells, errors)


def wrong_answers(shown: ScoredSplit, errors: Sequence[TopError]) -> list[Wrong]:
    """Name the rows and classes of errors of a set, in their order."""
    return [
        Wrong(
            at=at,
            id=int(shown.ids[error.index]),
            label=shown.classes[error.label],
            prediction=shown.classes[error.prediction],
            label_probability=error.label_probability,
            prediction_probability=error.prediction_probability,
        )
        for at, error in enumerate(errors)
    ]


def cell_data(shown: ScoredSplit, gallery: Gallery) -> dict[str, Any]:
    """Give what the page's script needs to open a cell: per picture its id and its certainty."""
    certainty = shown.probabilities.max(axis=1)
    return {
        "cells": gallery.cells,
        "ids": [int(shown.ids[row]) for row in gallery.rows],
        "certainty": [round(float(certainty[row]), 4) for row in gallery.rows],
    }
