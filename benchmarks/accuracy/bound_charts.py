"""Drawings of `bound`: errors against the number of networks, and the images that all misread."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from benchmarks.accuracy.bound_kinds import KINDS, Misread, curve, limit
from benchmarks.accuracy.bound_tables import current_folds, current_misread, current_test
from benchmarks.accuracy.bound_test_set import KNOWN_WRONG
from benchmarks.core.store import Row
from benchmarks.publish import charts
from benchmarks.reading.charts import DARK, LIGHT, Colours, coloured, picture, small_png
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import SIDE, Images
from tenfold.data.source import load
from tenfold.report import theme

COLUMNS, CARD, LINE, HEAD = 5, 222, 84, 46  # cards a row; their width, height and heading, pixels
SCALE = 2  # canvas pixels for a pixel of the figure: 28 become 56 and 112, without resampling
NAMES = {  # headings, for a reader who has not read the rules
    "label issue": "the label is likely wrong, by confident learning",
    "ambiguous": "label and prediction nearly as probable, the nearest training images of several "
    "classes",
    "missed by all": "though most of the nearest training images have its label",
    "other": "no class has most of the nearest training images, or a third one has",
    "against its label": "every network and most of the nearest training images say another class",
}


@dataclass(frozen=True, eq=False)
class Card:
    """A misread image: its label, what it is read as, and its nearest training images.

    Args:
        image: uint8 [28, 28].
        label, prediction: class indices.
        note: a word or two beside them.
        neighbours: uint8 [k, 28, 28].
        neighbour_labels: k class indices.
    """

    image: Images
    label: int
    prediction: int
    note: str
    neighbours: Images
    neighbour_labels: Sequence[int]


Groups = dict[tuple[str, str], list[Card]]  # a heading and its explanation


def draw(rows: list[Row], folder: Path) -> str:
    """Draw everything that has rows; return the Markdown that shows it.

    Args:
        rows: of the benchmark.
        folder: where `bound-*` are written.
    """
    parts = []
    if folds := current_folds(rows):
        misread = current_misread(rows)
        label = "Errors of an average of networks against their number; misread images by kind"
        parts.append(charts.save(errors_and_kinds(misread), "bound-errors", label, folder))
        every = sum(one.by_all for one in misread)
        parts.append(
            f"The {every:,} images of the tuning set that each of the "
            f"{len(folds[0]['seeds'])} networks misreads: label, prediction and its mean "
            "probability, and the five nearest training images with their labels:"
        )
        label = "Images that every network misreads, by kind, each with its nearest training images"
        parts.append(_save(tuning_groups(misread), "bound-images", label, folder))
    if test := current_test(rows):
        parts.append(
            "Images of `mnist:test` that are misread, and those with labels that are known to be "
            "wrong, each with its nearest training images:"
        )
        label = "Images of the test set, those with labels known to be wrong first"
        parts.append(_save(test_groups(test), "bound-test-set", label, folder))
    return "\n\n".join(parts)


@theme.style()
def errors_and_kinds(misread: Sequence[Misread]) -> Figure:
    """Draw the errors against the number of networks, and the misread images by kind."""
    figure = theme.new_figure(charts.PANEL * 2, 360)
    left, right = figure.subplots(1, 2)
    _draw_curve(left, misread)
    _draw_kinds(right, misread)
    return figure


def _draw_curve(axes: Axes, misread: Sequence[Misread]) -> None:
    points = curve(misread)
    sizes = [point.size for point in points]
    errors, halves = zip(*(point.errors for point in points), strict=True)
    shared = [point.shared[0] for point in points]
    rest = limit(misread)[0]
    axes.errorbar(sizes, errors, halves, color=theme.FIRST, marker="o", elinewidth=1.2,
                  label="errors of their mean")  # fmt: skip
    axes.axhline(rest, color=theme.FAINT, linewidth=1.2, linestyle=(0, (4, 3)),
                 label=f"extrapolated to any number: {rest:.0f}")  # fmt: skip
    axes.plot(sizes, shared, color=theme.SECOND, marker="s", label="misread by every one of them")
    axes.legend(loc="lower left", labelcolor=theme.INK)
    axes.set_xlim(0.6, sizes[-1] + 0.4)
    axes.set_ylim(0, max(e + h for e, h in zip(errors, halves, strict=True)) * 1.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(length=0)
    axes.set_xlabel("networks averaged, of other seeds")
    axes.set_title("errors, with 95 % intervals over images", pad=10)


def _draw_kinds(axes: Axes, misread: Sequence[Misread]) -> None:
    kinds = list(KINDS)
    places = np.arange(len(kinds), dtype=np.float64)
    counts = {
        "misread by any": ([sum(one.kind == kind for one in misread) for kind in kinds], -0.19),
        "by every network": (
            [sum(one.kind == kind and one.by_all for one in misread) for kind in kinds],
            0.19,
        ),
    }
    for (name, (values, shift)), colour in zip(
        counts.items(), (theme.FIRST, theme.SECOND), strict=True
    ):
        axes.barh(places + shift, values, 0.34, color=colour, label=name)
        for place, value in zip(places + shift, values, strict=True):
            axes.annotate(f"{value}", (value, place), (4, 0), textcoords="offset points",
                          va="center", fontsize=8.6, color=theme.FAINT)  # fmt: skip
    axes.set_yticks(places, kinds)
    axes.tick_params(length=0, axis="y", labelcolor=theme.INK)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1, *counts["misread by any"][0]) * 1.15)
    axes.xaxis.set_major_locator(NullLocator())
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    axes.legend(loc="upper right", handlelength=1.0, labelcolor=theme.INK)
    axes.set_title("misread images by kind", pad=10)


def tuning_groups(misread: Sequence[Misread]) -> Groups:
    """Give the images that every network misreads, by kind, the most certain errors first."""
    images = load("mnist").images
    groups: Groups = {}
    for kind in KINDS:
        cards = [
            Card(
                images[one.row],
                one.label,
                one.prediction,
                f"{100 * one.mean[one.prediction]:.0f} %",
                images[list(one.neighbours)],
                one.neighbour_labels,
            )
            for one in misread
            if one.by_all and one.kind == kind
        ]
        if cards:
            groups[kind, NAMES.get(kind, "")] = cards
    return groups


def test_groups(row: Row) -> Groups:
    """Give the misread images of the test set, those with labels known to be wrong first."""
    groups: Groups = {
        ("label known to be wrong", "misread"): [],
        ("label known to be wrong, read as labelled", ""): [],
        ("other misread images", ""): [],
    }
    known, learned, other = groups.values()
    test_images, images = load("mnist:test").images, load("mnist").images
    for one in row["misread"]:
        wrong = [found for found in one["predictions"] if found != one["label"]]
        prediction = max(wrong, key=wrong.count) if wrong else one["label"]
        is_known = one["row"] in KNOWN_WRONG
        group = (known if wrong else learned) if is_known else other
        group.append(
            Card(
                test_images[one["row"]],
                one["label"],
                prediction,
                f"row {one['row']:,}",
                images[one["neighbours"]],
                one["neighbour_labels"],
            )
        )
    return {heading: cards for heading, cards in groups.items() if cards}


def _save(groups: Groups, name: str, label: str, folder: Path) -> str:
    for theme_name, colours in (("light", LIGHT), ("dark", DARK)):
        with coloured(colours):
            content = small_png(theme.to_png(_gallery(groups, colours)))
        with atomic_write(folder / f"{name}-{theme_name}.png") as file:
            file.write(content)
    return picture(name, label)


def _gallery(groups: Groups, colours: Colours) -> Figure:
    """Draw cards in rows, a heading for each group."""
    ink, faint, _, paper, first, second = colours
    width = COLUMNS * CARD
    heights = [HEAD + LINE * -(-len(cards) // COLUMNS) for cards in groups.values()]
    figure = theme.new_figure(width, sum(heights))
    figure.set_layout_engine("none")
    axes = theme.bare(figure.add_axes((0, 0, 1, 1)))
    canvas = np.zeros((sum(heights) * SCALE, width * SCALE), np.uint8)
    write = partial(_write, axes)
    top = 0
    for ((title, meaning), cards), height in zip(groups.items(), heights, strict=True):
        head = write(10, top + 24, f"{title} · {len(cards)}", ink, 10.5, weight="bold")
        axes.annotate(meaning, (1, 0), (9, 0), xycoords=head, textcoords="offset points",
                      color=faint, fontsize=9, va="bottom", annotation_clip=False)  # fmt: skip
        for place, card in enumerate(cards):
            left, line = place % COLUMNS * CARD + 10, top + HEAD + place // COLUMNS * LINE
            _paste(canvas, card.image, left, line, 2)
            known = {card.prediction: second, card.label: first}
            centred = partial(write, ha="center")
            centred(left + 72, line + 8, f"{card.label}", first, 12, weight="bold")
            centred(left + 88, line + 8, "\N{RIGHTWARDS ARROW}", faint, 9)
            read = known[card.prediction]
            centred(left + 104, line + 8, f"{card.prediction}", read, 12, weight="bold")
            write(left + 117, line + 8, card.note, faint, 8)
            for at, (image, label) in enumerate(
                zip(card.neighbours, card.neighbour_labels, strict=True)
            ):
                _paste(canvas, image, left + 64 + at * 28, line + 20, 1)
                colour = known.get(label, faint)
                centred(left + 78 + at * 28, line + 54, f"{label}", colour, 8)
        top += height
    pixels = _mixed(canvas, paper, ink)
    axes.imshow(pixels, extent=(0, width, sum(heights), 0), interpolation="antialiased")
    axes.set_xlim(0, width)
    axes.set_ylim(sum(heights), 0)
    return figure


def _write(axes: Axes, x: float, y: float, text: str, colour: str, size: float, **how: Any) -> Text:
    return axes.text(x, y, text, color=colour, fontsize=size, va="center", zorder=3, **how)


def _paste(canvas: Images, image: Images, left: int, top: int, times: int) -> None:
    """Put an image on the canvas, uint8 [h, w], each of its pixels `times` figure pixels wide."""
    large = np.kron(image, np.ones((times * SCALE, times * SCALE), np.uint8))
    size = SIDE * times * SCALE
    canvas[top * SCALE : top * SCALE + size, left * SCALE : left * SCALE + size] = large


def _mixed(canvas: Images, paper: str, ink: str) -> NDArray[np.uint8]:
    """Turn ink, uint8 [h, w], into colours between that of the paper and that of the ink."""
    low, high = (
        np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) for colour in (paper, ink)
    )
    shades = low + (high - low) * np.linspace(0, 1, 256)[:, None]
    found: NDArray[np.uint8] = np.rint(shades).astype(np.uint8)[canvas]
    return found
