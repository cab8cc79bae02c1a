"""Read the tables of Kaggle's Digit Recognizer: `label,pixel0..pixel783`, or the pixels alone."""

import csv
import re
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, SIDE, Dataset, Labels, class_indices
from tenfold.errors import TenfoldError

# Blocks whose arrays stay in the processor's cache: 256 kB was fastest of 32 kB to 16 MB.
BLOCK_BYTES = 256 << 10
# A row of 785 quoted cells with spaces has 8 kB; the rest is room.
MOST_LINE_BYTES = 1 << 20

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(
    r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?e[+-]?[0-9]+|nan|inf)", re.IGNORECASE
)
_COMMA, _LINE_FEED, _ZERO = (np.uint8(ord(sign)) for sign in (",", "\n", "0"))


class ByteStream(Protocol):
    """What a table is read from: `read` gives at most that many bytes, and none at the end."""

    source: str

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes."""


def read_kaggle_csv(stream: ByteStream) -> Dataset:
    """Read a table of digits, a row a picture, checking every value.

    Numpy turns whole blocks of text into pixels by arithmetic on bytes; a block in which anything
    is unusual goes cell by cell through Python's `csv`, which alone decides what is an error.
    Polars, into uint8 columns, takes about twice the time and the memory.

    Args:
        stream: UTF-8 text with LF or CRLF line ends, with or without a byte order mark.

    Returns:
        A Dataset; `labels` is None where the table has no label column. Integer labels within
        0-9 give ten classes, any others the sorted unique labels.

    Raises:
        TenfoldError: where the header, the number of cells, a pixel (an integer 0-255) or a label
            is not as it must be.
    """
    blocks = _blocks(stream)
    header = next(blocks, b"")
    labelled = _check_header(header, stream.source)
    reading = _Rows(stream.source, labelled)
    pixels = [reading.read(block) for block in blocks]
    if not reading.rows:
        raise TenfoldError(
            f"{stream.source}: has a header and no rows; give a table with a row a picture"
        )
    images = np.concatenate(pixels).reshape(-1, SIDE, SIDE)
    if not labelled:
        return Dataset(images, None, source=stream.source)
    labels, classes = _label_indices(reading.labels)
    digits = "".join(classes) == "0123456789"
    notes = () if digits else (f"the labels are not the digits 0-9 but {len(classes)} others",)
    return Dataset(images, labels, classes, stream.source, notes=notes)


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    """Yield the header line, then blocks of whole lines; every line ends in a line feed."""
    rest = b""
    header_seen = False
    while piece := stream.read(BLOCK_BYTES):
        rest += piece
        if not header_seen and (end := rest.find(b"\n") + 1):
            yield rest[:end]
            rest, header_seen = rest[end:], True
        if header_seen and (end := rest.rfind(b"\n") + 1):
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > MOST_LINE_BYTES:
            raise TenfoldError(
                f"{stream.source}: has a line of more than {MOST_LINE_BYTES:,} bytes, so it is no "
                f"table of {PIXELS} pixels a row. Received: {shown(rest[:20])}..."
            )
    if rest:
        yield rest + b"\n"


def _check_header(line: bytes, source: str) -> bool:
    """Tell whether the table has labels; raise where the header is not Kaggle's."""
    if not line.strip():
        raise TenfoldError(
            f"{source}: is empty; give a CSV whose first line is label,pixel0,...,pixel{PIXELS - 1}"
        )
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        if "\0" in text:
            raise ValueError
        names = [name.strip() for name in next(csv.reader([text]), [""])] or [""]
    except (ValueError, csv.Error) as error:
        raise TenfoldError(
            f"{source}: is not a CSV in UTF-8. Received: {shown(line[:20])}... at its start"
        ) from error
    labelled = names[0] == "label"
    pixels = names[labelled:]
    if pixels[:1] != ["pixel0"]:
        raise TenfoldError(
            f"{source}: the first line must be the header label,pixel0,...,pixel{PIXELS - 1} "
            f"(or without label). Received: {shown(text)}"
        )
    for index, name in enumerate(pixels[:PIXELS]):
        if name != f"pixel{index}":
            raise TenfoldError(
                f"{source}: header, column {index + labelled + 1} must be pixel{index}; put the "
                f"columns in order. Received: {shown(name)}"
            )
    if len(pixels) != PIXELS:
        raise TenfoldError(
            f"{source}: needs {PIXELS} pixel columns, pixel0-pixel{PIXELS - 1} ({SIDE} x {SIDE}). "
            f"Received: {len(pixels)}"
        )
    return labelled


