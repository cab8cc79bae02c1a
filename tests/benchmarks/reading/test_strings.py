"""Strings: synthetic ones, the given ones, the naive way, the general OCR, tables and charts."""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.core.store import Store
from benchmarks.reading import coverage_chart, general_ocr, string_sets, string_tables
from benchmarks.reading.benchmark import newest_ocr
from benchmarks.reading.failure_charts import draw, failures
from benchmarks.reading.handwriting import LabelledImages, rendered_test_set
from benchmarks.reading.naive import components, read_naively
from benchmarks.reading.strings import (
    StringImage,
    as_strings,
    coverage_curve,
    given_strings,
    likeliest_rows,
    read_strings,
)
from benchmarks.reading.synthetic_strings import amounts, touching
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.model.reader import Reader


def draw_random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.mark.parametrize("n_digits", [2, 3])
def test_touching_digits_are_one_component(n_digits: int, test_set: Dataset) -> None:
    strings = list(touching(test_set, n_digits, 30, draw_random()))
    assert all(len(string.truth[0]) == n_digits for string in strings)
    # A few of MNIST's digits are in pieces themselves.
    assert sum(len(components(string.grey())) == 1 for string in strings) >= 24
    again = next(touching(test_set, n_digits, 1, draw_random()))
    assert np.array_equal(again.grey(), strings[0].grey())
    assert again.truth == strings[0].truth


def test_a_truth_is_of_the_digits_that_were_drawn(test_set: Dataset) -> None:
    threes = test_set.subset(np.flatnonzero(test_set.require_labels() == 3)[:20])
    (string,) = touching(threes, 3, 1, draw_random())
    assert string.truth == ("333",)


def test_amounts_have_three_to_seven_digits_and_most_are_read(
    test_set: Dataset, reader: Reader
) -> None:
    strings = list(amounts(test_set, 40, draw_random()))
    assert {len(string.truth[0]) for string in strings} == {3, 4, 5, 6, 7}
    row = read_strings(reader, lambda: strings)
    assert row["right"] > 0.6 * row["n"]
    assert row["accepted_wrong"] < 0.1 * row["n"]


def test_failures_of_synthetic_strings_alone_are_listed(test_set: Dataset, reader: Reader) -> None:
    strings = list(touching(test_set, 2, 12, draw_random()))
    row = read_strings(reader, lambda: strings, list_failures=True)
    assert len(row["failures"]) == row["strings"] - row["strings_right"]
    assert row["naive"]["n"] == row["n"] == 24
    assert "failures" not in read_strings(reader, lambda: strings[:2])


def test_the_single_digit_of_an_image_is_read_with_and_without_single(reader: Reader) -> None:
    strings = list(as_strings(lambda: rendered_test_set(20)))
    for single in (False, True):
        row = read_strings(reader, lambda: strings, single=single)
        assert row["n"] == row["strings"] == 20
        assert row["right"] >= 17


def test_the_given_strings_are_found_by_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TENFOLD_SHARED_DATA", str(tmp_path))
    assert given_strings() == {}
    assert "cheques: left out" in capsys.readouterr().err
    folder = tmp_path / "handwriting" / "found"
    folder.mkdir(parents=True)
    (folder / "truth.csv").write_text("file,digits\npages/a.png,12|3?\nsingle/b.png,7\n")
    found = {name: list(make()) for name, make in given_strings().items()}
    assert found == {
        "found pages": [StringImage(folder / "pages/a.png", ("12", "3?"))],
        "found singles": [StringImage(folder / "single/b.png", ("7",))],
    }


