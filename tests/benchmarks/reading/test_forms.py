"""Synthetic forms and scenes: what is measured of them, and the table."""

import numpy as np
import pytest
from benchmarks.reading import forms, tables
from benchmarks.reading.synthetic_forms import FIELDS, SIZE, filled_forms
from benchmarks.reading.synthetic_scenes import SIZE as PHOTO
from benchmarks.reading.synthetic_scenes import make_scene

from tenfold.data.dataset import Dataset
from tenfold.ink.image import decode
from tenfold.model.reader import Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def test_every_value_of_a_form_is_counted_once(reader: Reader) -> None:
    row = forms.read_forms(reader, 2)
    assert row["n"] == 2 * len(FIELDS)
    counted = sum(row[key] for key in ("right", "accepted_wrong", "not_accepted", "refused"))
    assert counted == row["n"]
    assert row["right"] > row["n"] / 2
    text = tables._forms({"forms": row})
    assert text.endswith(f"| {100 * row['refused'] / row['n']:.2f} |")
    assert tables._forms({}) == tables._sheets({}) == ""


def test_sheets_are_found_by_their_corners(reader: Reader) -> None:
    row = forms.find_sheets(reader, 3)
    assert (row["n"], row["right"] + row["wrong"] + row["none"]) == (3, 3)
    assert row["right"] >= 2
    assert "with its four corners in" in tables._sheets({"sheets": row})


def test_a_form_has_the_values_that_were_written(test_set: Dataset) -> None:
    (form,) = filled_forms(test_set, 1)
    assert {name: len(value) for name, value in form.values.items()} == {
        name: field.n_digits for name, field in FIELDS.items()
    }
    assert decode(form.jpeg).luminance.shape == SIZE[::-1]
    again = next(filled_forms(test_set, 1))
    assert again.jpeg == form.jpeg


@pytest.mark.parametrize("quarters", [0, 1])
def test_a_whole_sheet_is_in_the_photo(quarters: int, test_set: Dataset) -> None:
    scene = make_scene(test_set, 4, quarters, framing="whole")
    assert (scene.corners > 0).all()
    assert (scene.corners < np.array(PHOTO)).all()
    upper = scene.corners[1] - scene.corners[0]
    assert (abs(upper[0]) > abs(upper[1])) == (quarters == 0)
