"""Write the evaluation of an ensemble as one HTML page."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.evaluation.ensemble_evaluation import EnsembleEvaluation
from tenfold.evaluation.error_reasons import NEIGHBOURS
from tenfold.evaluation.nearest_neighbours import NeighbourIndex
from tenfold.evaluation.scores import percent
from tenfold.evaluation.top_errors import TopError
from tenfold.report import raster
from tenfold.report.explanations import NeighbourStrip, neighbour_strips
from tenfold.report.formatting import percent_range
from tenfold.report.render import render
from tenfold.report.sections import Card, ErrorRow

MAX_SHOWN = 100  # images that every member misreads, each with five neighbours: 0.5 MB
MATRICES = {
    "disagreement": ("Predictions differ", "% of the images"),
    "shared_errors": ("Errors shared", "% of those that either makes"),
    "yules_q": ("Yule's Q", "1: always right and wrong together, 0: independently"),
}
MatrixRow = list[tuple[str, float]]  # the text of a cell, and its shade within 0-45


def write_ensemble_evaluation(
    evaluation: EnsembleEvaluation, train_set: Dataset, path: Path
) -> None:
    """Write the members, their pairs, and the images that every member misreads.

    Args:
        evaluation: of an ensemble.
        train_set: labelled images, among which the nearest ones are found.
        path: the HTML file to write.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    head, *members = evaluation.member_table
    context = {
        "evaluation": evaluation,
        "scores": evaluation.scores,
        "interval": percent_range(evaluation.scores.interval),
        "cards": _cards(evaluation),
        "head": head,
        "members": [(*row[:3], row[3].replace("-", "\N{EN DASH}"), *row[4:]) for row in members],
        "matrices": [
            (title, unit, _matrix(evaluation, name)) for name, (title, unit) in MATRICES.items()
        ],
        "misread": _misread(evaluation, train_set),
        "train_set": train_set,
    }
    with atomic_write(path) as file:
        file.write(render("ensemble.html.jinja", context))


def _cards(evaluation: EnsembleEvaluation) -> list[Card]:
    every = len(evaluation.all_wrong)
    suspect = "" if evaluation.label_issues is None else f"{len(evaluation.suspect):,} label issues"
    return [
        Card(f"{evaluation.scores.errors:,}", "errors of the ensemble"),
        Card(f"{evaluation.mean_errors:.1f}", "errors of a member alone", "mean"),
        Card(f"{every:,}", "images that every member misreads", suspect),
        Card(percent(evaluation.oracle), "at least one member is right", "the oracle"),
    ]


def _matrix(evaluation: EnsembleEvaluation, measure: str) -> list[MatrixRow]:
    """Give a measure of every pair, a row a member; "" where it is undefined."""
    size = len(evaluation.members)
    values: NDArray[np.float64] = np.full((size, size), np.nan)
    for pair in evaluation.pairs:
        value = getattr(pair, measure)
        values[pair.first, pair.second] = np.nan if value is None else value
    values = np.fmax(values, values.T)
    largest = np.nanmax(np.abs(values), initial=0.0) or 1.0
    return [
        [
            ("", 0.0)
            if np.isnan(value)
            else (_cell(measure, value), round(45 * abs(float(value)) / largest, 1))
            for value in row
        ]
        for row in values
    ]


def _cell(measure: str, value: float) -> str:
    if measure == "yules_q":
        return f"{value:.3f}"
    return f"{100 * value:.2f}" if measure == "disagreement" else f"{100 * value:.0f}"


def _misread(
    evaluation: EnsembleEvaluation, train_set: Dataset
) -> list[tuple[str, ErrorRow, str, NeighbourStrip]]:
    """Give the images that every member misreads: the surest first, what it is, its neighbours."""
    shares, labels = evaluation.probabilities, evaluation.labels
    rows = evaluation.all_wrong
    rows = rows[np.argsort(-shares[rows].max(axis=1), kind="stable")][:MAX_SHOWN]
    errors = [
        TopError(
            index=int(row),
            label=int(labels[row]),
            prediction=int(shares[row].argmax()),
            label_probability=float(shares[row, labels[row]]),
            prediction_probability=float(shares[row].max()),
            gap=float(shares[row].max() - shares[row, labels[row]]),
        )
        for row in rows
    ]
    images = evaluation.images[rows]
    neighbours = NeighbourIndex(train_set.images).query(images, NEIGHBOURS)
    suspect = set(evaluation.label_issues or ())
    return [
        (
            raster.png_uri(image),
            ErrorRow(
                sprite=0,
                id=error.index,
                label=evaluation.classes[error.label],
                prediction=evaluation.classes[error.prediction],
                label_probability=error.label_probability,
                prediction_probability=error.prediction_probability,
            ),
            "label issue" if error.index in suspect else "",
            strip,
        )
        for image, error, strip in zip(
            images, errors, neighbour_strips(train_set, neighbours, errors), strict=True
        )
    ]
