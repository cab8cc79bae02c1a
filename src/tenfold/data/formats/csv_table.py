"""Read tables of pixels, as Kaggle's Digit Recognizer has them: `label,pixel0..pixel783`."""

import csv
import itertools
import math
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_layout import MOST_EVIDENCE_ROWS, Layout, cells_of, layout_of
from tenfold.data.pixels import named_labels, other_classes, to_images
from tenfold.errors import TenfoldError

# Of blocks of 64 kB to 2 MB those of 512 kB to 1 MB were fastest: Kaggle's in 0.12 s for 0.26.
BLOCK_BYTES = 768 << 10
MOST_THREADS = 4  # numpy lets the others run; more would wait for Python itself
# A row of 785 quoted cells with spaces has 8 kB; the rest is room.
MOST_LINE_BYTES = 1 << 20

_DECIMAL = re.compile(
    r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?e[+-]?[0-9]+|nan|inf)", re.IGNORECASE
)
_WHOLE_DECIMAL = re.compile(r"[0-9]{1,18}\.0*")
_COMMA, _LINE_FEED, _RETURN, _ZERO = (np.uint8(ord(sign)) for sign in (",", "\n", "\r", "0"))
_NUMBERS = [str(number) for number in range(256)]

Table = NDArray[np.uint8] | NDArray[np.float32]


class ByteStream(Protocol):
    """What a table is read from: `read` gives at most that many bytes, and none at the end."""

    source: str

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes."""


def read_csv(stream: ByteStream, source: str) -> Dataset:
    """Read a table of digits, a row a picture, checking every value.

    Numpy turns whole blocks of text into pixels by arithmetic on bytes, a few blocks at once; one
    in which anything is unusual goes cell by cell through Python's `csv`, which alone decides what
    is an error. Polars, into uint8 columns, takes about twice the time and the memory.

    Args:
        stream: UTF-8 text with LF or CRLF line ends, with or without a byte order mark, a header,
            and a column of labels.
        source: the name of the set.

    Returns:
        A Dataset; `labels` is None where the table has no label column. Integer labels within
        0-9 give ten classes, any others the sorted unique labels.

    Raises:
        TenfoldError: where the columns, the number of cells, a pixel (an integer 0-255, or all of
            them decimal numbers) or a label is not as it must be.
    """
    blocks = _blocks(stream)
    first = next(blocks, b"")
    sample = next(blocks, b"")
    layout = _layout(first, sample, stream.source)
    reading = _Rows(stream.source, layout)
    lines = [sample] if layout.header else [first, sample]
    pixels = list(reading.read(block for block in itertools.chain(lines, blocks) if block))
    if not reading.rows:
        raise TenfoldError(
            f"{stream.source}: has a header and no rows; give a table with a row a picture"
        )
    images, notes = to_images(np.concatenate(pixels), stream.source)
    notes = (*layout.notes, *notes)
    if layout.label is None:
        return Dataset(images, None, source=source, notes=notes)
    labels, classes = named_labels(reading.labels)
    return Dataset(images, labels, classes, source, notes=(*notes, *other_classes(classes)))


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    """Yield the header line, then blocks of whole lines; every line ends in a line feed."""
    rest = b""
    header_seen = False
    while piece := stream.read(BLOCK_BYTES):
        if not header_seen and (end := piece.find(b"\n") + 1):
            yield rest + piece[:end]
            rest, piece, header_seen = b"", piece[end:], True
        end = piece.rfind(b"\n") + 1 if header_seen else 0
        if end:
            yield b"".join((rest, memoryview(piece)[:end]))  # copied once
        rest = piece[end:] if end else rest + piece
        if len(rest) > MOST_LINE_BYTES:
            raise TenfoldError(
                f"{stream.source}: has a line of more than {MOST_LINE_BYTES:,} bytes, so it is no "
                f"table of {PIXELS} pixels a row. Received: {shown(rest[:20])}..."
            )
    if rest:
        yield rest + b"\n"


def _layout(first: bytes, sample: bytes, source: str) -> Layout:
    """Find the table's layout from its first line and the block after it."""
    if not first.strip():
        raise TenfoldError(
            f"{source}: is empty; give a CSV whose first line is label,pixel0,...,pixel{PIXELS - 1}"
        )
    try:
        cells = cells_of(first)
    except (ValueError, csv.Error) as error:
        raise TenfoldError(
            f"{source}: is not a CSV in UTF-8. Received: {shown(first[:20])}... at its start"
        ) from error
    rows = []
    # Kaggle's own header needs no evidence: only whether the first row has decimals.
    most = 1 if cells[:2] == ["label", "pixel0"] else MOST_EVIDENCE_ROWS
    for line in sample.split(b"\n", most)[:most]:
        try:
            rows.append(cells_of(line))
        except (ValueError, csv.Error):
            break  # its row will be named when it is read
    return layout_of(cells, [row for row in rows if row != [""]], source)


