"""Pictures of the documents: a scanned form as it was read, and a sheet found on a table."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.reading.charts import small_png
from benchmarks.reading.forms import make_template
from benchmarks.reading.synthetic_forms import filled_forms
from benchmarks.reading.synthetic_scenes import make_scene
from tenfold.data.atomic import atomic_write
from tenfold.data.source import load
from tenfold.ink.image import decode
from tenfold.ink.sheet import find_sheet
from tenfold.model.reader import Reader

FORM, SCENE = 9, 1  # seeds: tilted, on a dark scanner bed; wood, with a shadow across
HEIGHT, GAP = 760, 24  # pixels
OUTLINE = "#0072b2"


def draw(folder: Path) -> None:
    """Write `forms-read.png` and `sheet.png` into a folder."""
    pictures = {"forms-read.png": draw_form(), "sheet.png": draw_sheet()}
    for name, picture in pictures.items():
        content = io.BytesIO()
        picture.save(content, "PNG")
        with atomic_write(folder / name) as file:
            file.write(small_png(content.getvalue()))


def draw_form() -> Image.Image:
    """Draw a scan of the made-up form beside what was read on it."""
    (form,) = filled_forms(load("mnist:test").subset(np.arange(500)), 1, FORM)
    with tempfile.TemporaryDirectory() as folder:
        template = make_template(Path(folder))
    read = Reader().read_fields(form.jpeg, template).plot()
    return _beside(Image.open(io.BytesIO(form.jpeg)), read)


def draw_sheet() -> Image.Image:
    """Draw a photo of a sheet on a table, outlined, beside the sheet straightened."""
    scene = make_scene(load("mnist:test"), SCENE)
    luminance = decode(scene.jpeg).luminance
    sheet = find_sheet(luminance)
    if sheet is None:
        raise ValueError(f"scene {SCENE}: no sheet was found; choose another one")
    photo = Image.fromarray(luminance.astype(np.uint8)).convert("RGB")
    corners = [(float(x), float(y)) for x, y in sheet.corners]
    ImageDraw.Draw(photo).line([*corners, corners[0]], OUTLINE, 12, "curve")
    straight = sheet.straighten(luminance)
    return _beside(photo, Image.fromarray(np.clip(straight, 0, 255).astype(np.uint8)))


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    parts = [
        part.convert("RGB").resize(
            (round(part.width * HEIGHT / part.height), HEIGHT), Image.Resampling.LANCZOS
        )
        for part in (left, right)
    ]
    width = parts[0].width + GAP + parts[1].width
    both = Image.new("RGB", (width, HEIGHT), "white")
    both.paste(parts[0], (0, 0))
    both.paste(parts[1], (parts[0].width + GAP, 0))
    return both
