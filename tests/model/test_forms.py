"""Reading the fields of forms in Python: with the empty form, without it, and what is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from benchmarks.reading.synthetic_forms import (
    FIELDS,
    FilledForm,
    empty_form,
    filled_forms,
    template_toml,
)
from PIL import Image
from tests.draw_digits import DrawDigits

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError


@pytest.fixture(scope="module")
def reader() -> tenfold.Reader:
    return tenfold.Reader(threads=1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tenfold.Template:
    folder: Path = tmp_path_factory.mktemp("form")
    Image.fromarray(empty_form()).save(folder / "form.png")
    (folder / "fields.toml").write_text(template_toml("form.png"))
    return tenfold.Template.load(folder / "fields.toml")


@pytest.fixture(scope="module")
def filled(test_set: Dataset) -> FilledForm:
    return next(filled_forms(test_set, 1, seed=3))


def test_each_field_has_its_value(
    reader: tenfold.Reader, template: tenfold.Template, filled: FilledForm
) -> None:
    form = reader.read_fields(filled.jpeg, template)
    assert list(form.fields) == list(FIELDS)
    accepted = [one for one in form.fields.values() if one.accepted]
    assert len(accepted) >= 5
    assert all(one.text == filled.values[one.name] for one in accepted)
    assert all(0 < one.probability <= 1 for one in accepted)
    assert form.notes[-1] == "aligned with the reference"
    # The fields' corners are where they are in the scan.
    width = FIELDS["meter"].region[2]
    placed = form["meter"].corners
    tilt = filled.corners[1] - filled.corners[0]
    across = (placed[1] - placed[0]) / np.linalg.norm(placed[1] - placed[0])
    assert across @ tilt / np.linalg.norm(tilt) > 0.9999
    assert np.linalg.norm(placed[1] - placed[0]) == pytest.approx(
        width * np.linalg.norm(tilt) / 1240, rel=0.01
    )
    assert form.plot().size[1] == 1600


def test_the_reader_decides_what_is_sure_enough(
    template: tenfold.Template, filled: FilledForm
) -> None:
    strict = tenfold.Reader(min_confidence=0.9999999, threads=1)
    form = strict.read_fields(filled.jpeg, template)
    assert not form.accepted
    assert "meter: a digit was rejected, probability " in form.unsure


def test_a_page_of_another_form_is_refused(
    reader: tenfold.Reader, template: tenfold.Template, filled: FilledForm, draw_digits: DrawDigits
) -> None:
    page = draw_digits([0, 1, 2], [(60, 60), (200, 60), (340, 60)], size=(500, 600))
    with pytest.raises(TenfoldError, match=r"b\.png: does not fit the reference of .*: 0 % of its"):
        reader.read_fields(page, template, name="b.png")
    whole = np.asarray(Image.open(io.BytesIO(filled.jpeg)))
    with pytest.raises(TenfoldError, match="does not fit the reference of"):
        reader.read_fields(np.ascontiguousarray(whole[:900]), template)


def test_an_empty_field_and_one_with_too_many_digits_are_not_accepted(
    reader: tenfold.Reader, tmp_path: Path, draw_digits: DrawDigits
) -> None:
    page = draw_digits([0, 1], [(60, 60), (200, 60)], size=(400, 600))
    (tmp_path / "fields.toml").write_text(
        "size = [600, 400]\n"
        "[fields.one]\nregion = [40, 40, 140, 140]\ndigits = 1\n"
        "[fields.both]\nregion = [40, 40, 300, 140]\ndigits = 1\n"
        "[fields.none]\nregion = [40, 220, 300, 140]\n"
    )
    template = tenfold.Template.load(tmp_path / "fields.toml")
    form = reader.read_fields(page, template)
    assert form.values == {"one": "7", "both": "72", "none": ""}
    assert form["one"].accepted
    assert form.unsure == "both: 2 digits instead of 1; none: empty"
    assert np.allclose(form["one"].corners[0], (40, 40), atol=1)
    turned = np.ascontiguousarray(np.rot90(page))
    with pytest.raises(TenfoldError, match=r"does not have the proportions of .*; turn it"):
        reader.read_fields(turned, template)


def test_a_point_in_a_value_must_be_looked_at(
    reader: tenfold.Reader, draw_digits: DrawDigits, tmp_path: Path
) -> None:
    (tmp_path / "fields.toml").write_text(
        "[fields.left]\nregion = [0, 0, 0.5, 1]\n[fields.right]\nregion = [0.5, 0, 0.5, 1]\n"
    )
    template = tenfold.Template.load(tmp_path / "fields.toml")
    places = [(60, 60), (220, 60), (460, 60), (620, 60)]
    page = draw_digits([0, 1, 0, 1], places, size=(220, 800))
    page[152:166, 190:204] = 20  # 7.2 on the left, 72 on the right
    form = reader.read_fields(page, template)
    assert form.values == {"left": "72", "right": "72"}
    assert not form["left"].accepted
    assert form["left"].notes == ("marks beside the digits: .",)
    assert form["right"].accepted