class _Rows:
    """The rows read so far: how many, their labels, and how many lines of the file they took."""

    def __init__(self, source: str, layout: Layout) -> None:
        self.source = source
        self.label = layout.label
        self.names = layout.names
        self.decimal = layout.decimal
        self.rows = 0
        self.lines = int(layout.header)
        self.labels: list[str] = []
        self._plain_labels: dict[bytes, str] = {}
        self._numbers_alone = True  # so far: labels that are names are taken from their lines

    def read(self, blocks: Iterable[bytes]) -> Iterator[Table]:
        """Read blocks of whole lines into pixels, [rows, 784] each, and keep their labels."""
        threads = min(MOST_THREADS, os.cpu_count() or 1)
        ahead: deque[tuple[bytes, Future[NDArray[np.uint8] | None]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for block in blocks:
                ahead.append((block, pool.submit(self._numbers, block)))
                if len(ahead) > 2 * threads:  # no more than these are held in memory
                    yield self._taken(*ahead.popleft())
            while ahead:
                yield self._taken(*ahead.popleft())

    def _numbers(self, block: bytes) -> NDArray[np.uint8] | None:
        """Read a block in which every cell is an integer 0-255, the labels too; else None."""
        usual = self._numbers_alone and not self.decimal
        return _plain_table(block, len(self.names)) if usual else None

    def _taken(self, block: bytes, found: Future[NDArray[np.uint8] | None]) -> Table:
        """Add a block to the rows so far: this happens in their order."""
        numbers = found.result()
        if numbers is not None:
            self.rows += len(numbers)
            self.lines += len(numbers)
            if self.label is None:
                return numbers
            self.labels += [_NUMBERS[label] for label in numbers[:, self.label].tolist()]
            at_start = self.label == 0
            return numbers[:, 1:] if at_start else np.delete(numbers, self.label, axis=1)
        self._numbers_alone = False
        lines = [line.removesuffix(b"\r") for line in block[:-1].split(b"\n")]
        plain = None if self.decimal else self._read_plain(lines)
        table = self._read_cells(lines) if plain is None else plain
        self.rows += len(table)
        self.lines += len(lines)
        return table

    def _read_plain(self, lines: list[bytes]) -> NDArray[np.uint8] | None:
        """Read lines with nothing unusual in them but their labels; None where there may be."""
        if self.label is None:
            return None
        if self.label == 0:
            pairs = [line.partition(b",")[::2] for line in lines]
        else:
            rows = [line.split(b",") for line in lines]
            if any(len(row) != PIXELS + 1 for row in rows):
                return None
            pairs = [(row.pop(self.label), b",".join(row)) for row in rows]
        names = [self._plain_label(label) for label, _ in pairs]
        if None in names:
            return None
        table = _plain_table(b"\n".join([*(cells for _, cells in pairs), b""]), PIXELS)
        if table is not None:
            self.labels.extend(name for name in names if name is not None)
        return table

    def _plain_label(self, label: bytes) -> str | None:
        if label not in self._plain_labels:
            text = label.decode("utf-8", "replace")
            unusual = '"' in text or "\ufffd" in text or text != text.strip()
            if unusual or label_fault(text):
                return None
            self._plain_labels[label] = text
        return self._plain_labels[label]

    def _read_cells(self, lines: list[bytes]) -> Table:
        """Read lines cell by cell: slower, and exact about what is wrong and where."""
        tables = []
        row = self.rows
        for line_number, line in enumerate(lines, self.lines + 1):
            if not line.strip():
                continue
            row += 1
            where = f"{self.source}: row {row} (line {line_number})"
            cells = _cells_of(line, where)
            if len(cells) != len(self.names):
                raise TenfoldError(
                    f"{where}: needs {len(self.names)} cells. Received: {len(cells)}"
                )
            read = _fraction if self.decimal else _pixel
            tables.append(
                [
                    read(cell, name, where)
                    for index, (cell, name) in enumerate(zip(cells, self.names, strict=True))
                    if index != self.label
                ]
            )
            if self.label is not None:
                self._keep_label(cells[self.label], f"{where}, column {self.names[self.label]}")
        if self.decimal:
            return np.array(tables, np.float32).reshape(-1, PIXELS)
        return np.array(tables, np.uint8).reshape(-1, PIXELS)

    def _keep_label(self, label: str, where: str) -> None:
        if self.decimal and _WHOLE_DECIMAL.fullmatch(label):
            label = label.partition(".")[0]  # pandas writes 5.0 where the pixels are floats
        if fault := label_fault(label):
            raise TenfoldError(f"{where}: {fault}. Received: {shown(label)}")
        self.labels.append(label)


def _plain_table(block: bytes, cells: int) -> NDArray[np.uint8] | None:
    """Turn lines of so many cells, each an integer 0-255 in its shortest form, into uint8.

    Whatever else the lines may hold makes it None: another sign, an empty cell, leading zeros, a
    value above 255, another number of cells, LF here and CRLF there.

    Returns:
        uint8 [lines, cells], or None.
    """
    text = np.frombuffer(block, np.uint8)
    ended = 2 if block[-2:] == b"\r\n" else 1  # signs that end a line
    stops = cells - 1 + ended  # a line's signs that are no digits
    digit = text - _ZERO
    is_digit = digit < 10
    ends = np.flatnonzero(digit > 9)
    lines = len(ends) // stops
    if (
        len(ends) != lines * stops
        or np.count_nonzero(text == _COMMA) != lines * (cells - 1)
        or (text[ends[stops - 1 :: stops]] != _LINE_FEED).any()
        or (ended == 2 and (text[ends[stops - 2 :: stops]] != _RETURN).any())
        or not is_digit[0]
        # A digit stands before every other one of them: only those of CRLF stand side by side.
        or np.count_nonzero(is_digit[1:] | is_digit[:-1]) != len(text) - 1 - lines * (ended - 1)
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
    table = value[ends].reshape(lines, stops)[:, :cells]
    # The shortest forms of these values are as long together as the text only if every cell was
    # its value's shortest form: 256-299 became 0-43, and longer cells lost their first digits.
    digits = table.size + np.count_nonzero(table > 9) + np.count_nonzero(table > 99)
    return table if digits + len(ends) == len(text) else None


def _cells_of(line: bytes, where: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.decode()], strict=True))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TenfoldError(
            f"{where}: is not a line of a CSV in UTF-8 ({error}). Received: {shown(line)}"
        ) from error


def _pixel(cell: str, name: str, where: str) -> int:
    if cell.isascii() and cell.isdigit() and len(cell) <= 18 and int(cell) <= 255:
        return int(cell)
    wanted = "is empty; fill it with an integer 0-255" if not cell else "must be an integer 0-255"
    raise TenfoldError(f"{where}, column {name}: {wanted}. Received: {shown(cell)}")


def _fraction(cell: str, name: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if 0 <= value <= 255:
        return value
    raise TenfoldError(
        f"{where}, column {name}: must be a number 0-255, or all pixels 0-1. "
        f"Received: {shown(cell)}"
    )


def label_fault(label: str) -> str:
    """Say what is wrong with the text of a label; nothing where it can be one."""
    if not label:
        return "is empty; give every row its label, or leave the column out"
    if _DECIMAL.fullmatch(label):
        return "must be an integer or the name of a class"
    return ""


def shown(value: str | bytes, most: int = 40) -> str:
    """Show a value of the user's in an error: quoted, on one line, cut where it is long."""
    quoted = repr(value[:most])
    return quoted if len(value) <= most else f"{quoted}..."
