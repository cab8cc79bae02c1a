"""Draw what was read: boxes and readings over the image, and each digit as the model saw it."""

import io
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from tenfold.data.atomic import atomic_write, check_destination
from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.model.reading import Digit, Reading

# Okabe and Ito's blue and vermilion, safe for the colour-blind; a refusal has a "?" as well.
READ, REFUSED = "#0072b2", "#d55e00"
INK, FAINT, PAPER = "#1c2024", "#5c646e", "#ffffff"
SHORTEST = 800  # pixels of the image's longer side
TILE, GAP, MARGIN = 3 * SIDE, 14, 24
CAPTION = 26
LINE = 3


def check_preview_path(
    path: str | PathLike[str], overwrite: bool, inputs: Iterable[str] = ()
) -> Path:
    """Check that a preview could be written to `path`; return it with `~` expanded.

    Raises:
        TenfoldError: where it does not end in .png, exists and is not to be overwritten, is one
            of the images that are read (`inputs`), or its folder is absent.
    """
    out = Path(os.path.expanduser(path))
    if out.suffix.lower() != ".png":
        raise TenfoldError(f"{out}: a preview is written as PNG; name it so")
    check_destination(out, overwrite, inputs)
    return out


def save_preview(reading: "Reading", path: Path) -> None:
    """Write the drawing of a reading as PNG.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    with atomic_write(path) as file:
        draw_preview(reading).save(file, "PNG")


def draw_preview(reading: "Reading") -> Image.Image:
    """Draw a reading: the image with a box for each digit, and each digit's model input."""
    preview = reading.page.preview
    with Image.open(io.BytesIO(preview.jpeg)) as image:
        grey = image.convert("L")
    factor = max(1.0, SHORTEST / max(grey.size))
    size = (max(1, round(grey.width * factor)), max(1, round(grey.height * factor)))
    upright = grey.resize(size, Image.Resampling.LANCZOS).convert("RGB")
    _draw_boxes(upright, reading, factor / preview.scale)
    return _joined(upright, reading)


def _draw_boxes(image: Image.Image, reading: "Reading", factor: float) -> None:
    """Frame each digit and write its answer above the frame, or inside it at the upper edge."""
    draw = ImageDraw.Draw(image)
    corner = reading.page.preview.corner
    for digit in reading:
        colour = READ if digit.accepted else REFUSED
        box = digit.box
        x, y = (box.x - corner[0]) * factor, (box.y - corner[1]) * factor
        left, top = x - 2 * LINE, y - 2 * LINE
        right, bottom = x + box.width * factor + 2 * LINE, y + box.height * factor + 2 * LINE
        draw.rectangle((left, top, right, bottom), outline=colour, width=LINE)
        font = preview_font(min(26, max(13, 0.22 * (bottom - top))))
        text = _caption(digit)
        if draw.textlength(text, font) + 8 > 1.3 * (right - left):
            text = text.partition(" ")[0]  # the tiles have the probability too
        width, height = draw.textlength(text, font) + 8, font.size + 6
        left = max(0, min(left, image.width - width))
        above = top - height if top >= height else top
        draw.rectangle((left, above, left + width, above + height), fill=colour)
        draw.text((left + 4, above + height / 2), text, PAPER, font, anchor="lm")


def _joined(image: Image.Image, reading: "Reading") -> Image.Image:
    """Put the tiles beneath the image, in reading order, a new line for each row of writing."""
    across = max(image.width, 4 * (TILE + GAP))
    fit = (across + GAP) // (TILE + GAP)
    lines: list[list[Digit]] = []
    for digit in reading:
        full = not lines or lines[-1][0].row != digit.row or len(lines[-1]) == fit
        if full:
            lines.append([])
        lines[-1].append(digit)
    high = TILE + CAPTION + GAP
    size = (across + 2 * MARGIN, image.height + 2 * MARGIN + 40 + max(1, len(lines)) * high)
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(image, (MARGIN + (across - image.width) // 2, MARGIN))
    draw = ImageDraw.Draw(sheet)
    top = image.height + MARGIN + 12
    title = "As the model saw them" if reading else "No digits found"
    draw.text((MARGIN, top), title, FAINT, preview_font(18))
    for number, line in enumerate(lines):
        for place, digit in enumerate(line):
            corner = (MARGIN + place * (TILE + GAP), top + 34 + number * high)
            _draw_tile(sheet, digit, corner)
    return sheet


def _draw_tile(sheet: Image.Image, digit: "Digit", corner: tuple[int, int]) -> None:
    seen = Image.fromarray(digit.image).resize((TILE, TILE), Image.Resampling.NEAREST)
    sheet.paste(seen.convert("RGB"), corner)
    colour = INK if digit.accepted else REFUSED
    middle = (corner[0] + TILE / 2, corner[1] + TILE + 5)
    ImageDraw.Draw(sheet).text(middle, _caption(digit), colour, preview_font(17), anchor="ma")


def _caption(digit: "Digit") -> str:
    sure = f"{100 * digit.probability:.0f} %"
    return f"{digit.label} {sure}" if digit.accepted else f"? {digit.label} {sure}"


def preview_font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font of the drawings, of a size in pixels."""
    # Pillow's own outline font: crisp at any size, and the same on every machine.
    font = ImageFont.load_default(round(size))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TenfoldError("preview: this Pillow has no FreeType; install Pillow's own wheel")
    return font
