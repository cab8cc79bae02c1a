from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.formats import csv_table
from tenfold.data.pixels import other_classes
from tenfold.data.source import load
from tenfold.errors import TenfoldError

Table = list[list[str]]
Write = Callable[..., Path]
LoadError = Callable[..., None]


def same(read: Dataset, real: Dataset) -> bool:
    return np.array_equal(read.images, real.images) and np.array_equal(
        read.require_labels(), real.require_labels()
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_reads_a_labelled_table(table: Table, write: Write, small_set: Dataset, end: str) -> None:
    dataset = load(write(table, end=end))
    assert same(dataset, small_set)
    assert dataset.classes == tuple("0123456789")
    assert dataset.images.dtype == np.uint8
    assert dataset.notes == ()


def test_reads_a_table_without_labels(table: Table, write: Write, small_set: Dataset) -> None:
    dataset = load(write([row[1:] for row in table]))
    assert np.array_equal(dataset.images, small_set.images)
    assert dataset.labels is None
    with pytest.raises(TenfoldError, match=dataset.source):
        dataset.require_labels()


def test_reads_rows_that_span_many_blocks(
    table: Table, write: Write, small_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 701)
    assert same(load(write(table, end="\r\n")), small_set)


def test_reads_a_byte_order_mark(table: Table, write: Write, small_set: Dataset) -> None:
    table[0][0] = "\ufeff" + table[0][0]
    assert same(load(write(table)), small_set)


def test_reads_a_last_line_without_its_end(table: Table, write: Write, small_set: Dataset) -> None:
    path = write(table)
    path.write_bytes(path.read_bytes()[:-1])
    assert same(load(path), small_set)


def test_skips_blank_lines(table: Table, write: Write, small_set: Dataset) -> None:
    path = write(table)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:5], b"", *lines[5:], b"", b""]))
    assert same(load(path), small_set)


def test_reads_quoted_and_padded_cells(table: Table, write: Write, small_set: Dataset) -> None:
    quoted = [[f'"{cell}"' for cell in row] for row in table]
    quoted[7] = [f" {cell}" for cell in table[7]]
    quoted[8] = [table[8][0], *(cell.zfill(3) for cell in table[8][1:])]
    assert same(load(write(quoted)), small_set)


def test_names_of_classes_become_sorted_classes(
    table: Table, write: Write, small_set: Dataset
) -> None:
    for row in table[1:]:
        row[0] = "fünf" if row[0] == "5" else f"digit {row[0]}"
    dataset = load(write(table))
    assert dataset.classes == tuple(sorted({row[0] for row in table[1:]}))
    assert [dataset.classes[label] for label in dataset.require_labels()] == [
        r[0] for r in table[1:]
    ]
    assert dataset.notes == other_classes(dataset.classes) != ()


def test_punctuation_marks_can_be_classes(table: Table, write: Write) -> None:
    for number, row in enumerate(table[1:]):
        row[0] = ".e+-"[number % 4]
    assert load(write(table)).classes == ("+", "-", ".", "e")


def test_integers_beyond_nine_are_classes_in_the_order_of_numbers(
    table: Table, write: Write
) -> None:
    for number, row in enumerate(table[1:]):
        row[0] = str(number % 12)
    assert load(write(table)).classes == tuple(str(number) for number in range(12))


@pytest.mark.parametrize("value", ["256", "300", "399", "511", "1000", "-1", "abc", "", "²"])
def test_rejects_a_pixel_that_is_no_number_0_to_255(
    table: Table, write: Write, value: str, load_error: LoadError
) -> None:
    table[12][18] = value
    load_error(write(table), "row 12 (line 13), column pixel17: ", f"Received: {value!r}")


