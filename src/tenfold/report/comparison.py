"""Write a comparison of two models as one HTML page."""

from pathlib import Path

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison, Difference
from tenfold.evaluation.scores import percent
from tenfold.report import raster
from tenfold.report.format import plural, span
from tenfold.report.page import render
from tenfold.report.sections import Card

SHOWN = 200  # pictures of each group on the page: 600 in all, at most 0.6 MB even as pure noise


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Draw what two models were right and wrong about, and the pictures that they read differently.

    Args:
        comparison: with its pictures.
        path: the HTML file to write.

    Raises:
        TenfoldError: where the pictures are not there, or the file cannot be written.
    """
    if comparison.images is None:
        raise TenfoldError(f"{path}: not drawn: the {comparison.pictures} are not there")
    shown: list[Difference] = []
    groups = []
    for title, rows in comparison.groups.items():
        first = len(shown)
        shown += rows[:SHOWN]
        groups.append((title, len(rows), list(enumerate(rows[:SHOWN], first))))
    pictures = comparison.images[np.array([row.at for row in shown], np.int64)]
    context = {
        "comparison": comparison,
        "paired": comparison.paired,
        "cards": _cards(comparison),
        "groups": groups,
        "columns": raster.SHEET_COLUMNS,
        "sheet": raster.data_uri(raster.png(raster.sheet(pictures))),
    }
    page = render("comparison.html.jinja", context)
    with atomic_write(path) as file:
        file.write(page)


def _cards(comparison: Comparison) -> list[Card]:
    paired = comparison.paired
    if paired is None:
        return []  # the headline has said all
    apart, low_to_high = (cell.replace("-", "\N{MINUS SIGN}") for cell in paired.table[3][1:3])
    return [
        *(
            Card(
                percent(correct / paired.n),
                f"{name} read correctly",
                f"{span(interval)}, {plural(paired.n - correct, 'error')}",
            )
            for name, correct, interval in zip("AB", paired.correct, paired.intervals, strict=True)
        ),
        Card(apart, "points, A minus B", low_to_high),
        Card(f"{len(comparison.differences):,}", "read differently", f"of {paired.n:,} pictures"),
    ]
