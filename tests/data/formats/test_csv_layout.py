import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.formats import csv_table
from tenfold.data.scale import FLOAT_NOTE, FRACTION_NOTE
from tenfold.data.source import load

Table = list[list[str]]
Write = Callable[..., Path]
LoadError = Callable[..., None]


@pytest.fixture(scope="module")
def many() -> Dataset:
    """As many real rows as evidence needs, and more."""
    return bundled("kaggle").subset(np.arange(150))


def rows_of(dataset: Dataset, label_at: int) -> Table:
    return [
        np.insert(image.reshape(-1).astype(int), label_at, label).astype(str).tolist()
        for image, label in zip(dataset.images, dataset.require_labels(), strict=True)
    ]


def header(form: str) -> list[str]:
    return [form.format(i=i, j=i + 1, r=i // 28 + 1, c=i % 28 + 1) for i in range(784)]


@pytest.mark.parametrize(
    "form", ["pixel{i}", "pixel{j}", "{r}x{c}", "{i}", "px_{i:03}", "pixel_{r}_{c}", "V{j}"]
)
def test_reads_other_headers(table: Table, write: Write, small_set: Dataset, form: str) -> None:
    assert load(write([["label", *header(form)], *table[1:]])).fingerprint == small_set.fingerprint
    unlabelled = load(write([header(form), *[row[1:] for row in table[1:]]]))
    assert unlabelled.labels is None
    assert np.array_equal(unlabelled.images, small_set.images)


@pytest.mark.parametrize("name", ["label", "Label", "class", "y", "target"])
@pytest.mark.parametrize("at", [300, 784])
def test_finds_the_label_by_its_name(small_set: Dataset, write: Write, name: str, at: int) -> None:
    names = header("pixel{i}")
    names.insert(at, name)
    dataset = load(write([names, *rows_of(small_set, at)]))
    assert dataset.fingerprint == small_set.fingerprint
    (note,) = dataset.notes
    assert f"column {at + 1}, {name!r}" in note


def test_the_one_column_with_another_kind_of_name_is_the_label(
    small_set: Dataset, write: Write
) -> None:
    names = [*header("pixel{i}"), "what it shows"]
    assert load(write([names, *rows_of(small_set, 784)])).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("at", [0, 400, 784])
def test_without_header_the_label_is_found_by_evidence(
    many: Dataset, write: Write, at: int
) -> None:
    dataset = load(write(rows_of(many, at)))
    assert dataset.fingerprint == many.fingerprint
    assert "no header" in dataset.notes[0]
    assert re.match(rf"column {at + 1} .* explain \d+ %", dataset.notes[1])


def test_a_header_of_numbers_is_not_read_as_an_image(many: Dataset, write: Write) -> None:
    dataset = load(write([[str(i) for i in range(785)], *rows_of(many, 784)]))
    assert dataset.fingerprint == many.fingerprint


def test_text_among_numbers_is_the_label(small_set: Dataset, write: Write) -> None:
    rows = rows_of(small_set, 784)
    for row in rows:
        row[-1] = f"n{row[-1]}"
    dataset = load(write(rows))
    assert [dataset.classes[label] for label in dataset.require_labels()] == [
        row[-1] for row in rows
    ]
    assert "column 785" in dataset.notes[1]
    assert "text" in dataset.notes[1]


@pytest.mark.parametrize("at", [0, 784])
def test_a_table_sorted_by_its_labels_is_read_by_the_whole_of_it(
    many: Dataset, write: Write, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order = many.subset(np.argsort(many.require_labels(), kind="stable"))
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 20_000)  # ten rows: all of one class
    dataset = load(write(rows_of(in_order, at)))
    assert dataset.fingerprint == in_order.fingerprint
    assert re.match(rf"column {at + 1} .* explain \d+ % of the variance of 150", dataset.notes[1])


def test_a_sorted_parquet_table_is_read_by_the_whole_of_it(tmp_path: Path) -> None:
    dataset = bundled("kaggle").subset(np.arange(1000))
    dataset = dataset.subset(np.argsort(dataset.require_labels(), kind="stable"))
    columns = dict(zip(map(str, range(785)), np.array(rows_of(dataset, 784), int).T, strict=True))
    pl.DataFrame(columns).write_parquet(tmp_path / "sorted.parquet")
    read = load(tmp_path / "sorted.parquet")
    assert read.fingerprint == dataset.fingerprint
    assert "column 785 is used as the label" in read.notes[0]


def test_of_few_rows_a_last_column_that_varies_is_the_label(
    small_set: Dataset, write: Write
) -> None:
    dataset = load(write(rows_of(small_set, 784)))
    assert dataset.fingerprint == small_set.fingerprint
    assert "column 785 is used as the label" in dataset.notes[1]


def test_with_little_evidence_the_first_column_is_the_label(
    small_set: Dataset, write: Write
) -> None:
    dataset = load(write(rows_of(small_set, 0)))
    assert dataset.fingerprint == small_set.fingerprint
    assert "column 1 " in dataset.notes[1]


def test_without_header_and_label_there_are_784_columns(small_set: Dataset, write: Write) -> None:
    dataset = load(write([row[1:] for row in rows_of(small_set, 0)]))
    assert dataset.labels is None
    assert np.array_equal(dataset.images, small_set.images)


@pytest.mark.parametrize("scale", [1 / 255, 1.0])
def test_fractions_and_decimals_within_255_are_distinguished(
    table: Table, write: Write, small_set: Dataset, scale: float
) -> None:
    rows = [[row[0], *(str(int(cell) * scale) for cell in row[1:])] for row in table[1:]]
    dataset = load(write([table[0], *rows]))
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.notes[0] == (FRACTION_NOTE if scale < 1 else FLOAT_NOTE)


def test_a_row_that_was_mangled_into_column_names_is_skipped(
    small_set: Dataset, write: Write
) -> None:
    mangled = ["0", *(f"0.{number}" for number in range(1, 785))]
    dataset = load(write([mangled, *rows_of(small_set, 0)]))
    assert dataset.fingerprint == small_set.fingerprint
    assert "skipped" in dataset.notes[0]


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "1e9", "x", ""])
def test_rejects_an_invalid_decimal_pixel(
    table: Table, write: Write, value: str, load_error: LoadError
) -> None:
    rows = [[row[0], *(str(int(cell) / 255) for cell in row[1:])] for row in table[1:]]
    rows[6][100] = value
    shown = {"1e9": "'1000000000'"}.get(value, repr(value))
    load_error(write([table[0], *rows]), "row 7 (line 8), column pixel99", "0-255", shown)


