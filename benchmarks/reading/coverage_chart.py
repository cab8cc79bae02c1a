"""Chart of what is wrong among the surest strings, for every share of them that is accepted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.core.store import Row
from benchmarks.reading.charts import DARK, LIGHT, Colours, coloured, picture, small_png
from benchmarks.reading.strings import COVERAGE
from tenfold.data.atomic import atomic_write
from tenfold.report import theme

SETS = {
    "strings: cheques": "amounts of bank cheques",
    "strings: found singles": "found single digits",
    "strings: amounts": "synthetic amounts",
    "strings: touching pairs": "synthetic pairs that touch",
    "strings: touching triples": "synthetic triples that touch",
}
MARKERS = ("o", "s", "^", "D", "v")


def draw(rows: list[Row], folder: Path) -> str:
    """Draw the curves, light and dark; return the Markdown that shows them, "" without any.

    Args:
        rows: of one model.
        folder: where `reading-coverage-*.png` are written.
    """
    found = {row["measurement"]: row for row in rows if COVERAGE in row}
    curves = {title: found[name] for name, title in SETS.items() if name in found}
    if not curves:
        return ""
    for theme_name, colours in (("light", LIGHT), ("dark", DARK)):
        with coloured(colours):
            content = small_png(theme.to_png(_figure(curves, colours)))
        with atomic_write(folder / f"reading-coverage-{theme_name}.png") as file:
            file.write(content)
    return (
        "Strings sorted by `Reading.probability`, that the whole line is right: what is wrong "
        "among the surest, for every share of them (`min_confidence` sets where to stop):\n\n"
        + picture(
            "reading-coverage", "Share of strings that is wrong against the share that is accepted"
        )
    )


def _figure(curves: Mapping[str, Row], colours: Colours) -> Any:
    ink, _, _, paper, first, second = colours
    figure = theme.new_figure(1100, 420)
    figure.set_facecolor(paper)
    axes = figure.subplots()
    shades = (first, second, "#009e73", "#cc79a7", "#999999")
    for (title, row), shade, marker in zip(curves.items(), shades, MARKERS, strict=False):
        covered, wrong = zip(*row[COVERAGE], strict=True)
        axes.plot(
            [100 * share for share in covered],
            [100 * share for share in wrong],
            color=shade,
            marker=marker,
            markersize=4.5,
            label=f"{title} ({row['strings']:,})",
        )
    axes.set_xlabel("accepted, the surest first, % of the strings")
    axes.set_ylabel("wrong among the accepted, %")
    axes.set_xlim(0, 102)
    axes.set_ylim(bottom=0)
    # above the lines, wherever they run
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=3, labelcolor=ink)
    return figure
