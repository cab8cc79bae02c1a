"""The charts of a run: class counts, learning curves, confusion matrix, calibration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)
from numpy.typing import NDArray

from tenfold.evaluation.calibration import Calibration
from tenfold.evaluation.scores import wilson
from tenfold.report.theme import FAINT, FIRST, GRID, INK, SECOND, Chart, new_figure, style

if TYPE_CHECKING:
    import polars as pl

PANELS = ("loss", "accuracy")
PANEL_WIDTH = 440  # pixels: its 13-pixel text is still 10 pixels on a phone
MAX_ANNOTATED = 20  # a confusion matrix of more classes has no room for numbers in its cells


@style()
def class_counts(counts: Mapping[str, NDArray[np.int64]], classes: Sequence[str]) -> Chart:
    """Draw the number of images of each class, a panel per dataset.

    Args:
        counts: for each dataset's name, int64 [classes].
        classes: the name of each class.
    """
    figure = new_figure(PANEL_WIDTH * len(counts), 70 + 23 * len(classes))
    panels = figure.subplots(1, len(counts), squeeze=False)[0]
    for axes, (name, values) in zip(panels, counts.items(), strict=True):
        rows = np.arange(len(classes))
        axes.barh(rows, values, height=0.72, color=FIRST)
        for row, value in zip(rows, values, strict=True):
            axes.annotate(
                f"{value:,}",
                (value, row),
                (5, 0),
                textcoords="offset points",
                va="center",
                in_layout=False,
            )
        axes.set_yticks(rows, classes, color=INK)
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.set_xlim(0, max(1, values.max()) * 1.18)
        axes.xaxis.set_major_locator(NullLocator())
        axes.spines["bottom"].set_visible(False)
        axes.grid(visible=False)
        axes.set_title(f"{name}: {values.sum():,} images", pad=8)
    return figure


@style()
def learning_curves(
    history: "pl.DataFrame", panels: Sequence[str] = PANELS, loss_floor: float = 0.0
) -> Chart:
    """Draw loss and accuracy over the epochs, and the learning rate beneath.

    Both scales are logarithmic, accuracy in its errors, to resolve the end of training.

    Args:
        history: the columns `epoch`, `learning_rate`, `loss`, `accuracy` and, where there is
            a validation set, `val_loss`, `val_accuracy`; one row or more.
        panels: "loss", "accuracy" or both.
        loss_floor: is taken off the training loss, which the validation loss has no part of (see
            `tenfold.run.recipe.loss_floor`).
    """
    figure = new_figure(PANEL_WIDTH * len(panels), 380)
    grid = figure.subplots(
        2, len(panels), squeeze=False, sharex=True, gridspec_kw={"height_ratios": [5, 1]}
    )
    for column, panel in enumerate(panels):
        _curve(grid[0][column], history, panel, loss_floor)
        _learning_rate(grid[1][column], history)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


@style()
def compared_curves(
    histories: "tuple[Sequence[pl.DataFrame], Sequence[pl.DataFrame]]", column: str
) -> Chart:
    """Draw a column of the learning curves of two recipes, A and B, a line for each of their runs.

    Args:
        histories: of A's runs and of B's, as `learning_curves` takes one; a run or more of each.
        column: "loss", "accuracy", "val_loss" or "val_accuracy", which all of them have.
    """
    figure = new_figure(PANEL_WIDTH, 340)
    axes = figure.subplots()
    drawn = []
    for name, side, colour, dash in zip("AB", histories, (FIRST, SECOND), ("-", "--"), strict=True):
        for number, history in enumerate(side):
            heights = heights_of(history[column].cast(float).to_numpy(), "accuracy" in column)
            drawn.append(heights)
            axes.plot(
                history["epoch"],
                heights,
                dash,
                color=colour,
                label="_" if number else name,
                linewidth=2.0 if len(side) == 1 else 1.4,
                marker="." if len(history) == 1 else None,
            )
    part, measure = ("validation", column[4:]) if "_" in column else ("training", column)
    set_log_scale(axes, np.concatenate(drawn), measure == "accuracy")
    axes.set_title(f"{part} {measure}", pad=6)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


@style()
def confusion_matrix(
    confusion: NDArray[np.int64], classes: Sequence[str], normalised: bool = False
) -> Chart:
    """Draw a confusion matrix, rows the true classes; errors are shaded by their count.

    Args:
        confusion: int64 [classes, classes].
        classes: the name of each class.
        normalised: show per cent of each row instead of counts.
    """
    values = row_percentages(confusion) if normalised else confusion.astype(np.float64)
    side = max(440, 110 + 42 * min(len(classes), 26))
    figure = new_figure(side, side)
    axes = figure.subplots()
    errors = np.where(np.eye(len(classes), dtype=bool), 0, values)
    shade = np.sqrt(errors / max(errors.max(), 1e-9))
    to_error = LinearSegmentedColormap.from_list("errors", ["#ffffff", SECOND])
    colours = to_error(shade * 0.75)
    colours[np.eye(len(classes), dtype=bool)] = (0, 0.447, 0.698, 0.16)
    axes.imshow(colours)
    if len(classes) <= MAX_ANNOTATED:
        for (row, column), value in np.ndenumerate(values):
            if confusion[row, column]:
                text = f"{value:.1f}" if normalised else f"{value:.0f}"
                axes.text(
                    column, row, text, ha="center", va="center", fontsize=8.6, in_layout=False
                )
    rotation = 90 if max(map(len, classes)) > 3 else 0
    axes.set_xticks(range(len(classes)), classes, color=INK, rotation=rotation)
    axes.set_yticks(range(len(classes)), classes, color=INK)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title("per cent of each true class" if normalised else "number of images", pad=8)
    return figure


@style()
def reliability_diagram(calibration: Calibration) -> Chart:
    """Draw accuracy against confidence for each bin, with 95 % intervals."""
    figure = new_figure(PANEL_WIDTH, 400)
    axes = figure.subplots()
    confidence = np.array([group.confidence for group in calibration.bins])
    accuracy = np.array([group.accuracy for group in calibration.bins])
    intervals = np.array([wilson(round(g.n * g.accuracy), g.n) for g in calibration.bins])
    low = max(0.0, min(confidence.min(), accuracy.min(), intervals.min()))
    low -= 0.04 * (1 - low)
    axes.plot([low, 1], [low, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.vlines(
        confidence, intervals[:, 0], intervals[:, 1], color=FIRST, linewidth=1.4, alpha=0.55
    )
    axes.plot(confidence, accuracy, "o", color=FIRST, markersize=6)
    high = 1 + 0.04 * (1 - low)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    decimals = 0 if low < 0.9 else 1
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1, decimals, symbol=" %"))
    return figure


def row_percentages(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each row of a confusion matrix as per cent of its sum; an empty row stays 0."""
    sums = np.maximum(1, confusion.sum(axis=1, keepdims=True))
    percentages: NDArray[np.float64] = np.divide(100 * confusion, sums, dtype=np.float64)
    return percentages


