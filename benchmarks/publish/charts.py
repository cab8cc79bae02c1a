"""The charts of `BENCHMARKS.md`, each as two SVG files: for light and for dark pages."""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.baselines.baseline import BASELINES
from benchmarks.core.store import Row
from benchmarks.speed.aggregate import Config, Place
from tenfold.data.atomic import atomic_write
from tenfold.report.theme import DPI, FAINT, FIRST, GRID, INK, PAPER, SECOND, new_figure, style

DARK = {
    INK: "#e8eaed",
    FAINT: "#9aa3ae",
    GRID: "#2c323a",
    PAPER: "#101317",
    FIRST: "#56b4e9",
    SECOND: "#f0963c",
}
PANEL, TALL = 470, 430  # pixels
SPLITS = {"kaggle": "kaggle:test, 28,000 images", "mnist": "mnist:test, 10,000 images"}


def save(figure: Figure, name: str, label: str, folder: Path) -> str:
    """Write `NAME-light.svg` and `NAME-dark.svg`; return the Markdown that shows them.

    Args:
        figure: drawn in the report's colours.
        name: of the files.
        label: the alternative text.
        folder: where the files go.
    """
    file = io.StringIO()
    with style():
        import matplotlib

        # Letters become shapes: readers need not have the fonts that the chart was laid out with.
        with matplotlib.rc_context({"svg.fonttype": "path"}):
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    light = file.getvalue()
    dark = light
    for colour, other in DARK.items():
        dark = dark.replace(colour, other)
    folder.mkdir(parents=True, exist_ok=True)
    for theme, text in (("light", light), ("dark", dark)):
        with atomic_write(folder / f"{name}-{theme}.svg") as written:
            written.write(text.encode())
    place = f"docs/images/{name}"
    return (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{place}-dark.svg">\n'
        f'  <img alt="{label}" src="{place}-light.svg">\n</picture>'
    )


@style()
def error_against_time(found: list[Config], place: Place) -> Figure | None:
    """Draw the mean error of every configuration against its time; None without any.

    A panel a split. On a CPU the time is that of the whole process, on a GPU that of the training
    loop.
    """
    key = "seconds" if place[0] == "cpu" else "training_seconds"
    panels = {
        split: [
            config
            for config in found
            if config.train == split and config.seconds(place, key) is not None
        ]
        for split in SPLITS
    }
    panels = {split: mine for split, mine in panels.items() if mine}
    if not panels:
        return None
    figure = new_figure(PANEL * len(panels), TALL)
    placed = []
    several = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (split, mine) in zip(several, panels.items(), strict=True):
        points = {config: (config.seconds(place, key) or 0.0, _error(config)) for config in mine}
        _panel(axes, mine, points)
        placed.append((axes, points))
        axes.set_title(SPLITS[split], pad=10)
        timed = "whole process" if key == "seconds" else "training loop"
        axes.set_xlabel(f"{timed}, seconds")
    edges = [edge for mine in panels.values() for config in mine for edge in _interval(config)]
    several[0].set_ylim(min(edges) / 1.25, max(edges) * 1.25)  # of all panels: they share it
    several[0].set_ylabel("error, % of the test images")
    figure.draw_without_rendering()  # where the points are is known from here on
    for axes, points in placed:
        _name_points(axes, points)
    return figure


def _panel(axes: Axes, found: list[Config], points: dict[Config, tuple[float, float]]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, baseline in sorted({(config.name, config.baseline) for config in found}):
        mine = [config for config in found if (config.name, config.baseline) == (name, baseline)]
        mine.sort(key=lambda config: config.epochs)
        colour, mark = (SECOND, "s") if baseline else (FIRST, "o")
        times, errors = zip(*(points[config] for config in mine), strict=True)
        axes.plot(times, errors, mark, color=colour, markersize=6, zorder=3)
        axes.plot(times, errors, color=colour, linewidth=1.4, zorder=2)
        for config in mine:
            axes.plot([points[config][0]] * 2, _interval(config), color=colour, linewidth=1.2)
    low, high = min(x for x, _ in points.values()), max(x for x, _ in points.values())
    axes.set_xlim(low / 2, high * 2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_locator(NullLocator())
    axes.tick_params(which="both", length=0)


def _name_points(axes: Axes, points: dict[Config, tuple[float, float]]) -> None:
    """Label each point with its name or epochs, where the label overlaps nothing else."""
    last = {config.name: config for config in sorted(points, key=lambda config: config.epochs)}
    pixels = {config: axes.transData.transform(point) for config, point in points.items()}
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in pixels.values()]
    left, _, right, _ = axes.get_window_extent().extents
    for config, point in points.items():
        text, colour = f"{config.epochs}", FAINT
        if last[config.name] is config:
            name = BASELINES[config.name].short if config.baseline else config.name
            text, colour = f"{name} {config.epochs}", INK
        wide, (x, y) = 6.3 * len(text), pixels[config]
        back = -8 - wide
        tries = [(8, -4), (8, 9), (8, -17), (back, -4), (-wide / 2, 12), (-wide, 12), (-wide, -22)]
        for across, up in tries if colour == INK else [(back, -15), (8, 3), *tries]:
            box = (x + across, y + up, x + across + wide, y + up + 12)
            if box[0] > left and box[2] < right and not any(_meet(box, one) for one in taken):
                break
        taken.append(box)
        by = (across * 72 / DPI, up * 72 / DPI)
        axes.annotate(
            text, point, by, textcoords="offset points", color=colour, fontsize=8, in_layout=False
        )


Box = tuple[float, float, float, float]  # left, bottom, right, top


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _error(config: Config) -> float:
    return 100 * (1 - config.accuracy.mean)


def _interval(config: Config) -> tuple[float, float]:
    """Give the edges of the interval of the mean, or the mean twice where n is 1."""
    interval, middle = config.accuracy.interval, _error(config)
    if interval is None:
        return middle, middle
    low, high = (100 * (1 - edge) for edge in reversed(interval))
    return max(low, middle / 3), high


@style()
def cost_against_images(rows: list[Row]) -> Figure:
    """Draw training seconds per 10,000 images, and peak memory, against the number of images."""
    figure = new_figure(PANEL * 2, 330)
    seconds, memory = figure.subplots(1, 2)
    rows = sorted(rows, key=lambda row: int(row["images"]))
    counts = [row["images"] for row in rows]
    seconds.plot(counts, [row["training_seconds"] / row["images"] * 1e4 for row in rows], "o-")
    memory.plot(counts, [row["peak_bytes"] / 1e6 for row in rows], "o-")
    seconds.set_title("training seconds per 10,000 images", pad=10)
    memory.set_title("peak memory of the process, MB", pad=10)
    for axes in (seconds, memory):
        for line in axes.lines:
            line.set(color=FIRST, markersize=6)
        axes.set_ylim(0, max(axes.lines[0].get_ydata()) * 1.25)
        axes.set_xlim(0, max(counts) * 1.06)
        axes.set_xlabel("training images")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.tick_params(length=0)
    return figure