def test_rejects_an_empty_label_without_header(
    small_set: Dataset, write: Write, load_error: LoadError
) -> None:
    rows = rows_of(small_set, 0)
    rows[3][0] = ""
    load_error(write(rows), "row 4 (line 4), column 1: is empty")


@pytest.mark.parametrize("labelled", [0, 1])
@pytest.mark.parametrize("text", [False, True])
def test_a_column_of_ids_is_kept(
    small_set: Dataset, write: Write, labelled: int, text: bool
) -> None:
    names = ["id", *["label"] * labelled, *header("pixel{i}")]
    rows = rows_of(small_set, 0)
    ids = [f"img {n}" if text else str(n + 500) for n in range(len(rows))]
    rows = [[name, *row[1 - labelled :]] for name, row in zip(ids, rows, strict=True)]
    dataset = load(write([names, *rows]))
    assert dataset.ids is not None
    assert dataset.ids.tolist() == ids
    assert (dataset.labels is not None) == bool(labelled)
    assert (dataset.images == small_set.images).all()


@pytest.mark.parametrize("name", ["uuid", "sample_id", "PassengerId", "name", "key"])
def test_a_column_that_is_named_as_an_id_is_no_label(
    small_set: Dataset, write: Write, name: str
) -> None:
    rows = [[str(n % 7), *row[1:]] for n, row in enumerate(rows_of(small_set, 0))]
    dataset = load(write([[name, *header("pixel{i}")], *rows]))
    assert dataset.labels is None
    assert dataset.ids is not None
    assert dataset.id_name == name
    assert "13 of the 20 ids occur more than once" in dataset.notes


@pytest.mark.parametrize("name", ["label_id", "symbol_id", "ClassId", "class_name"])
def test_an_id_of_the_class_is_the_label(small_set: Dataset, write: Write, name: str) -> None:
    dataset = load(write([[name, *header("pixel{i}")], *rows_of(small_set, 0)]))
    assert dataset.fingerprint == small_set.fingerprint


def test_ids_are_whole_numbers_where_pandas_made_them_decimals(
    small_set: Dataset, write: Write, load_error: LoadError
) -> None:
    names = ["id", *header("pixel{i}")]
    rows = [[f"{n}.0", *row[1:]] for n, row in enumerate(rows_of(small_set, 0))]
    dataset = load(write([names, *rows]))
    assert dataset.ids is not None
    assert dataset.ids.tolist() == [str(n) for n in range(20)]
    rows[4][0] = ""
    load_error(write([names, *rows]), "row 5 has no id")


def test_named_columns_of_label_and_id(small_set: Dataset, write: Write) -> None:
    names = [*header("pixel{i}"), "Truth", "Serial"]
    rows = rows_of(small_set, 0)
    rows = [[*row[1:], row[0], f"s{n}"] for n, row in enumerate(rows)]
    path = write([names, *rows])
    dataset = load(f"{path}:label-column=truth:id-column=Serial")
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.ids is not None
    assert (dataset.ids[3], dataset.id_name) == ("s3", "Serial")
    by_number = load(f"{path}:label-column=785:id-column=786")
    assert by_number.fingerprint == small_set.fingerprint


def test_extra_columns_are_named(small_set: Dataset, write: Write, load_error: LoadError) -> None:
    names = ["label", *header("pixel{i}"), "usage"]
    path = write([names, *([*row, "Training"] for row in rows_of(small_set, 0))])
    load_error(path, "'usage' (786)", "--label-column", "--id-column")
    load_error(f"{path}:id-column=user", "'user'", "--id-column")


def test_pandas_row_numbers_are_left_out(small_set: Dataset, write: Write) -> None:
    names = ["Unnamed: 0", "label", *header("pixel{i}")]
    dataset = load(write([names, *([str(n), *row] for n, row in enumerate(rows_of(small_set, 0)))]))
    assert dataset.fingerprint == small_set.fingerprint
    assert dataset.ids is None
    assert "column 1, 'Unnamed: 0', numbers the rows: left out" in dataset.notes


@pytest.mark.parametrize("labelled", [0, 1])
def test_rejects_images_in_colour(write: Write, labelled: int, load_error: LoadError) -> None:
    row = ["7"] * labelled + ["0"] * 2352
    load_error(write([row] * 3), f"{len(row):,} columns", "colour")


def test_rejects_70_000_columns(write: Write, load_error: LoadError) -> None:
    names = [f"pixel{index}" for index in range(70_000)]
    for rows in ([names, ["0"] * 70_000], [["0"] * 70_000]):
        load_error(write(rows), "784 pixel columns", "Received: 70,000")


def test_rejects_pixels_in_column_major_order(
    small_set: Dataset, write: Write, load_error: LoadError
) -> None:
    names = ["label", *(f"{i % 28 + 1}x{i // 28 + 1}" for i in range(784))]
    load_error(write([names, *rows_of(small_set, 0)]), "column 3 must be 1x2", "Received: '2x1'")
