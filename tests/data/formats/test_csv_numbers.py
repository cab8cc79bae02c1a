"""Numbers as people's programs write them: the same digits, whatever the spelling."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.formats import csv_table
from tenfold.data.source import load

Table = list[list[str]]
Write = Callable[..., Path]
LoadError = Callable[..., None]


@pytest.fixture
def pixels(small_set: Dataset) -> np.ndarray:
    labels = small_set.require_labels()[:, None]
    return np.hstack([labels, small_set.images.reshape(20, 784)])


def test_reads_what_savetxt_writes(
    tmp_path: Path, pixels: np.ndarray, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digits.csv"
    np.savetxt(path, pixels, delimiter=",")
    assert load(path).fingerprint == small_set.fingerprint
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 30_000)
    header = ",".join(["label", *(f"pixel{index}" for index in range(784))])
    np.savetxt(path, pixels, "%.18e", ",", header=header, comments="")
    assert load(path).fingerprint == small_set.fingerprint


def test_decimals_in_some_columns_or_rows_are_numbers_as_any(
    table: Table, write: Write, small_set: Dataset
) -> None:
    for row in table[1:]:
        row[0], row[300] = f"{row[0]}.0", f"{row[300]}.00"
    table[5] = [f"{cell}e0" for cell in table[5]]
    assert load(write(table)).fingerprint == small_set.fingerprint


def test_the_row_with_the_empty_cell_is_blamed_not_those_that_it_made_decimals(
    table: Table, write: Write, load_error: LoadError
) -> None:
    for row in table[1:]:
        row[300] = f"{row[300]}.0"
    table[9][300] = ""
    load_error(write(table), "row 9 (line 10), column pixel299: is empty")


def test_rows_of_commas_alone_are_left_out_and_counted(
    table: Table, write: Write, small_set: Dataset, load_error: LoadError
) -> None:
    empty = [""] * 785
    dataset = load(write([*table[:5], empty, *table[5:], empty, empty]))
    assert dataset.fingerprint == small_set.fingerprint
    assert "3 empty rows were left out" in dataset.notes
    table[9][400] = "300"
    load_error(write([*table[:5], empty, *table[5:]]), "row 9 (line 11), column pixel399: ")


def test_rows_without_any_number_are_empty(table: Table, write: Write, small_set: Dataset) -> None:
    dataset = load(write([*table[:5], ["NaN"] * 785, *table[5:]]))
    assert dataset.fingerprint == small_set.fingerprint
    assert "1 empty row was left out" in dataset.notes


@pytest.mark.parametrize("mark", ["'", " ", "\u00a0"])
def test_spaces_and_apostrophes_separate_thousands(
    table: Table, write: Write, small_set: Dataset, mark: str
) -> None:
    deep = [
        [row[0], *(f"{int(c) * 257:,}".replace(",", mark) for c in row[1:])] for row in table[1:]
    ]
    assert load(write([table[0], *deep])).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("with_header", [True, False])
def test_reads_marked_encodings(
    table: Table, tmp_path: Path, small_set: Dataset, encoding: str, with_header: bool
) -> None:
    path = tmp_path / "digits.csv"
    text = "".join(",".join(row) + "\r\n" for row in table[not with_header :])
    path.write_bytes(text.encode(encoding))
    assert load(path).fingerprint == small_set.fingerprint


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("scale", [1, 1 / 255])
def test_reads_a_spreadsheets_decimal_commas(
    tmp_path: Path,
    table: Table,
    pixels: np.ndarray,
    small_set: Dataset,
    separator: str,
    scale: float,
) -> None:
    rows = [[str(row[0]), *(f"{value * scale:.6f}" for value in row[1:])] for row in pixels]
    path = tmp_path / "digits.csv"
    text = "".join(separator.join(row).replace(".", ",") + "\n" for row in [table[0], *rows])
    path.write_text(text)
    assert load(path).fingerprint == small_set.fingerprint
    path.write_text("".join(separator.join(row) + "\n" for row in table))
    assert load(path).fingerprint == small_set.fingerprint


def test_commas_separate_thousands_where_those_of_the_whole_table_do(
    table: Table, write: Write, pixels: np.ndarray, small_set: Dataset
) -> None:
    rows = [
        [str(row[0]), *(f'"{value * 257:,}"' for value in row[1:].astype(int))] for row in pixels
    ]
    dataset = load(write([table[0], *rows]))
    assert dataset.fingerprint == small_set.fingerprint
    assert "0 (background) to 65535 (ink)" in dataset.notes[0]


def test_one_value_of_another_scale_is_named_by_row_and_column(
    table: Table, write: Write, load_error: LoadError
) -> None:
    rows = [[row[0], *(str(int(cell) / 255) for cell in row[1:])] for row in table[1:]]
    rows[6][100] = "17.0"
    load_error(write([table[0], *rows]), "row 7 (line 8), column pixel99: ", "'17'")