class _Rows:
    """The rows read so far: how many, their labels, and how many lines of the file they took."""

    def __init__(self, source: str, labelled: bool) -> None:
        self.source = source
        self.labelled = labelled
        self.rows = 0
        self.lines = 1
        self.labels: list[str] = []
        self._plain_labels: dict[bytes, str] = {}

    def read(self, block: bytes) -> NDArray[np.uint8]:
        """Read a block of whole lines into pixels, uint8 [rows, 784], and keep its labels."""
        # Line by line for the line ends alone: replacing them in the block took 30 % of the time.
        lines = [line.removesuffix(b"\r") for line in block[:-1].split(b"\n")]
        table = self._read_plain(lines)
        if table is None:
            table = self._read_cells(lines)
        self.rows += len(table)
        self.lines += len(lines)
        return table

    def _read_plain(self, lines: list[bytes]) -> NDArray[np.uint8] | None:
        """Read lines with nothing unusual in them; None where there may be."""
        if not self.labelled:
            return _plain_pixels(lines)
        pairs = [line.partition(b",") for line in lines]
        names = [self._plain_label(label) for label, _, _ in pairs]
        if None in names:
            return None
        table = _plain_pixels([cells for _, _, cells in pairs])
        if table is not None:
            self.labels.extend(name for name in names if name is not None)
        return table

    def _plain_label(self, label: bytes) -> str | None:
        if label not in self._plain_labels:
            text = label.decode("utf-8", "replace")
            unusual = '"' in text or "\ufffd" in text or text != text.strip()
            if unusual or _label_fault(text):
                return None
            self._plain_labels[label] = text
        return self._plain_labels[label]

    def _read_cells(self, lines: list[bytes]) -> NDArray[np.uint8]:
        """Read lines cell by cell: slower, and exact about what is wrong and where."""
        tables = []
        row = self.rows
        for line_number, line in enumerate(lines, self.lines + 1):
            if not line.strip():
                continue
            row += 1
            where = f"{self.source}: row {row} (line {line_number})"
            cells = _cells_of(line, where)
            needed = PIXELS + self.labelled
            if len(cells) != needed:
                raise TenfoldError(f"{where}: needs {needed} cells. Received: {len(cells)}")
            if self.labelled:
                label = cells.pop(0)
                if fault := _label_fault(label):
                    raise TenfoldError(f"{where}, column label: {fault}. Received: {shown(label)}")
                self.labels.append(label)
            tables.append([_pixel(cell, index, where) for index, cell in enumerate(cells)])
        return np.array(tables, np.uint8).reshape(-1, PIXELS)


def _plain_pixels(lines: list[bytes]) -> NDArray[np.uint8] | None:
    """Turn lines of 784 cells, each an integer 0-255 in its shortest form, into uint8 [lines, 784].

    Whatever else the lines may hold makes it None: another sign, an empty cell, leading zeros, a
    value above 255, another number of cells.
    """
    text = np.frombuffer(b"\n".join([*lines, b""]), np.uint8)
    digit = text - _ZERO
    is_digit = digit < 10
    ends = np.flatnonzero(~is_digit)
    if (
        len(ends) != len(lines) * PIXELS
        or np.count_nonzero(text == _COMMA) != len(lines) * (PIXELS - 1)
        or (text[ends[PIXELS - 1 :: PIXELS]] != _LINE_FEED).any()
        or not is_digit[0]
        or not (is_digit[1:] | is_digit[:-1]).all()
    ):
        return None
    # Each cell has a digit from here on. Its value is put where its separator stands, from the
    # digits 1, 2 and 3 places before; modulo 256, for bytes are several times faster than words.
    one = is_digit.view(np.uint8)
    digit *= one
    hundreds = digit[:-3] * one[1:-2]
    if len(hundreds) and (hundreds * one[2:-1]).max() > 2:
        return None
    value = np.zeros_like(text)
    value[1:] = digit[:-1]
    value[2:] += digit[:-2] * np.uint8(10)
    value[3:] += hundreds * np.uint8(100)
    pixels = value[ends]
    # The shortest forms of these values are as long together as the text only if every cell was
    # its value's shortest form: 256-299 became 0-43, and longer cells lost their first digits.
    digits = pixels.size + np.count_nonzero(pixels > 9) + np.count_nonzero(pixels > 99)
    if digits + len(ends) != len(text):
        return None
    return pixels.reshape(len(lines), PIXELS)


def _cells_of(line: bytes, where: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.decode()], strict=True))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TenfoldError(
            f"{where}: is not a line of a CSV in UTF-8 ({error}). Received: {shown(line)}"
        ) from error


def _pixel(cell: str, index: int, where: str) -> int:
    if cell.isascii() and cell.isdigit() and len(cell) <= 18 and int(cell) <= 255:
        return int(cell)
    wanted = "is empty; fill it with an integer 0-255" if not cell else "must be an integer 0-255"
    raise TenfoldError(f"{where}, column pixel{index}: {wanted}. Received: {shown(cell)}")


def _label_fault(label: str) -> str:
    if not label:
        return "is empty; give every row its label, or leave the column out"
    if _DECIMAL.fullmatch(label):
        return "must be an integer or the name of a class"
    return ""


def _label_indices(labels: list[str]) -> tuple[Labels, tuple[str, ...]]:
    """Number the labels: as integers where all of them are, otherwise as names."""
    if all(_WHOLE.fullmatch(label) for label in set(labels)):
        return class_indices(np.array([int(label) for label in labels], np.int64))
    return class_indices(np.array(labels))


def shown(value: str | bytes, most: int = 40) -> str:
    """Show a value of the user's in an error: quoted, on one line, cut where it is long."""
    quoted = repr(value[:most])
    return quoted if len(value) <= most else f"{quoted}..."
