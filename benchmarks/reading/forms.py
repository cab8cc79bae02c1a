"""What a reader makes of synthetic scans of a form, and where sheets on tables are found."""

import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.core.store import Row
from benchmarks.reading.synthetic_forms import empty_form, filled_forms, template_toml
from benchmarks.reading.synthetic_scenes import make_scene
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.ink.image import decode
from tenfold.ink.sheet import find_sheet
from tenfold.model.reader import Reader
from tenfold.model.template import Template

FORMS = 200
SCENES = 240
NEAR = 0.015  # of the photo's longer side: corners so near are right
FORM_SEED = 1_000


def make_template(folder: Path) -> Template:
    """Write the template of the made-up form and the empty form into a folder, and load it."""
    Image.fromarray(empty_form()).save(folder / "form.png")
    (folder / "fields.toml").write_text(template_toml("form.png"))
    return Template.load(folder / "fields.toml")


def read_forms(reader: Reader, count: int = FORMS) -> Row:
    """Count the values of the fields of scanned forms.

    Returns:
        `n` values; `right`, accepted as they are; `accepted_wrong`; `not_accepted`, which name
        themselves; `refused`, of pages that were not read; `pages`, and `pages_right` with every
        value right; and the median seconds a page.
    """
    row = dict.fromkeys(("n", "right", "accepted_wrong", "not_accepted", "refused"), 0)
    row |= {"pages": count, "pages_right": 0}
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        template = make_template(Path(folder))
    for form in filled_forms(load("mnist:test"), count, FORM_SEED):
        row["n"] += len(form.values)
        began = time.perf_counter()
        try:
            fields = reader.read_fields(form.jpeg, template).fields
        except TenfoldError:
            row["refused"] += len(form.values)
            continue
        seconds.append(time.perf_counter() - began)
        right = [one.accepted and one.text == form.values[one.name] for one in fields.values()]
        accepted = [one.accepted for one in fields.values()]
        row["right"] += sum(right)
        row["accepted_wrong"] += sum(accepted) - sum(right)
        row["not_accepted"] += len(accepted) - sum(accepted)
        row["pages_right"] += all(right)
    return {**row, "median_seconds": round(float(np.median(seconds or [0])), 3)}


def find_sheets(_: Reader, count: int = SCENES) -> Row:
    """Count the sheets on tables that are found: `whole` ones with their four corners near.

    Returns:
        `n` whole sheets; `right`; `wrong`, found elsewhere; `none`, left to be read as they are;
        the median error of the corners, as a share of the photo's longer side; and the median
        seconds a photo of 2,000 pixels.
    """
    digits, errors, seconds, none = load("mnist:test"), [], [], 0
    for seed in range(count):
        scene = make_scene(digits, seed, framing="whole")
        luminance = decode(scene.jpeg).luminance
        began = time.process_time()
        sheet = find_sheet(luminance)
        seconds.append(time.process_time() - began)
        if sheet is None:
            none += 1
            continue
        errors.append(float(np.abs(sheet.corners - scene.corners).max()) / max(luminance.shape))
    right = sum(error <= NEAR for error in errors)
    return {
        "n": count,
        "right": right,
        "wrong": len(errors) - right,
        "none": none,
        "median_corner_error": round(float(np.median(errors or [0])), 5),
        "median_cpu_seconds": round(float(np.median(seconds)), 4),
    }
