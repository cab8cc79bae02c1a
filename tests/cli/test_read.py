"""`tenfold read` as a person types it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.cli import main


@pytest.fixture
def number_image(draw_digits: DrawDigits, tmp_path: Path) -> Path:
    """A picture of 72 above 10."""
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    path = tmp_path / "number.png"
    Image.fromarray(draw_digits([0, 1, 2, 3], places, size=(360, 320))).save(path)
    return path


def test_prints_rows_as_they_were_read(
    number_image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(number_image)]) == 0
    assert capsys.readouterr().out == "72\n10\n"


def test_names_each_of_several_and_fails_for_one_that_is_broken(
    number_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (100, 100), 250).save(blank)
    assert main(["read", str(number_image), str(blank)]) == 0
    output = capsys.readouterr()
    assert output.out == f"{number_image}: 72\n{number_image}: 10\n"
    assert output.err == f"tenfold: {blank}: no digits found\n"
    blank.write_text("not a picture")
    assert main(["read", str(blank), str(number_image)]) == 1
    output = capsys.readouterr()
    assert output.out == f"{number_image}: 72\n{number_image}: 10\n"
    assert output.err.startswith(f"tenfold: {blank}: ")
    assert output.err.count("\n") == 1


def test_json_has_a_line_for_each_picture(
    number_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(number_image), str(tmp_path / "absent.png"), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["image"] == str(number_image)
    assert first["rows"] == ["72", "10"]
    assert (first["width"], first["height"]) == (320, 360)
    seven = first["digits"][0]
    assert seven["label"] == "7"
    assert seven["accepted"] is True
    assert abs(seven["box"]["x"] - 40) < 16
    assert "absent.png: " in second["error"]


def test_refuses_what_is_less_sure_than_asked(
    number_image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(number_image), "--min-confidence", "0.9999999"]) == 0
    assert capsys.readouterr().out == "??\n??\n"


def test_preview_shows_boxes_answers_and_what_the_model_saw(
    number_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "seen.png"
    assert main(["read", str(number_image), "--preview", str(out)]) == 0
    image = np.asarray(Image.open(out).convert("RGB")).astype(int)
    blue = (np.abs(image - [0x00, 0x72, 0xB2]) < 8).all(2)
    assert blue.sum() > 4 * 400  # four boxes and their labels
    assert main(["read", str(number_image), "--preview", str(out)]) == 1
    assert "seen.png: exists already" in capsys.readouterr().err
    assert main(["read", str(number_image), str(number_image), "--preview", str(out)]) == 0
    assert {path.name for path in tmp_path.glob("seen-*.png")} == {"seen-1.png", "seen-2.png"}
    assert main(["read", str(number_image), "--preview", str(tmp_path / "seen.jpg")]) == 1
    assert "is written as PNG; name it so" in capsys.readouterr().err


def test_reads_a_region_alone(number_image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(number_image), "--region", "0,200,320,160"]) == 0
    assert capsys.readouterr().out == "10\n"
    assert main(["read", str(number_image), "--region", "0.5,0,0.5,0.5", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["rows"] == ["2"]
    assert abs(content["digits"][0]["box"]["x"] - 170) < 8
    assert (content["width"], content["height"]) == (320, 360)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("0,0,400,10", "the region reaches beyond the image"),
        ("10,10,0,10", "the region is empty"),
        ("a,b", "--region: must be x,y,width,height"),
    ],
)
def test_a_region_that_is_no_part_is_one_line(
    number_image: Path, region: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(number_image), "--region", region]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_quoted_tilde_is_the_home_folder(
    number_image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(number_image.parent))
    monkeypatch.setenv("USERPROFILE", str(number_image.parent))
    assert main(["read", "~/numb*.png", "--preview", "~/seen.png"]) == 0
    assert capsys.readouterr().out == "72\n10\n"
    assert (number_image.parent / "seen.png").exists()


def test_loads_nothing_that_reading_does_without(number_image: Path) -> None:
    code = (
        "import sys; from tenfold.cli import main; main(['read', sys.argv[1]]); "
        "print(*{'torch', 'matplotlib', 'sklearn', 'polars', 'onnx'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, str(number_image)], capture_output=True, text=True, check=True
    )
    assert output.stdout == "72\n10\n\n"