def test_rejects_every_integer_above_255_and_reads_every_other(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[3][1:1001:3] = [str(value) for value in range(256, 256 + len(table[3][1:1001:3]))]
    load_error(write(table), "row 3 (line 4), column pixel0: ", "0-255", "Received: '256'")
    table[3][1:] = [str(value % 256) for value in range(784)]
    read = load(write(table)).images[2].reshape(-1)
    assert np.array_equal(read, np.arange(784) % 256)


def test_an_empty_cell_is_not_hidden_by_a_padded_one(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[4][100:103] = ["7", "", "007"]
    load_error(write(table), "row 4 (line 5), column pixel100: is empty")


def test_counts_rows_without_blank_lines_and_lines_with_them(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[9][400] = "x"
    table.insert(4, [])
    load_error(write(table), "row 9 (line 11), column pixel399")


def test_counts_rows_across_blocks(
    table: Table, write: Write, monkeypatch: pytest.MonkeyPatch, load_error: LoadError
) -> None:
    monkeypatch.setattr(csv_table, "BLOCK_BYTES", 5000)
    table[19][784] = "1f2"
    load_error(write(table), "row 19 (line 20), column pixel783")


@pytest.mark.parametrize(
    ("label", "wanted"),
    [("", "is empty"), ("nan", "is empty"), ("3.5", "an integer"), ("4.2e+00", "an integer")],
)
def test_rejects_an_invalid_label(
    table: Table, write: Write, label: str, wanted: str, load_error: LoadError
) -> None:
    table[6][0] = label
    load_error(write(table), "row 6 (line 7), column label: ", wanted)


def test_rejects_a_row_with_too_few_cells(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[5].pop()
    load_error(write(table), "row 5 (line 6): ", "785 cells", "Received: 784")


def test_rejects_a_row_with_too_many_cells(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[5].append("0")
    load_error(write(table), "row 5 (line 6): ", "785 cells", "Received: 786")


def test_a_short_row_is_not_hidden_by_a_long_one(
    table: Table, write: Write, load_error: LoadError
) -> None:
    table[6].append(table[5].pop())
    load_error(write(table), "row 5 (line 6): ", "785 cells", "Received: 784")


@pytest.mark.parametrize("count", [783, 785])
def test_rejects_another_number_of_pixel_columns(
    table: Table, write: Write, count: int, load_error: LoadError
) -> None:
    names = [f"pixel{index}" for index in range(count)]
    rows = [["label", *names], *([*row, "0"][: count + 1] for row in table[1:])]
    load_error(write(rows), "784 pixel columns", "pixel0-pixel783", f"Received: {count}")


def test_rejects_columns_out_of_order(table: Table, write: Write, load_error: LoadError) -> None:
    table[0][5], table[0][6] = table[0][6], table[0][5]
    load_error(write(table), "column 6 must be pixel4", "Received: 'pixel5'")


def test_control_characters_of_a_header_are_spelled_out_in_the_error(
    table: Table, write: Write
) -> None:
    table[0][1] = "pi\x02xel0"
    with pytest.raises(TenfoldError, match=r"must be pi\\x02xel1") as caught:
        load(write(table))
    assert str(caught.value).isprintable()


def test_rejects_a_first_line_that_is_neither_header_nor_row(
    table: Table, write: Write, load_error: LoadError
) -> None:
    load_error(write([["x"], *table]), "first line", "label,pixel0", "Received: 1 columns")


def test_rejects_a_header_without_rows(table: Table, write: Write, load_error: LoadError) -> None:
    load_error(path := write(table[:1]), path, "no rows")


def test_rejects_an_empty_file(write: Write, load_error: LoadError) -> None:
    load_error(path := write([]), path, "is an empty file")


def test_rejects_binary_noise(tmp_path: Path, load_error: LoadError) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(np.random.default_rng(0).bytes(50_000))
    load_error(path, path, "no known format")


def test_rejects_a_row_that_is_not_utf_8(table: Table, write: Write, load_error: LoadError) -> None:
    path = write(table)
    path.write_bytes(path.read_bytes().replace(b"\n" + table[3][0].encode(), b"\n\xe9", 1))
    load_error(path, path, "row 1 (line 2): ", "UTF-8")


def test_rejects_a_line_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_error: LoadError
) -> None:
    monkeypatch.setattr(csv_table, "MAX_LINE_BYTES", 20_000)
    path = tmp_path / "digits.csv"
    path.write_bytes(b"0," * 400_000)
    load_error(path, path, "20,000 bytes")
