"""Synthetic scans of a made-up form, filled in with MNIST's digits, with the true values.

The form has what forms have: boxes, a comb, a line, a frame, pale boxes and a shaded field; now and
then a digit is written across a line. A scan is turned by up to 3 degrees, shifted and scaled, on a
bright or a dark scanner bed, with blur, noise and JPEG.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.reading.handwriting import enlarge
from tenfold.data.dataset import Dataset

SIZE = (1240, 1754)  # pixels of the form, width and height: A4 at 150 dots per inch
CELL = 58  # pixels, of a box of one digit
GreyImage = NDArray[np.uint8]


@dataclass(frozen=True)
class FormField:
    """A field of the form.

    Args:
        label: what is printed above it.
        kind: boxes, comb, line, frame, pale or shaded.
        corner: its upper left corner, x and y in pixels.
        n_digits: how many are written in it.
    """

    label: str
    kind: str
    corner: tuple[int, int]
    n_digits: int

    @property
    def region(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of what is to be read, in pixels of the form."""
        x, y = self.corner
        return x - 12, y - 12, self.n_digits * CELL + 24, CELL + 36


FIELDS: Mapping[str, FormField] = {
    "customer": FormField("Customer number", "boxes", (120, 330), 8),
    "date": FormField("Date of the reading", "comb", (720, 330), 6),
    "meter": FormField("Meter", "pale", (120, 600), 7),
    "previous": FormField("Previous reading", "line", (120, 860), 5),
    "current": FormField("Current reading", "line", (720, 860), 5),
    "persons": FormField("Persons in the household", "frame", (120, 1120), 2),
    "tariff": FormField("Tariff", "shaded", (720, 1120), 4),
    "reference": FormField("Our reference", "comb", (120, 1380), 9),
}


@dataclass(frozen=True)
class FilledForm:
    """A scan of a form.

    Args:
        jpeg: the scan.
        values: what is written in each field.
        corners: float64 [4, 2], where the form's corners are in the scan: upper left, upper right,
            lower right, lower left.
    """

    jpeg: bytes
    values: Mapping[str, str]
    corners: NDArray[np.float64]


def template_toml(reference: str) -> str:
    """Return the template of the form; `reference` names the image of the empty one."""
    lines = [f'reference = "{reference}"', f"size = {list(SIZE)}  # pixels of the reference"]
    for name, field in FIELDS.items():
        lines += ["", f"[fields.{name}]", f"region = {list(field.region)}"]
        lines += [f"digits = {field.n_digits}"]
    return "\n".join([*lines, ""])


def empty_form() -> GreyImage:
    """Draw the empty form, uint8 [h, w]."""
    image = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(image)
    title, text, small = (ImageFont.load_default(size) for size in (44, 26, 20))
    draw.text((120, 90), "Meter reading card", 20, title)
    draw.text((120, 170), "Please write one digit in each box, in blue or black.", 40, text)
    draw.rectangle((1010, 80, 1120, 190), fill=30)
    draw.ellipse((1030, 100, 1100, 170), fill=255)
    draw.line((120, 240, 1120, 240), 20, 3)
    for field in FIELDS.values():
        x, y = field.corner
        draw.text((x, y - 46), field.label, 40, text)
        right, bottom = x + field.n_digits * CELL, y + CELL + 8
        if field.kind == "line":
            draw.line((x, bottom, right, bottom), 20, 3)
            continue
        ink = 170 if field.kind == "pale" else 30
        draw.rectangle((x, y, right, bottom), 225 if field.kind == "shaded" else 255, ink, 3)
        for place in range(1, field.n_digits):
            tooth = x + place * CELL
            if field.kind in ("boxes", "pale"):
                draw.line((tooth, y, tooth, bottom), ink, 3)
            elif field.kind == "comb":
                draw.line((tooth, bottom - 18, tooth, bottom), ink, 3)
    for number, line in enumerate(
        (
            "Return this card within two weeks. If the meter cannot be reached, leave the",
            "reading empty and call us: we estimate it from the year before.",
        )
    ):
        draw.text((120, 1560 + 34 * number), line, 60, small)
    draw.text((120, 1660), "Form 27 B", 60, small)
    return np.asarray(image)


def filled_forms(digits: Dataset, count: int, seed: int = 0) -> Iterator[FilledForm]:
    """Fill in and scan forms.

    Args:
        digits: what is written is drawn from these.
        count: forms.
        seed: of the first; each form has one of its own.
    """
    empty = empty_form()
    for number in range(seed, seed + count):
        yield _fill(empty, digits, np.random.default_rng(number))


def _fill(empty: GreyImage, digits: Dataset, random: np.random.Generator) -> FilledForm:
    page = empty.astype(np.float32)
    pen, level = random.uniform(15, 80), random.uniform(0.42, 0.55)
    size = random.uniform(0.58, 0.8) * CELL
    values = {}
    for name, field in FIELDS.items():
        chosen = random.choice(len(digits), field.n_digits, replace=False)
        values[name] = "".join(map(str, digits.require_labels()[chosen].tolist()))
        for place, index in enumerate(chosen.tolist()):
            ink = enlarge(digits.images[index], size / 20, level, blur=0.35, edge=1.5)
            x = field.corner[0] + (place + 0.5) * CELL + random.normal(0, 0.07) * CELL
            y = field.corner[1] + 4 + 0.5 * CELL + random.normal(0, 0.07) * CELL
            top, left = round(y - ink.shape[0] / 2), round(x - ink.shape[1] / 2)
            part = page[top : top + ink.shape[0], left : left + ink.shape[1]]
            part += np.minimum(pen - part, 0) * ink
    jpeg, corners = scan(page, random)
    return FilledForm(jpeg, values, corners)


def scan(
    page: NDArray[np.float32], random: np.random.Generator, max_angle: float = 3.0
) -> tuple[bytes, NDArray[np.float64]]:
    """Scan a page: turned, shifted, scaled, blurred, noisy, as JPEG.

    Args:
        page: float32 [h, w] in 0-255.
        random: what decides everything.
        max_angle: degrees.

    Returns:
        The JPEG, and where the page's corners are in it, float64 [4, 2].
    """
    height, width = page.shape
    scale = random.uniform(0.97, 1.03)
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(
        (width / 2, height / 2), random.uniform(-max_angle, max_angle), scale
    )
    matrix[:2, 2] += random.uniform(-0.02, 0.02, 2) * (width, height)
    bed = random.choice((252.0, 35.0))
    paper = random.uniform(232, 250) / 255
    seen = cv2.warpPerspective(
        page * np.float32(paper), matrix, (width, height), borderValue=float(bed)
    )
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.5, 1.0))
    seen = seen + random.normal(0, random.uniform(1, 6), seen.shape)
    file = io.BytesIO()
    grey = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    Image.fromarray(grey).save(file, "JPEG", quality=int(random.integers(60, 92)))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    return file.getvalue(), cv2.perspectiveTransform(corners[None], matrix)[0]
