"""Finding images by name, and reading them one after the other."""

import io
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.model.reader import Reader
from tenfold.workflow.models.read import find_images


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture
def folder(draw_digits: DrawDigits, tmp_path: Path) -> Path:
    """A 7, a 2 and a 1 as page1, page2 and page10, and a text that is no picture."""
    names = ["page1.png", "page2.jpg", "page10.webp"]
    for index, name in enumerate(names):
        Image.fromarray(draw_digits([index], [(90, 90)])).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def read(words: list[str], reader: Reader) -> list[tuple[str, str]]:
    """Give each picture's name without its folder, and what was read or went wrong."""
    outcomes = reader.read_many(find_images(words))
    return [
        (outcome.name.rpartition("/")[2], str(outcome.reading or outcome.error))
        for outcome in outcomes
    ]


def test_a_folder_and_a_glob_are_read_in_the_order_of_their_numbers(
    folder: Path, reader: Reader
) -> None:
    expected = [("page1.png", "7"), ("page2.jpg", "2"), ("page10.webp", "1")]
    assert read([str(folder)], reader) == expected
    assert read([str(folder / "page1*")], reader) == [expected[0], expected[2]]
    assert read([str(folder / "page2.jpg"), str(folder / "page1.png")], reader) == [
        expected[1],
        expected[0],
    ]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(folder: Path, reader: Reader) -> None:
    shutil.copy(folder / "page1.png", folder / "page[1].png")
    assert read([str(folder / "page[1].png")], reader) == [("page[1].png", "7")]


def test_broken_pictures_among_many_stop_nothing(folder: Path, reader: Reader) -> None:
    whole = (folder / "page1.png").read_bytes()
    (folder / "page3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page4.png").write_text("no picture")
    found = dict(read([str(folder), str(folder / "absent.png")], reader))
    assert (found["page1.png"], found["page10.webp"]) == ("7", "1")
    assert "page3.png: " in found["page3.png"]
    assert "page4.png: " in found["page4.png"]
    assert "absent.png: " in found["absent.png"]


def test_names_that_stand_for_nothing_say_so(tmp_path: Path, reader: Reader) -> None:
    found = read([str(tmp_path), str(tmp_path / "*.png")], reader)
    assert found[0][1] == f"{tmp_path}: has no images in it; name another folder"
    assert found[1][1].endswith("*.png: no image is named like this; look at the folder")


def test_pages_of_a_pdf(draw_digits: DrawDigits, tmp_path: Path, reader: Reader) -> None:
    pages = [Image.fromarray(draw_digits([index], [(90, 90)])) for index in range(2)]
    form = tmp_path / "form.pdf"
    pages[0].save(form, save_all=True, append_images=pages[1:])
    assert read([str(form)], reader) == [("form.pdf:1", "7"), ("form.pdf:2", "2")]
    assert read([f"{form}:2"], reader) == [("form.pdf:2", "2")]
    ((_, beyond),) = read([f"{form}:3"], reader)
    assert beyond == f"{form}:3: has pages 1-2. Received: page 3"
    form.write_bytes(form.read_bytes()[:200])
    ((_, cut),) = read([str(form)], reader)
    assert cut == f"{form}: the PDF is damaged or truncated; save it again"


@pytest.mark.parametrize("kind", ["PNG", "PDF"])
def test_stdin(
    draw_digits: DrawDigits, reader: Reader, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    Image.fromarray(draw_digits([0], [(90, 90)])).save(file, kind)
    file.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
    assert read(["-"], reader) == [("stdin", "7")]
    assert read(["-"], reader) == [("stdin", "stdin: is empty; pipe an image in")]