def _curve(axes: Axes, history: "pl.DataFrame", panel: str, loss_floor: float) -> None:
    minus = f" (training minus {loss_floor:.3f})" if panel == "loss" and loss_floor else ""
    axes.set_title(f"{panel}{minus}", pad=6)
    lines = [
        ("training", panel, FIRST, "-", "o"),
        ("validation", f"val_{panel}", SECOND, "--", "s"),
    ]
    drawn: list[NDArray[np.float64]] = []
    for label, column, colour, dash, marker in lines:
        if column not in history.columns or history[column].null_count() == len(history):
            continue
        values = history[column].cast(float).to_numpy()
        if column == "loss":
            values = np.maximum(values - loss_floor, 1e-6)
        heights = heights_of(values, panel == "accuracy")
        drawn.append(heights)
        size = 4.5 if len(history) <= 40 else 0
        axes.plot(
            history["epoch"],
            heights,
            dash,
            color=colour,
            label=label,
            marker=marker,
            markersize=size,
        )
    set_log_scale(axes, np.concatenate(drawn), panel == "accuracy")


def heights_of(values: NDArray[np.float64], is_accuracy: bool) -> NDArray[np.float64]:
    """Give what is drawn on a logarithmic scale: of an accuracy its errors.

    An accuracy of 1 has no place there: 0.01 % of errors stands in for it.
    """
    return np.maximum(1 - values, 1e-4) if is_accuracy else values


def set_log_scale(axes: Axes, heights: NDArray[np.float64], as_accuracy: bool) -> None:
    """Put ticks at 1, 2 and 5 times a power of ten only, fewer where they would be many."""
    axes.set_yscale("log")
    valid = heights[np.isfinite(heights) & (heights > 0)]
    low, high = (valid.min() / 1.25, valid.max() * 1.25) if len(valid) else (0.1, 1.0)
    candidates = [step * 10.0**power for power in range(-5, 3) for step in (1, 2, 5)]
    ticks = [tick for tick in candidates if low <= tick <= high]
    if len(ticks) > 8:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"]
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda tick, _: f"{100 - tick * 100:g} %" if as_accuracy else f"{tick:g}")
    )
    if as_accuracy:
        axes.invert_yaxis()


def _learning_rate(axes: Axes, history: "pl.DataFrame") -> None:
    rates = history["learning_rate"].cast(float).to_numpy()
    epochs = history["epoch"].to_numpy()
    axes.fill_between(epochs, rates, color=GRID, linewidth=0)
    axes.plot(epochs, rates, color=FAINT, linewidth=1.4, marker="." if len(epochs) == 1 else None)
    top = max(float(rates.max()), 1e-12)
    axes.set_ylim(0, top * 1.15)
    axes.set_yticks([0, top], ["0", f"{top:.2g}"])
    axes.grid(visible=False)
    axes.set_title("learning rate", fontsize=9.4, color=FAINT, pad=4)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
