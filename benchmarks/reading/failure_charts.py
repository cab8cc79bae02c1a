"""Chart of the synthetic strings that were not read right, a block for each kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.core.store import Row
from benchmarks.reading.charts import DARK, LIGHT, Colours, coloured, picture, small_png
from benchmarks.reading.counting import count, parse_rows
from benchmarks.reading.strings import LISTED, MakeStrings, StringImage
from tenfold.data.atomic import atomic_write
from tenfold.report import theme

SHOWN = 18  # failures of each kind, at most
COLUMNS = 6
Failure = tuple[StringImage, str, int]  # the string, what was read, accepted and wrong digits


def draw(rows: list[Row], synthetic: Mapping[str, MakeStrings], folder: Path) -> str:
    """Draw the failures, light and dark; return the Markdown that shows them, "" without any.

    Args:
        rows: of one model.
        synthetic: what makes the strings of each kind again. Only of these is anything drawn.
        folder: where `reading-strings-*.png` are written.
    """
    found = {row["measurement"]: row for row in rows}
    kinds = {
        name: failures(found[f"strings: {name}"], make)
        for name, make in synthetic.items()
        if found.get(f"strings: {name}", {}).get(LISTED)
    }
    if not kinds:
        return ""
    for theme_name, colours in (("light", LIGHT), ("dark", DARK)):
        with coloured(colours):
            content = small_png(theme.to_png(_figure(kinds, colours)))
        with atomic_write(folder / f"reading-strings-{theme_name}.png") as file:
            file.write(content)
    return (
        "Synthetic strings that were not read right, each with its truth and the reading, those "
        "with the most accepted and wrong digits first:\n\n"
        + picture("reading-strings", "Strings of digits with their truth and the reading")
    )


def failures(row: Row, make: MakeStrings) -> list[Failure]:
    """Return the strings of one kind that were not read right, the worst first.

    Args:
        row: of the kind, with the list of its failures.
        make: makes its strings again.
    """
    read = {int(index): str(text) for index, text in row[LISTED]}
    failed = [
        (string, read[index], count(string.truth, parse_rows(read[index])).accepted_wrong)
        for index, string in enumerate(make())
        if index in read
    ]
    return sorted(failed, key=lambda failure: -failure[2])


def _figure(kinds: Mapping[str, list[Failure]], colours: Colours) -> Any:
    ink, faint, _, paper, _, _ = colours
    rows = [-(-min(SHOWN, len(some)) // COLUMNS) for some in kinds.values()]
    heights = [110 * n + 44 for n in rows]
    figure = theme.new_figure(1100, sum(heights))
    parts = figure.subfigures(len(kinds), 1, squeeze=False, height_ratios=heights).flat
    for part, (name, some), n in zip(parts, kinds.items(), rows, strict=True):
        wrong = sum(failure[2] > 0 for failure in some)
        title = f"{name}: {len(some)} not right, {wrong} with a digit accepted and wrong"
        part.set_facecolor(paper)
        part.suptitle(title, x=0.01, ha="left", fontsize=10, color=ink)
        grid = part.subplots(n, COLUMNS, squeeze=False)
        for axes in grid.flat:
            theme.bare(axes)
        for axes, (string, read, _) in zip(grid.flat, some[:SHOWN], strict=False):
            axes.imshow(string.grey(), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            caption = f"{'|'.join(string.truth)}, read {read or 'nothing'}"
            axes.text(0.5, -0.06, caption, ha="center", va="top", transform=axes.transAxes,
                      fontsize=8.6, color=faint)  # fmt: skip
    return figure
