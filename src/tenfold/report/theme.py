"""The style of every figure, and its output to Jupyter, PNG and inline SVG."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib import style as matplotlib_style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tenfold.data.atomic import atomic_write, check_destination
from tenfold.errors import TenfoldError

INK, FAINT, GRID, PAPER = "#1c2024", "#646c76", "#e2e5e9", "#ffffff"
# Okabe and Ito's blue and vermilion: safe for the colour-blind.
FIRST, SECOND = "#0072b2", "#d55e00"
# The page has a light and a dark value for each; the figure itself carries the light one.
VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
}
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scheme:
    """Colours of a page, as red, green and blue within 0-255, for pictures made of pixels."""

    paper: Colour
    faint_ink: Colour
    first: Colour
    second: Colour


# As `report.css` has them; paper is that of images, whose background is white or black.
LIGHT = Scheme((255, 255, 255), (200, 204, 209), (0, 114, 178), (213, 94, 0))
DARK = Scheme((0, 0, 0), (86, 92, 100), (86, 180, 233), (240, 150, 60))
DPI = 100
PNG_DPI = 160
# What a figure can be saved as, and how: nothing in the file says when it was made.
WRITERS: dict[str, dict[str, Any]] = {
    ".png": {"dpi": PNG_DPI, "metadata": {"Software": None}},
    ".svg": {"metadata": {"Date": None}},
    ".pdf": {"metadata": {"CreationDate": None}},
}
STYLE = {
    "figure.facecolor": PAPER,
    "figure.dpi": DPI,
    "savefig.facecolor": PAPER,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that layout is the same everywhere
    "text.parse_math": False,  # a class may be called $$
    "font.size": 9.4,  # points: 13 pixels
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "tenfold",  # the same figure gives the same bytes
}


class Chart(Figure):
    """A matplotlib figure that shows itself in Jupyter, whether or not pyplot is set up there."""

    def save(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Write the figure as PNG, SVG or PDF, whole or not at all.

        Args:
            path: where it goes; its ending says which of them: .png, .svg or .pdf.
            overwrite: replace an existing file.

        Raises:
            TenfoldError: where the ending is another, or the file exists already or cannot be
                written.
        """
        ending = Path(path).suffix.lower()
        if ending not in WRITERS:
            raise TenfoldError(
                f"{path}: a figure is written as {', '.join(WRITERS)}; name a file that ends so"
            )
        check_destination(Path(path), overwrite)
        with style(), atomic_write(Path(path)) as file:
            self.savefig(file, format=ending[1:], **WRITERS[ending])

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (int(side * DPI) for side in self.get_size_inches())
        return to_png(self), {"width": width, "height": height}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style; as a decorator, on each function that draws."""
    with matplotlib_style.context(STYLE, after_reset=True):  # whatever a user has set
        yield


def new_figure(width: int, height: int) -> Chart:
    """Make an empty figure of a size in pixels, without pyplot and its global state."""
    figure = Chart(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes) -> Axes:
    """Remove ticks, grid and frame, for images."""
    axes.set_axis_off()
    return axes


def to_png(figure: Figure) -> bytes:
    """Render a figure as a PNG on white, sharp enough for high-density screens and print."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="png", **WRITERS[".png"])
    return file.getvalue()


def to_svg(figure: Figure, name: str, label: str) -> str:
    """Render a figure as an inline SVG whose colours follow the page's light or dark theme.

    Args:
        figure: as `new_figure` makes it.
        name: letters; keeps the SVG's ids apart from those of others on the page.
        label: its description for screen readers.
    """
    file = io.StringIO()
    with style():
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # unused, and the same in each figure
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "inherit", text)
    text = re.sub(r"font: ([^;\"]*?)([\d.]+px) inherit", r"font-size: \2", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    head = text.index(">") + 1
    box = re.search(r'viewBox="[^"]*"', text[:head])
    width = int(figure.get_figwidth() * DPI)
    opening = f'<svg {box[0] if box else ""} style="--width:{width}px" role="img" '
    opening += f'aria-label="{_escape(label)}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return opening + text[head:]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
