"""Charts of how a model reads: the grid of perturbations, and the misclassified digits."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.core.store import Row
from benchmarks.reading.handwriting import GreyImage
from benchmarks.reading.perturbations import GRID, perturb
from benchmarks.reading.tables import perturbation_steps
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.report import theme

LISTED = "misclassified"  # the key of the list of errors
SHOWN = 44  # misclassified digits of each kind, at most
COLUMNS = 11
# The two themes' ink, faint ink, lines, paper, and the two colours of Okabe and Ito.
LIGHT = (theme.INK, theme.FAINT, theme.GRID, theme.PAPER, theme.FIRST, theme.SECOND)
DARK = ("#e6e9ed", "#a3abb5", "#343a42", "#15181c", "#56b4e9", "#e69f00")
Colours = tuple[str, str, str, str, str, str]


def draw(
    rows: list[Row], test_set: Dataset, rendered: Callable[[], Sequence[GreyImage]], folder: Path
) -> str:
    """Draw both charts, light and dark; return the Markdown that shows those that have rows.

    Args:
        rows: of one model.
        test_set: MNIST's test set.
        rendered: makes the images that the row "mnist:test rendered" was measured on.
        folder: where `reading-*.png` are written.
    """
    found = {row["measurement"]: row for row in rows}
    if "mnist:test rendered" not in found or not perturbation_steps(found):
        return ""
    images = rendered()
    wrong = [
        (
            "as it is",
            [
                (255 - test_set.images[i], i, predicted)
                for i, predicted in found["mnist:test"][LISTED]
            ],
        ),
        (
            "rendered on a canvas",
            [(images[i], i, predicted) for i, predicted in found["mnist:test rendered"][LISTED]],
        ),
    ]
    wrong = [part for part in wrong if part[1]]
    for theme_name, colours in (("light", LIGHT), ("dark", DARK)):
        for name, figure in (
            ("grid", lambda colours=colours: _grid(found, test_set, colours)),
            ("errors", lambda colours=colours: _errors(wrong, test_set, colours)),
        ):
            with coloured(colours):
                content = small_png(theme.to_png(figure()))  # type: ignore[no-untyped-call]
            with atomic_write(folder / f"reading-{name}-{theme_name}.png") as file:
                file.write(content)
    return "\n\n".join(
        [
            picture("reading-grid", "Eight panels: accuracy falls as digits are changed more, less "
                   "than with naive resizing"),
            "Misclassified digits of MNIST's test set, each with its label and the prediction:",
            picture("reading-errors", "Misclassified digits with their labels and the predictions"),
        ]
    )  # fmt: skip


def small_png(content: bytes) -> bytes:
    """Write a PNG in 64 colours: a third of its size."""
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def picture(name: str, alternative: str) -> str:
    """Return the Markdown that shows `docs/images/NAME-*.png`, light or dark."""
    return (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" '
        f'srcset="docs/images/{name}-dark.png">\n  '
        f'<img width="880" alt="{alternative}" src="docs/images/{name}-light.png">\n'
        f"</picture>"
    )


@contextmanager
def coloured(colours: Colours) -> Iterator[None]:
    """Draw in the report's style with other colours."""
    usual = dict(theme.STYLE)
    change = dict(zip(LIGHT, colours, strict=True))
    try:
        theme.STYLE.update({key: change.get(str(value), value) for key, value in usual.items()})
        with theme.style():
            yield
    finally:
        theme.STYLE.update(usual)


def _grid(found: dict[str, Row], test_set: Dataset, colours: Colours) -> Any:
    """Draw the accuracy at each step of each perturbation above one digit that shows the steps."""
    ink, _, _, paper, first, second = colours
    figure = theme.new_figure(1100, 680)
    figure.set_layout_engine("constrained", hspace=0, h_pad=0.03)
    kinds = perturbation_steps(found)
    outer = figure.add_gridspec(2, 4)
    for place, (kind, steps) in enumerate(kinds.items()):
        inner = outer[place // 4, place % 4].subgridspec(2, 1, height_ratios=(3.4, 1), hspace=0)
        axes, strip = figure.add_subplot(inner[0]), figure.add_subplot(inner[1])
        for key, name, style in (
            ("naive_errors", "the same network, naive resizing", (second, "s", 7)),
            ("errors", "Tenfold", (first, "o", 4.5)),
        ):
            colour, marker, size = style
            accuracy = [100 - 100 * step[key] / step["n"] for step in steps]
            axes.plot(accuracy, color=colour, marker=marker, markersize=size, label=name)
        axes.set_title(kind)
        axes.set_xlim(-0.5, len(steps) - 0.5)
        axes.set_ylim(0, 104)
        axes.set_xticks(range(len(steps)), [step["step"].replace("/", "\n") for step in steps])
        axes.grid(axis="x", visible=False)
        random = np.random.default_rng(3)
        tiles = [perturb(test_set.images[18 + place], kind, step["step"], random) for step in steps]
        framed = [np.pad(tile, 4, constant_values=150) for tile in tiles]
        strip.imshow(np.hstack(framed), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        strip.set_xlabel(GRID[kind][0])
        strip.set_xticks([])
        strip.set_yticks([])
        strip.spines[:].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper left", ncols=2, labelcolor=ink)
    for axes in figure.axes[::8]:  # the first panel of each row
        axes.set_ylabel("accuracy, %")
    figure.set_facecolor(paper)
    return figure


def _errors(
    wrong: list[tuple[str, list[tuple[GreyImage, int, int]]]], test_set: Dataset, colours: Colours
) -> Any:
    """Draw misclassified digits, a block for each kind, with label and prediction beneath."""
    ink, faint, _, paper, _, _ = colours
    rows = [-(-min(SHOWN, len(some)) // COLUMNS) for _, some in wrong]
    figure = theme.new_figure(1100, 118 * sum(rows) + 44 * len(wrong))
    heights = [118 * n + 44 for n in rows]
    parts = figure.subfigures(len(wrong), 1, squeeze=False, height_ratios=heights).flat
    for part, (title, some), count in zip(parts, wrong, rows, strict=True):
        less = f"; the first {SHOWN}" if len(some) > SHOWN else ""
        part.set_facecolor(paper)
        part.suptitle(f"{title}: {len(some)}{less}", x=0.01, ha="left", fontsize=10, color=ink)
        grid = part.subplots(count, COLUMNS, squeeze=False)
        for axes in grid.flat:
            theme.bare(axes)
        for axes, (image, index, predicted) in zip(grid.flat, some[:SHOWN], strict=False):
            axes.imshow(square(image), cmap="gray", vmin=0, vmax=255)
            label = test_set.require_labels()[index]
            caption = f"{label}, predicted {predicted}" if predicted >= 0 else f"{label}, not found"
            axes.text(0.5, -0.06, caption, ha="center", va="top", transform=axes.transAxes,
                      fontsize=8.6, color=faint)  # fmt: skip
    return figure


def square(image: GreyImage) -> GreyImage:
    """Fit an image into 84 x 84, the rest white."""
    height, width = image.shape
    scale = 84 / max(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=how)
    whole = np.full((84, 84), 255, np.uint8)
    top, left = (84 - small.shape[0]) // 2, (84 - small.shape[1]) // 2
    whole[top : top + small.shape[0], left : left + small.shape[1]] = small
    return whole
