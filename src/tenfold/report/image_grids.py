"""Figures of images: an example, augmentation, errors, filters, feature maps, robustness."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images
from tenfold.evaluation.occlusion import Maps
from tenfold.evaluation.robustness import Robustness
from tenfold.evaluation.scores import percent
from tenfold.evaluation.top_errors import TopError
from tenfold.report.occlusion import occlusion_picture
from tenfold.report.raster import coloured, tiled
from tenfold.report.theme import (
    FAINT,
    FIRST,
    GRID,
    INK,
    LIGHT,
    SECOND,
    Chart,
    bare,
    new_figure,
    style,
)

SIGNED_COLOURS = "PuOr"
MAP_COLOURS = "cividis"
MAX_MAPS = 32
MAP_COLUMNS = 8
OCCLUSION_LEGEND = (
    "Beside each image: orange is what the prediction rests on, blue is what speaks for the label."
)


@style()
def example(image: NDArray[np.uint8], label: str) -> Chart:
    """Draw one image, uint8 [28, 28], as a grid of pixels."""
    figure = new_figure(440, 470)
    axes = figure.subplots()
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    lines = np.arange(-0.5, SIDE)  # not ticks: 58 of them took a third of a second
    axes.hlines(lines, -0.5, SIDE - 0.5, color=GRID, linewidth=0.5)
    axes.vlines(lines, -0.5, SIDE - 0.5, color=GRID, linewidth=0.5)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_xticks(range(0, SIDE, 9))
    axes.set_yticks(range(0, SIDE, 9))
    axes.set_title(f"label {label}", pad=8)
    return figure


@style()
def augmented(images: Images) -> Chart:
    """Draw images and their augmented versions.

    Args:
        images: uint8 [rows, 1 + versions, 28, 28], the original first.
    """
    rows, columns = images.shape[:2]
    figure = new_figure(30 + 72 * columns, 40 + 72 * rows)
    axes = bare(figure.subplots())
    flat = 255 - images.reshape(-1, SIDE, SIDE)
    axes.imshow(tiled(flat, columns, gap=2), interpolation="nearest")
    axes.axvline(SIDE + 0.5, color=INK, linewidth=1.5)
    axes.set_title("original | augmented", pad=8)
    return figure


@style()
def error_grid(
    images: Images, errors: Sequence[TopError], classes: Sequence[str], maps: Maps | None = None
) -> Chart:
    """Draw errors with the predicted class, the label and the probability of each.

    Args:
        images: uint8 [len(errors), 28, 28].
        errors: as `top_errors` ranks them; may be none.
        classes: the name of each class.
        maps: float32 [m, 28, 28], the occlusion maps of the first m errors, drawn beside them;
            None for none.
    """
    columns = min(3, max(1, len(errors)))
    rows = max(1, -(-len(errors) // columns))
    pairs = () if maps is None else zip(images, maps, strict=False)
    beside = [occlusion_picture(image, values, LIGHT) for image, values in pairs]
    width, height = (360, 240) if beside else (240, 280)
    figure = new_figure(width * columns, height * rows + 40 * bool(beside))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        bare(axes)
    if not errors:
        grid[0].text(0.5, 0.5, "no errors", ha="center", va="center")
    for place, (axes, image, error) in enumerate(zip(grid, images, errors, strict=False)):
        tiles = [np.repeat(255 - image[..., None], 3, axis=2), *beside[place : place + 1]]
        axes.imshow(tiled(np.stack(tiles), columns=2, gap=2), interpolation="nearest")
        predicted = f"predicted {classes[error.prediction]} "
        predicted += f"({percent(error.prediction_probability, 1)})"
        label = f"label {classes[error.label]} ({percent(error.label_probability, 1)})"
        axes.set_title(predicted, color=SECOND, pad=4)
        axes.text(0.0, -0.03, label, color=FIRST, va="top", transform=axes.transAxes)
    if beside:
        figure.supxlabel(OCCLUSION_LEGEND, x=0.01, ha="left", fontsize=8.6, color=FAINT)
    return figure


@style()
def first_filters(filters: NDArray[np.float32]) -> Chart:
    """Draw the filters of the first layer, float32 [filters, h, w]; purple is above 0."""
    figure = new_figure(440, 60 + 50 * -(-len(filters) // MAP_COLUMNS))
    axes = bare(figure.subplots())
    axes.imshow(filter_tiles(filters), interpolation="nearest")
    axes.set_title(f"{len(filters)} filters of the first layer", pad=8)
    return figure


@style()
def feature_maps(stages: Sequence[tuple[str, NDArray[np.float32]]]) -> Chart:
    """Draw the feature maps of one image: a name and float32 [channels, h, w] for each stage."""
    columns = min(2, max(1, len(stages)))
    rows = max(1, -(-len(stages) // columns))
    figure = new_figure(440 * columns, 255 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        bare(axes)
    for axes, (name, maps) in zip(grid, stages, strict=False):
        axes.imshow(map_tiles(maps), interpolation="nearest")
        axes.set_title(name, pad=4)
    return figure


@style()
def robustness(result: Robustness) -> Chart:
    """Draw one example of every corruption and severity, with the accuracy beneath."""
    columns, gap = max(len(corruption.trials) for corruption in result.corruptions), 16
    figure = new_figure(150 + 110 * columns, 60 + 130 * len(result.corruptions))
    axes = bare(figure.subplots())
    pad = np.zeros((SIDE, SIDE), np.uint8)
    tiles = []
    for row, corruption in enumerate(result.corruptions):
        top = row * (SIDE + gap)
        axes.text(-4, top + SIDE / 2, corruption.name, ha="right", va="center", in_layout=True)
        for column, trial in enumerate(corruption.trials):
            middle = column * (SIDE + gap) + SIDE / 2
            axes.text(middle, top - 1, trial.severity, ha="center", va="bottom", fontsize=8.6)
            is_low = trial.accuracy < result.clean.interval[0]
            text, colour = percent(trial.accuracy, 1), SECOND if is_low else INK
            axes.text(middle, top + SIDE, text, ha="center", va="top", color=colour)
        examples = [255 - trial.example for trial in corruption.trials]
        tiles += examples + [pad] * (columns - len(examples))
    axes.imshow(tiled(np.stack(tiles), columns, gap=gap), interpolation="nearest")
    clean = percent(result.clean.accuracy, 1)
    axes.set_title(f"{result.n} images, {clean} uncorrupted", pad=14)
    return figure


def filter_tiles(filters: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour and tile filters, float32 [filters, h, w], as one image uint8 [H, W, 4]."""
    return tiled(coloured(filters, SIGNED_COLOURS, signed=True), MAP_COLUMNS)


def map_tiles(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour and tile the first `MAX_MAPS` maps, float32 [channels, h, w], as one image."""
    return tiled(coloured(maps[:MAX_MAPS], MAP_COLOURS, signed=False), MAP_COLUMNS)
