"""Reading a template: units, and one line for each mistake."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

import tenfold
from tenfold.errors import TenfoldError


def write(folder: Path, text: str) -> Path:
    path = folder / "fields.toml"
    path.write_text(text)
    return path


def test_regions_are_fractions_or_in_the_unit_of_the_size(tmp_path: Path) -> None:
    plain = write(tmp_path, "[fields.a]\nregion = [0.5, 0.25, 0.5, 0.1]\ndigits = 3\n")
    template = tenfold.Template.load(plain)
    assert [(one.name, one.n_digits) for one in template.fields] == [("a", 3)]
    assert template.fields[0].region == (0.5, 0.25, 0.5, 0.1)
    assert template.aspect is None
    sized = write(tmp_path, "size = [210, 297]\n[fields.a]\nregion = [105, 74.25, 105, 29.7]\n")
    in_mm = tenfold.Template.load(sized)
    assert in_mm.fields[0].region == pytest.approx((0.5, 0.25, 0.5, 0.1))
    assert in_mm.aspect == pytest.approx(297 / 210)
    assert in_mm.digest != template.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fields = 3", "Expected `object`, got `int`, at `fields`"),
        ("[fields]", "has no fields; add [fields.NAME] with its region"),
        ("= 3", "is not valid TOML"),
        ("refernce = 'a.png'\n[fields]", "unknown key 'refernce'; did you mean 'reference'?"),
        ("[fields.a]\nregoin = [0, 0, 1, 1]", "field 'a': unknown key 'regoin'; did you mean 'reg"),
        ("[fields.a]\ndigits = 3", "field 'a': Object missing required field `region`"),
        ("[fields.a]\nregion = [0, 0, 1]", "field 'a': Expected `array` of length 4, got 3"),
        ("[fields.a]\nregion = [0, 0, 0.5, 0]", "must have a width and a height above 0. Received"),
        (
            "[fields.a]\nregion = [10, 20, 30, 5]",
            "reaches beyond the sheet of 1 x 1: regions are",
        ),
        ("size = [9, 9]\n[fields.a]\nregion = [8, 8, 2, 1]", "beyond the sheet of 9 x 9. Received"),
        ("[fields.a]\nregion = [0, 0, 1, nan]", "region must be four finite numbers"),
        ("[fields.a]\nregion = [0, 0, 1, 1]\ndigits = 0", "field 'a': Expected `int` >= 1"),
        ("[fields.error]\nregion = [0, 0, 1, 1]", "'error' is a column of the table already"),
        ("reference = 'absent.png'\n[fields.a]\nregion = [0, 0, 1, 1]", "absent.png: cannot be r"),
    ],
)
def test_a_mistake_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TenfoldError) as error:
        tenfold.Template.load(path)
    assert str(error.value).startswith(str(tmp_path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_absent_template_and_a_blank_reference_are_one_line(
    tmp_path: Path, draw_digits: DrawDigits
) -> None:
    with pytest.raises(TenfoldError, match=r"absent.toml: cannot be read: No such file"):
        tenfold.Template.load(tmp_path / "absent.toml")
    Image.fromarray(np.full((400, 300), 255, np.uint8)).save(tmp_path / "blank.png")
    path = write(tmp_path, "reference = 'blank.png'\n[fields.a]\nregion = [0, 0, 1, 1]\n")
    with pytest.raises(TenfoldError, match=r"blank\.png: has too little print to be found"):
        tenfold.Template.load(path)
