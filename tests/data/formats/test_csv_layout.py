from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.source import load

Table = list[list[str]]
Write = Callable[..., Path]
Refusal = Callable[[str | Path], str]


@pytest.fixture(scope="module")
def many() -> Dataset:
    """As many real rows as evidence needs, and more."""
    return bundled("kaggle").subset(np.arange(150))


def rows_of(dataset: Dataset, label_at: int) -> Table:
    return [
        np.insert(picture.reshape(-1).astype(int), label_at, label).astype(str).tolist()
        for picture, label in zip(dataset.images, dataset.require_labels(), strict=True)
    ]


def header(form: str) -> list[str]:
    return [form.format(i=i, j=i + 1, r=i // 28 + 1, c=i % 28 + 1) for i in range(784)]


@pytest.mark.parametrize(
    "form", ["pixel{i}", "pixel{j}", "{r}x{c}", "{i}", "px_{i:03}", "pixel_{r}_{c}", "V{j}"]
)
def test_reads_other_headers(table: Table, write: Write, few: Dataset, form: str) -> None:
    assert load(write([["label", *header(form)], *table[1:]])).fingerprint == few.fingerprint
    unlabelled = load(write([header(form), *[row[1:] for row in table[1:]]]))
    assert unlabelled.labels is None
    assert np.array_equal(unlabelled.images, few.images)


@pytest.mark.parametrize("name", ["label", "Label", "class", "y", "target"])
@pytest.mark.parametrize("at", [300, 784])
def test_finds_the_label_by_its_name(few: Dataset, write: Write, name: str, at: int) -> None:
    names = header("pixel{i}")
    names.insert(at, name)
    digits = load(write([names, *rows_of(few, at)]))
    assert digits.fingerprint == few.fingerprint
    assert digits.notes == (f"the label is column {at + 1}, {name!r}",)


def test_an_only_name_unlike_the_others_is_the_labels(few: Dataset, write: Write) -> None:
    names = [*header("pixel{i}"), "what it shows"]
    assert load(write([names, *rows_of(few, 784)])).fingerprint == few.fingerprint


@pytest.mark.parametrize("at", [0, 400, 784])
def test_without_header_the_label_is_found_by_evidence(
    many: Dataset, write: Write, at: int
) -> None:
    digits = load(write(rows_of(many, at)))
    assert digits.fingerprint == many.fingerprint
    assert digits.notes[0] == "the table has no header"
    assert digits.notes[1].startswith(f"column {at + 1} is taken for the label: its values explain")


def test_a_header_of_numbers_is_no_picture(many: Dataset, write: Write) -> None:
    digits = load(write([[str(i) for i in range(785)], *rows_of(many, 784)]))
    assert digits.fingerprint == many.fingerprint


def test_text_among_numbers_is_the_label(few: Dataset, write: Write) -> None:
    rows = rows_of(few, 784)
    for row in rows:
        row[-1] = f"n{row[-1]}"
    digits = load(write(rows))
    assert [digits.classes[label] for label in digits.require_labels()] == [row[-1] for row in rows]
    assert digits.notes[1] == "column 785 is taken for the label: it alone holds text"


def test_with_little_evidence_the_first_column_is_the_label(few: Dataset, write: Write) -> None:
    digits = load(write(rows_of(few, 0)))
    assert digits.fingerprint == few.fingerprint
    assert "by custom" in digits.notes[1]


def test_without_header_and_label_there_are_784_columns(few: Dataset, write: Write) -> None:
    digits = load(write([row[1:] for row in rows_of(few, 0)]))
    assert digits.labels is None
    assert np.array_equal(digits.images, few.images)


@pytest.mark.parametrize("scale", [1 / 255, 1.0])
def test_decimal_pixels_are_told_apart(
    table: Table, write: Write, few: Dataset, scale: float
) -> None:
    rows = [[row[0], *(str(int(cell) * scale) for cell in row[1:])] for row in table[1:]]
    digits = load(write([table[0], *rows]))
    assert digits.fingerprint == few.fingerprint
    assert ("fractions 0-1" if scale < 1 else "floats within 0-255") in digits.notes[0]


def test_a_row_that_became_names_is_passed_over(few: Dataset, write: Write) -> None:
    spoilt = ["0", *(f"0.{number}" for number in range(1, 785))]
    digits = load(write([spoilt, *rows_of(few, 0)]))
    assert digits.fingerprint == few.fingerprint
    assert "was passed over" in digits.notes[0]


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "1e9", "x", ""])
def test_refuses_a_decimal_pixel_that_cannot_be(
    table: Table, write: Write, value: str, refusal: Refusal
) -> None:
    rows = [[row[0], *(str(int(cell) / 255) for cell in row[1:])] for row in table[1:]]
    rows[6][100] = value
    message = refusal(write([table[0], *rows]))
    assert "row 7 (line 8), column pixel99: must be a number 0-255, or all pixels 0-1" in message


def test_refuses_an_empty_label_without_header(
    few: Dataset, write: Write, refusal: Refusal
) -> None:
    rows = rows_of(few, 0)
    rows[3][0] = ""
    assert "row 4 (line 4), column 1: is empty; give every row its label" in refusal(write(rows))


def test_refuses_a_column_of_row_numbers(few: Dataset, write: Write, refusal: Refusal) -> None:
    names = ["id", *header("pixel{i}")]
    assert "column 1, 'id', numbers the rows; leave it out" in refusal(
        write([names, *rows_of(few, 0)])
    )


@pytest.mark.parametrize("labelled", [0, 1])
def test_refuses_pictures_in_colour(write: Write, labelled: int, refusal: Refusal) -> None:
    row = ["7"] * labelled + ["0"] * 2352
    assert "three for each pixel of 28x28 in colour; make them grey" in refusal(write([row] * 3))


def test_refuses_70_000_columns(write: Write, refusal: Refusal) -> None:
    names = [f"pixel{index}" for index in range(70_000)]
    for rows in ([names, ["0"] * 70_000], [["0"] * 70_000]):
        assert "needs 784 pixel columns" in refusal(write(rows))
        assert "Received: 70,000" in refusal(write(rows))


def test_refuses_columns_by_columns(few: Dataset, write: Write, refusal: Refusal) -> None:
    names = ["label", *(f"{i % 28 + 1}x{i // 28 + 1}" for i in range(784))]
    assert "column 3 must be 1x2; put the columns in order. Received: '2x1'" in refusal(
        write([names, *rows_of(few, 0)])
    )