def test_an_image_is_turned_upright_and_transparency_is_paper(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image = Image.new("RGBA", (8, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.save(path, exif=exif)
    grey = StringImage(path, ("1",)).grey()
    assert grey.shape == (8, 4)
    assert grey[0, 3] == 0
    assert (grey == 255).sum() == 31


def test_the_naive_way_reads_rows_from_left_to_right(test_set: Dataset, reader: Reader) -> None:
    canvas = np.zeros((80, 120), np.uint8)
    labels = test_set.require_labels()
    for place, index in enumerate((0, 1, 2, 3)):
        y, x = 5 + 40 * (place // 2), 10 + 60 * (place % 2)
        canvas[y : y + 28, x : x + 28] = test_set.images[index]
    rows = ["".join(map(str, labels[:2])), "".join(map(str, labels[2:4]))]
    assert read_naively(reader.model, 255 - canvas) == rows
    assert read_naively(reader.model, canvas) == rows
    assert read_naively(reader.model, np.full((40, 40), 255, np.uint8)) == []
    single = read_naively(reader.model, 255 - test_set.images[0], single=True)
    assert single == [str(labels[0])]


def test_lines_of_an_ocr_become_rows_of_digits_and_rejected_letters() -> None:
    lines = [
        {"box": [50, 0, 90, 20], "text": "4l,5"},
        {"box": [0, 2, 40, 22], "text": "1 2"},
        {"box": [0, 40, 40, 60], "text": "O\uff17-"},
        {"box": [0, 80, 40, 99], "text": "=="},
    ]
    assert general_ocr.rows_of(lines) == ["124?5", "?7"]
    assert general_ocr.rows_of([]) == []


def test_a_general_ocr_is_measured_once_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package of the same name and interface, which finds the size of each image.
    package = "\n".join(
        (
            "from PIL import Image",
            "class RapidOCR:",
            "    def __call__(self, path, use_det=True, use_cls=True):",
            "        width, height = Image.open(path).size",
            "        if not use_det:",
            "            return [[str(height), 0.5]], 0.1",
            "        corners = [[0, 0], [width, 0], [width, height], [0, height]]",
            "        return ([[corners, str(width), '0.9']] if width > 20 else None), 0.1",
        )
    )
    (tmp_path / "rapidocr_onnxruntime.py").write_text(package)
    info = tmp_path / "rapidocr_onnxruntime-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: rapidocr-onnxruntime\nVersion: 9\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    strings = [
        StringImage(np.zeros((30, 45), np.uint8), ("45",)),
        StringImage(np.zeros((12, 15), np.uint8), ("17",)),
    ]
    store = Store("reading", tmp_path)
    rows = general_ocr.measure({"strings: amounts": lambda: strings}, store, sys.executable)
    assert (rows[0]["right"], rows[0]["wrong"], rows[0]["strings_right"]) == (3, 1, 1)
    assert rows[0]["rapidocr"] == "9"
    assert general_ocr.measure({"strings: amounts": list}, store, "absent") == rows
    assert newest_ocr(store.rows()) == rows


def test_the_table_states_what_is_accepted_and_wrong_first() -> None:
    counts = {"n": 200, "strings": 100, "accepted_wrong": 3, "right": 190, "rejected": 6,
              "missed": 2, "strings_right": 92, "strings_wrong": 2}  # fmt: skip
    row = {**counts, "naive": {**counts, "accepted_wrong": 40}}
    ocr = {**counts, "accepted_wrong": 9, "rapidocr": "1.4.4"}
    text = string_tables.tables({"strings: cheques": row}, {"strings: cheques": ocr})
    assert text.splitlines()[-3:] == [
        "| amounts of bank cheques (100, 200) | Tenfold | 1.5 | 95.0 | 3.0 | 1.0 | 92.0 | 2.0 |",
        "|  | naive way | 20.0 | 95.0 | 3.0 | 1.0 | 92.0 | 2.0 |",
        "|  | RapidOCR 1.4.4 | 4.5 | 95.0 | 3.0 | 1.0 | 92.0 | 2.0 |",
    ]
    assert string_tables.tables({}, {}) == ""


def test_every_set_has_a_title_and_the_given_ones_list_no_failures(test_set: Dataset) -> None:
    names = {f"strings: {name}" for name in string_sets.string_sets()}
    assert names <= set(string_tables.TITLES)
    assert set(string_sets.synthetic_sets()) == set(string_sets.SYNTHETIC)
    assert not {"cheques", "found pages", "found singles"} & set(string_sets.SYNTHETIC)


def test_failed_strings_are_drawn_the_worst_first(tmp_path: Path, test_set: Dataset) -> None:
    def make() -> Any:
        return islice(touching(test_set, 2, 4, draw_random()), 4)

    truths = [string.truth[0] for string in make()]
    other = "".join(str((int(digit) + 1) % 10) for digit in truths[2])
    row = {"measurement": "strings: touching pairs", "failures": [[0, "?"], [2, other]]}
    assert [(string.truth[0], read, wrong) for string, read, wrong in failures(row, make)] == [
        (truths[2], other, 2),
        (truths[0], "?", 0),
    ]
    markdown = draw([row], {"touching pairs": make}, tmp_path)
    assert "docs/images/reading-strings-dark.png" in markdown
    light, dark = (
        np.asarray(Image.open(tmp_path / f"reading-strings-{theme}.png").convert("L"))
        for theme in ("light", "dark")
    )
    assert light[1, 1] > 127 > dark[1, 1]
    assert draw([], {"touching pairs": make}, tmp_path) == ""


def test_coverage_takes_the_surest_strings_first() -> None:
    curve = coverage_curve([0.2, 0.9, 0.8, 0.5], [False, True, False, True])
    assert len(curve) == 20
    assert curve[4] == [0.25, 0.0]  # the surest is right
    assert curve[9] == [0.5, 0.5]  # of two, one
    assert curve[-1] == [1.0, 0.5]


def test_coverage_of_read_strings_is_measured_and_drawn(
    tmp_path: Path, test_set: Dataset, reader: Reader
) -> None:
    strings = list(touching(test_set, 2, 8, draw_random()))
    rows = [likeliest_rows(reader.read(string.image)) for string in strings]
    wrong = sum(row != list(string.truth) for row, string in zip(rows, strings, strict=True))
    row = read_strings(reader, lambda: strings)
    assert row["coverage"][-1] == [1.0, wrong / 8]
    row |= {"measurement": "strings: touching pairs"}
    assert "reading-coverage-dark.png" in coverage_chart.draw([row], tmp_path)
    assert (tmp_path / "reading-coverage-light.png").stat().st_size > 5_000
    assert coverage_chart.draw([{"measurement": "strings: cheques"}], tmp_path) == ""


def test_a_set_of_singles_becomes_strings_of_one_digit() -> None:
    digits = LabelledImages([np.zeros((3, 3), np.uint8)], np.array([8]))
    assert [string.truth for string in as_strings(lambda: digits)] == [("8",)]
