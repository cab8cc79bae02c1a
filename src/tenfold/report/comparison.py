"""Write a comparison of two models as one HTML page."""

from pathlib import Path

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison, Difference
from tenfold.evaluation.mcnemar import SIGNIFICANCE
from tenfold.evaluation.scores import percent
from tenfold.report import raster
from tenfold.report.formatting import percent_range, plural
from tenfold.report.render import render
from tenfold.report.sections import Card

MAX_SHOWN = 200  # images of each group: 600 in all, at most 0.6 MB even as pure noise


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write accuracies, McNemar's test and the images with different predictions.

    Args:
        comparison: with its images.
        path: the HTML file to write.

    Raises:
        TenfoldError: where the images are missing, or the file cannot be written.
    """
    if comparison.images is None:
        raise TenfoldError(
            f"{path}: not written: the {comparison.compared_on} can no longer be loaded"
        )
    shown: list[Difference] = []
    groups = []
    for title, differences in comparison.groups.items():
        first = len(shown)
        shown += differences[:MAX_SHOWN]
        groups.append((title, len(differences), list(enumerate(differences[:MAX_SHOWN], first))))
    images = comparison.images[np.array([difference.index for difference in shown], np.int64)]
    context = {
        "comparison": comparison,
        "mcnemar": comparison.mcnemar,
        "significance": SIGNIFICANCE,
        "cards": _cards(comparison),
        "groups": groups,
        "columns": raster.SPRITE_COLUMNS,
        "sprite": raster.png_uri(raster.sprite_sheet(images)),
    }
    page = render("comparison.html.jinja", context)
    with atomic_write(path) as file:
        file.write(page)


def _cards(comparison: Comparison) -> list[Card]:
    test = comparison.mcnemar
    if test is None:
        return []  # the headline has the only number
    difference, interval = (
        cell.replace("-", "\N{MINUS SIGN}") for cell in test.accuracy_table[3][1:3]
    )
    return [
        *(
            Card(
                percent(correct / test.n),
                f"accuracy of {name}",
                f"{percent_range(interval)}, {plural(test.n - correct, 'error')}",
            )
            for name, correct, interval in zip("AB", test.correct, test.intervals, strict=True)
        ),
        Card(difference, "points, A minus B", interval),
        Card(
            f"{len(comparison.differences):,}",
            "different predictions",
            f"of {test.n:,} images",
        ),
    ]
