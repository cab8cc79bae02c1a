"""Show a dataset: as HTML in a notebook, as text in a terminal."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Dataset, Images

EXAMPLES_PER_CLASS = 12
MAX_CLASSES = 40

# A terminal's cell is about twice as high as wide: one character stands for two pixels.
_SHADES = " ░▒▓█"
_SHADES_ASCII = " .+#@"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def dataset_html(dataset: Dataset) -> str:
    """Return HTML for a notebook: the set's size, and examples and a count bar of each class.

    Text and bars take the page's own colour, so that light and dark themes both work.
    """
    title = f"<b>{html.escape(dataset.source)}</b>: {len(dataset):,} images of {SIDE}x{SIDE}"
    notes = "".join(f"<div>{html.escape(note)}</div>" for note in dataset.notes)
    if dataset.labels is None:
        first = _image_grid(dataset.images[: 5 * EXAMPLES_PER_CLASS], "the first images")
        body = f'<div style="margin-top:4px">{first}</div>'
        title += ", without labels"
    else:
        body = _class_table(dataset)
    return f'<div style="color:currentColor;font-family:sans-serif">{title}{notes}{body}</div>'


def digit_text(image: NDArray[np.uint8], ascii_only: bool = False) -> str:
    """Draw an image, uint8 [28, 28], as 14 lines of 28 characters."""
    shades = _SHADES_ASCII if ascii_only else _SHADES
    row_pairs = image.reshape(SIDE // 2, 2, SIDE).astype(np.int64)
    lines = []
    for upper, lower in row_pairs:
        characters = [shades[level] for level in ((upper + lower) * 4 + 255) // 510]
        if not ascii_only:
            for column in np.flatnonzero(np.abs(upper - lower) > 127):
                characters[column] = "▀" if upper[column] > lower[column] else "▄"
        lines.append("".join(characters).rstrip())
    return "\n".join(lines)


def bars_text(
    names: tuple[str, ...], counts: NDArray[np.int64], width: int = 76, ascii_only: bool = False
) -> str:
    """Draw counts, int64 [n], as horizontal bars, a line each, at most `width` characters wide."""
    short_names = [name if len(name) <= 16 else f"{name[:15]}~" for name in names]
    numbers = [f"{count:,}" for count in counts]
    max_count = max(int(counts.max()), 1) if len(counts) else 1
    name_width = max(map(len, short_names), default=0)
    number_width = max(map(len, numbers), default=0)
    bar_width = width - name_width - number_width - 4
    return "\n".join(
        f"  {name:>{name_width}} {number:>{number_width}} "
        f"{_bar(count * bar_width / max_count, ascii_only)}".rstrip()
        for name, number, count in zip(short_names, numbers, counts.tolist(), strict=True)
    )


def image_data_uri(pixels: NDArray[np.uint8]) -> str:
    """Encode a greyscale image, uint8 [h, w], as a data URI of PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return png_data_uri(file.getvalue())


def png_data_uri(content: bytes) -> str:
    """Encode a PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _bar(length: float, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * round(length)
    whole, eighths = divmod(round(length * 8), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")


def _class_table(dataset: Dataset) -> str:
    counts = dataset.class_counts
    max_count = max(int(counts.max()), 1) if len(counts) else 1
    shown = range(min(len(dataset.classes), MAX_CLASSES))
    examples = np.zeros((len(shown), EXAMPLES_PER_CLASS, SIDE, SIDE), np.uint8)
    rows = []
    for index in shown:
        first = np.flatnonzero(dataset.labels == index)[:EXAMPLES_PER_CLASS]
        examples[index, : len(first)] = dataset.images[first]
        length = round(160 * int(counts[index]) / max_count)
        rows.append(
            f'<div style="height:{SIDE}px;line-height:{SIDE}px;white-space:nowrap">'
            f"{html.escape(dataset.classes[index])} "
            f'<span style="display:inline-block;height:10px;width:{length}px;'
            f'background:currentColor;opacity:.6"></span> {counts[index]:,}</div>'
        )
    hidden = len(dataset.classes) - len(shown)
    rest = f"<div>and {hidden} more classes</div>" if hidden else ""
    grid = _image_grid(examples.reshape(-1, SIDE, SIDE), "examples of each class")
    return (
        f'<div style="display:flex;gap:10px;margin-top:4px">{grid}'
        f"<div>{''.join(rows)}</div></div>{rest}"
    )


def _image_grid(images: Images, description: str) -> str:
    """Lay images out in rows of `EXAMPLES_PER_CLASS`, as one inline PNG at its natural size."""
    rows = max(-(-len(images) // EXAMPLES_PER_CLASS), 1)
    grid = np.zeros((rows * EXAMPLES_PER_CLASS, SIDE, SIDE), np.uint8)
    grid[: len(images)] = images
    tiles = grid.reshape(rows, EXAMPLES_PER_CLASS, SIDE, SIDE).transpose(0, 2, 1, 3)
    width, height = EXAMPLES_PER_CLASS * SIDE, rows * SIDE
    data = image_data_uri(tiles.reshape(height, width))
    return (
        f'<img alt="{description}" style="width:{width}px;height:{height}px;'
        f'max-width:none;margin:0" src="{data}">'
    )


def listed(names: Sequence[str], most: int = 12) -> str:
    """List names in a sentence, the first of many and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
