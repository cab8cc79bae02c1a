"""How a set shows itself: as HTML in a notebook, as text in a terminal."""

import base64
import html
import io

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Dataset, Images

EXAMPLES_A_CLASS = 12
MOST_CLASSES = 40

# A terminal's cell is about twice as high as wide: one letter stands for two pixels.
_SHADES = " ░▒▓█"
_SHADES_ASCII = " .+#@"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def dataset_html(dataset: Dataset) -> str:
    """Show a set in a notebook: its size, examples of each class and a bar of each class's count.

    Text and bars take the page's own colour, so that light and dark themes both work.
    """
    title = f"<b>{html.escape(dataset.source)}</b>: {len(dataset):,} pictures of {SIDE}x{SIDE}"
    notes = "".join(f"<div>{html.escape(note)}</div>" for note in dataset.notes)
    if dataset.labels is None:
        first = _picture(dataset.images[: 5 * EXAMPLES_A_CLASS], "the first pictures")
        body = f'<div style="margin-top:4px">{first}</div>'
        title += ", without labels"
    else:
        body = _class_table(dataset)
    return f'<div style="color:currentColor;font-family:sans-serif">{title}{notes}{body}</div>'


def digit_text(picture: NDArray[np.uint8], ascii_only: bool = False) -> str:
    """Draw a picture, uint8 [28, 28], as 14 lines of 28 letters."""
    shades = _SHADES_ASCII if ascii_only else _SHADES
    halves = picture.reshape(SIDE // 2, 2, SIDE).astype(np.int64)
    lines = []
    for upper, lower in halves:
        letters = [shades[level] for level in ((upper + lower) * 4 + 255) // 510]
        if not ascii_only:
            for column in np.flatnonzero(np.abs(upper - lower) > 127):
                letters[column] = "▀" if upper[column] > lower[column] else "▄"
        lines.append("".join(letters).rstrip())
    return "\n".join(lines)


def bars_text(
    names: tuple[str, ...], counts: NDArray[np.int64], width: int = 76, ascii_only: bool = False
) -> str:
    """Draw counts, int64 [n], as horizontal bars, a line each, at most `width` letters wide."""
    shown = [name if len(name) <= 16 else f"{name[:15]}~" for name in names]
    figures = [f"{count:,}" for count in counts]
    most = max(int(counts.max()), 1) if len(counts) else 1
    name_width = max(map(len, shown), default=0)
    figure_width = max(map(len, figures), default=0)
    room = width - name_width - figure_width - 4
    return "\n".join(
        f"  {name:>{name_width}} {figure:>{figure_width}} "
        f"{_bar(count * room / most, ascii_only)}".rstrip()
        for name, figure, count in zip(shown, figures, counts.tolist(), strict=True)
    )


def picture_uri(pixels: NDArray[np.uint8]) -> str:
    """Put a grey picture, uint8 [h, w], as PNG into an address that needs no file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _bar(length: float, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * round(length)
    whole, part = divmod(round(length * 8), 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def _class_table(dataset: Dataset) -> str:
    counts = dataset.class_counts
    most = max(int(counts.max()), 1) if len(counts) else 1
    shown = range(min(len(dataset.classes), MOST_CLASSES))
    examples = np.zeros((len(shown), EXAMPLES_A_CLASS, SIDE, SIDE), np.uint8)
    rows = []
    for index in shown:
        first = np.flatnonzero(dataset.labels == index)[:EXAMPLES_A_CLASS]
        examples[index, : len(first)] = dataset.images[first]
        length = round(160 * int(counts[index]) / most)
        rows.append(
            f'<div style="height:{SIDE}px;line-height:{SIDE}px;white-space:nowrap">'
            f"{html.escape(dataset.classes[index])} "
            f'<span style="display:inline-block;height:10px;width:{length}px;'
            f'background:currentColor;opacity:.6"></span> {counts[index]:,}</div>'
        )
    more = len(dataset.classes) - len(shown)
    rest = f"<div>and {more} classes more</div>" if more else ""
    picture = _picture(examples.reshape(-1, SIDE, SIDE), "examples of each class")
    return (
        f'<div style="display:flex;gap:10px;margin-top:4px">{picture}'
        f"<div>{''.join(rows)}</div></div>{rest}"
    )


def _picture(images: Images, meaning: str) -> str:
    """Lay pictures out in rows of `EXAMPLES_A_CLASS`, as one inline PNG at its natural size."""
    rows = max(-(-len(images) // EXAMPLES_A_CLASS), 1)
    grid = np.zeros((rows * EXAMPLES_A_CLASS, SIDE, SIDE), np.uint8)
    grid[: len(images)] = images
    tiles = grid.reshape(rows, EXAMPLES_A_CLASS, SIDE, SIDE).transpose(0, 2, 1, 3)
    data = picture_uri(tiles.reshape(rows * SIDE, EXAMPLES_A_CLASS * SIDE))
    return (
        f'<img alt="{meaning}" style="width:{EXAMPLES_A_CLASS * SIDE}px;height:{rows * SIDE}px;'
        f'max-width:none;margin:0" src="{data}">'
    )
