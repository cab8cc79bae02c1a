"""Write a comparison of two models as one HTML page."""

from pathlib import Path

import numpy as np
from markupsafe import Markup

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison, Difference
from tenfold.evaluation.mcnemar import SIGNIFICANCE
from tenfold.evaluation.recipe_comparison import RecipeComparison
from tenfold.evaluation.scores import percent
from tenfold.report import raster
from tenfold.report.formatting import percent_range, plural
from tenfold.report.plots import compared_curves
from tenfold.report.render import render
from tenfold.report.sections import Card
from tenfold.report.theme import to_svg

MAX_SHOWN = 200  # images of each group: 600 in all, at most 0.6 MB even as pure noise


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write what differs between recipes, models and predictions, and the tests of it.

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
        "recipes": comparison.recipes,
        "seeds_table": _seeds_table(comparison.recipes),
        "curve_charts": _curves(comparison.recipes),
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


def _curves(recipes: RecipeComparison) -> list[Markup]:
    """Draw the loss and the accuracy of all runs over the epochs; nothing where a side has none."""
    if not all(recipes.histories):
        return []
    both = [history for side in recipes.histories for history in side]
    validated = all(not history["val_accuracy"].null_count() for history in both)
    columns = ("loss", "val_accuracy" if validated else "accuracy")
    return [
        Markup(
            to_svg(
                compared_curves(recipes.histories, column),
                column.replace("_", ""),
                f"{column.replace('val_', 'validation ')} of A and B over the epochs",
            )
        )
        for column in columns
    ]


def _cards(comparison: Comparison) -> list[Card]:
    test, recipes = comparison.mcnemar, comparison.recipes
    if test is None:
        return []  # the headline has the only number
    if recipes.verdict:
        *sides, gap = _seeds_table(recipes)[1:]
        return [
            *(
                Card(mean, f"mean accuracy of {name}", f"{interval}, {runs} runs")
                for name, runs, mean, _, interval in sides
            ),
            Card(gap[2], "points, mean of A minus B", gap[4]),
        ]
    difference, interval = map(_minus, test.accuracy_table[3][1:3])
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


def _seeds_table(recipes: RecipeComparison) -> list[tuple[str, ...]]:
    """Give the table of means with en dashes in ranges and minus signs before numbers."""
    head, *rows = recipes.table
    ranges = [(*row[:4], row[4].replace("-", "\N{EN DASH}")) for row in rows[:-1]]
    return [head, *ranges, *(tuple(map(_minus, row)) for row in rows[-1:])]


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
