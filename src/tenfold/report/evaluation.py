"""Write the evaluation of a model, or of predictions, as one HTML page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from tenfold.data.atomic import atomic_write
from tenfold.evaluation.evaluation import Evaluation
from tenfold.evaluation.scores import Scores, percent
from tenfold.report import plots, raster
from tenfold.report.formatting import percent_range, plural
from tenfold.report.render import render
from tenfold.report.sections import (
    MAX_ERRORS,
    Card,
    calibration_sentence,
    confusion_cells,
    error_rate,
    top_pairs,
)
from tenfold.report.theme import to_svg


@dataclass(frozen=True)
class Tile:
    """One wrong prediction with class names; probabilities are None where there are none."""

    row: int
    label: str
    prediction: str
    label_probability: float | None
    prediction_probability: float | None


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write scores, confusion matrix, errors and, where there are probabilities, calibration.

    Args:
        evaluation: with its images.
        path: the HTML file to write.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    scores = evaluation.scores
    tiles = _tiles(evaluation)
    images = evaluation.images[np.array([tile.row for tile in tiles], np.int64)]
    has_probabilities = isinstance(scores, Scores)
    context = {
        "evaluation": evaluation,
        "scores": scores,
        "interval": percent_range(scores.interval),
        "cards": _cards(evaluation),
        "confusion": confusion_cells(scores),
        "pairs": top_pairs(scores, scores.confused),
        "tiles": tiles,
        "columns": raster.SPRITE_COLUMNS,
        "sprite": raster.png_uri(raster.sprite_sheet(images)),
        "has_probabilities": has_probabilities,
        "calibration_chart": None,
        "calibration_sentence": "",
    }
    if isinstance(scores, Scores):
        chart = to_svg(
            plots.reliability_diagram(scores.calibration),
            "calibration",
            "Accuracy against confidence",
        )
        context["calibration_chart"] = Markup(chart)
        context["calibration_sentence"] = calibration_sentence(scores)
    page = render("evaluation.html.jinja", context)
    with atomic_write(path) as file:
        file.write(page)


def _cards(evaluation: Evaluation) -> list[Card]:
    scores = evaluation.scores
    name = plural(scores.errors, "error").partition(" ")[2]
    cards = [Card(f"{scores.errors:,}", name, error_rate(scores))]
    if isinstance(scores, Scores):
        cards += [
            Card(percent(scores.calibration.error), "expected calibration error"),
            Card(f"{scores.loss:.4f}", "loss", "mean cross entropy, nats"),
            Card(f"{scores.brier:.4f}", "Brier score", "squared error of the probabilities"),
        ]
    return cards


def _tiles(evaluation: Evaluation) -> list[Tile]:
    """Give the errors, the largest gap between two probabilities first, or else in order."""
    rows, names = evaluation.wrong, evaluation.scores.classes
    shares = evaluation.probabilities
    if shares is not None:
        of_label = shares[rows, evaluation.labels[rows]]
        gap = shares[rows, evaluation.predictions[rows]] - of_label
        rows = rows[np.argsort(-gap, kind="stable")]
    tiles = []
    for row in rows[:MAX_ERRORS].tolist():
        label, prediction = int(evaluation.labels[row]), int(evaluation.predictions[row])
        tiles.append(
            Tile(
                row,
                names[label],
                names[prediction],
                None if shares is None else float(shares[row, label]),
                None if shares is None else float(shares[row, prediction]),
            )
        )
    return tiles
