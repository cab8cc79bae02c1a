"""Read tables of pixels, as Kaggle's Digit Recognizer has them: `label,pixel0..pixel783`."""

import csv
import itertools
import math
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_layout import MAX_EVIDENCE_ROWS, Layout, find_layout, split_line
from tenfold.data.formats.csv_plain import parse_plain
from tenfold.data.pixels import named_labels, other_classes, to_images
from tenfold.data.source_name import AS_IT_IS, ReadOptions
from tenfold.errors import TenfoldError

# Of blocks of 64 kB to 2 MB those of 512 kB to 1 MB were fastest: Kaggle's in 0.12 s, not 0.26.
BLOCK_BYTES = 768 << 10
MAX_THREADS = 4  # NumPy releases the GIL; more would wait for Python itself
# A row of 785 quoted cells with spaces has 8 kB; the rest is a margin.
MAX_LINE_BYTES = 1 << 20

_DECIMAL = re.compile(
    r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?e[+-]?[0-9]+|nan|inf)", re.IGNORECASE
)
_WHOLE_DECIMAL = re.compile(r"[0-9]{1,18}\.0*")
_NUMBERS = [str(number) for number in range(256)]

Table = NDArray[np.uint8] | NDArray[np.float32]


class ByteStream(Protocol):
    """What a table is read from: `read` returns at most `size` bytes, and none at the end."""

    source: str

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes."""


def read_csv(stream: ByteStream, source: str, options: ReadOptions = AS_IT_IS) -> Dataset:
    """Read a table of images, a row each, checking every value.

    NumPy converts whole blocks of text to pixels by arithmetic on bytes, a few blocks at once; a
    block in which anything is unusual goes cell by cell through Python's `csv`, which alone decides
    what is an error. Polars, into uint8 columns, takes about twice the time and the memory.

    Args:
        stream: UTF-8 text with LF or CRLF line ends, with or without a byte order mark, a header,
            and a column of labels.
        source: the name of the set.

    Returns:
        A Dataset; `labels` is None where the table has no label column. Integer labels within
        0-9 give ten classes, any others the sorted unique labels.

    Raises:
        TenfoldError: where the columns, the number of cells, a pixel (an integer 0-255, or all of
            them decimal numbers) or a label is invalid.
    """
    blocks = _blocks(stream)
    first = next(blocks, b"")
    sample = next(blocks, b"")
    layout = _layout(first, sample, stream.source, options)
    rows = _RowReader(stream.source, layout)
    start = [sample] if layout.header else [first, sample]
    pixels = list(rows.read(block for block in itertools.chain(start, blocks) if block))
    if not rows.count:
        raise TenfoldError(
            f"{stream.source}: has a header and no rows; give a table with a row for each image"
        )
    images, notes = to_images(np.concatenate(pixels), stream.source)
    notes = (*layout.notes, *notes)
    dataset = Dataset(images, None, source=source, notes=notes)
    if layout.id is not None:
        name = layout.names[layout.id] if layout.header else "id"
        dataset = replace(dataset, ids=np.array(rows.ids, np.str_), id_name=name)
    if layout.label is None:
        return dataset
    labels, classes = named_labels(rows.labels)
    return replace(dataset, labels=labels, classes=classes, notes=(*notes, *other_classes(classes)))


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    """Yield the header line, then blocks of whole lines; every line ends in a line feed."""
    rest = b""
    header_seen = False
    while chunk := stream.read(BLOCK_BYTES):
        if not header_seen and (end := chunk.find(b"\n") + 1):
            yield rest + chunk[:end]
            rest, chunk, header_seen = b"", chunk[end:], True
        end = chunk.rfind(b"\n") + 1 if header_seen else 0
        if end:
            yield b"".join((rest, memoryview(chunk)[:end]))  # copied once
        rest = chunk[end:] if end else rest + chunk
        if len(rest) > MAX_LINE_BYTES:
            raise TenfoldError(
                f"{stream.source}: has a line of more than {MAX_LINE_BYTES:,} bytes, so it is "
                f"not a table of {PIXELS} pixels a row. Received: {quote(rest[:20])}..."
            )
    if rest:
        yield rest + b"\n"


def _layout(first: bytes, sample: bytes, source: str, options: ReadOptions) -> Layout:
    """Detect the table's layout from its first line and the block after it."""
    if not first.strip():
        raise TenfoldError(
            f"{source}: is empty; give a CSV whose first line is label,pixel0,...,pixel{PIXELS - 1}"
        )
    try:
        cells = split_line(first)
    except (ValueError, csv.Error) as error:
        raise TenfoldError(
            f"{source}: is not a CSV in UTF-8. Received: {quote(first[:20])}... at its start"
        ) from error
    rows = []
    # Kaggle's own header needs no evidence: only whether the first row has decimals.
    n_rows = 1 if cells[:2] == ["label", "pixel0"] else MAX_EVIDENCE_ROWS
    for line in sample.split(b"\n", n_rows)[:n_rows]:
        try:
            rows.append(split_line(line))
        except (ValueError, csv.Error):
            break  # its error names the row when it is read
    return find_layout(cells, [row for row in rows if row != [""]], source, options)


class _RowReader:
    """Reads rows in order; keeps their count, their labels, and the count of the file's lines."""

    def __init__(self, source: str, layout: Layout) -> None:
        self.source = source
        self.label = layout.label
        self.id = layout.id
        self.others = layout.others  # the columns that are no pixels
        self.names = layout.names
        self.decimal = layout.decimal
        self.count = 0
        self.lines = int(layout.header)
        self.labels: list[str] = []
        self.ids: list[str] = []
        self._plain_labels: dict[bytes, str] = {}
        self._only_numbers = self.others in (
            [],
            [self.label],
        )  # so far: labels that are names are taken from their lines

    def read(self, blocks: Iterable[bytes]) -> Iterator[Table]:
        """Read blocks of whole lines into pixels, [rows, 784] each, and keep their labels."""
        threads = min(MAX_THREADS, os.cpu_count() or 1)
        pending: deque[tuple[bytes, Future[NDArray[np.uint8] | None]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for block in blocks:
                pending.append((block, pool.submit(self._parse_numbers, block)))
                if len(pending) > 2 * threads:  # no more than these are held in memory
                    yield self._append(*pending.popleft())
            while pending:
                yield self._append(*pending.popleft())

    def _parse_numbers(self, block: bytes) -> NDArray[np.uint8] | None:
        """Parse a block in which every cell is an integer 0-255, the labels too; else None."""
        usual = self._only_numbers and not self.decimal
        return parse_plain(block, len(self.names)) if usual else None

    def _append(self, block: bytes, parsed: Future[NDArray[np.uint8] | None]) -> Table:
        """Count a block's rows and keep their labels: this happens in the file's order."""
        numbers = parsed.result()
        if numbers is not None:
            self.count += len(numbers)
            self.lines += len(numbers)
            if self.label is None:
                return numbers
            self.labels += [_NUMBERS[label] for label in numbers[:, self.label].tolist()]
            at_start = self.label == 0
            return numbers[:, 1:] if at_start else np.delete(numbers, self.label, axis=1)
        self._only_numbers = False
        lines = [line.removesuffix(b"\r") for line in block[:-1].split(b"\n")]
        plain = None if self.decimal else self._parse_named(lines)
        table = self._parse_cells(lines) if plain is None else plain
        self.count += len(table)
        self.lines += len(lines)
        return table

    def _parse_named(self, lines: list[bytes]) -> NDArray[np.uint8] | None:
        """Parse lines with nothing unusual in them but their labels; None where there may be."""
        if not self.others:
            return None
        count = len(self.others)
        at_start = self.others == list(range(count))
        rows = [line.split(b",", count if at_start else -1) for line in lines]
        cells = count + 1 if at_start else len(self.names)
        if any(len(row) != cells for row in rows):
            return None
        taken: dict[int | None, list[bytes]]
        taken = {index: [row[index] for row in rows] for index in self.others}
        labels = [self._plain_label(label) for label in taken.get(self.label, [])]
        ids = [_plain_id(name) for name in taken.get(self.id, [])]
        if None in labels or None in ids:
            return None
        pixels = [row[-1] for row in rows]
        if not at_start:
            kept = [index for index in range(cells) if index not in taken]
            pixels = [b",".join([row[index] for index in kept]) for row in rows]
        table = parse_plain(b"\n".join([*pixels, b""]), PIXELS)
        if table is not None:
            self.labels.extend(name for name in labels if name is not None)
            self.ids.extend(name for name in ids if name is not None)
        return table

    def _plain_label(self, label: bytes) -> str | None:
        if label not in self._plain_labels:
            text = label.decode("utf-8", "replace")
            unusual = '"' in text or "\ufffd" in text or text != text.strip()
            if unusual or label_fault(text):
                return None
            self._plain_labels[label] = text
        return self._plain_labels[label]

    def _parse_cells(self, lines: list[bytes]) -> Table:
        """Parse lines cell by cell: slower, and exact about what is wrong and where."""
        rows = []
        row = self.count
        for line_number, line in enumerate(lines, self.lines + 1):
            if not line.strip():
                continue
            row += 1
            where = f"{self.source}: row {row} (line {line_number})"
            cells = _split_strictly(line, where)
            if len(cells) != len(self.names):
                raise TenfoldError(
                    f"{where}: needs {len(self.names)} cells. Received: {len(cells)}"
                )
            parse = _parse_decimal if self.decimal else _parse_integer
            rows.append(
                [
                    parse(cell, name, where)
                    for index, (cell, name) in enumerate(zip(cells, self.names, strict=True))
                    if index not in self.others
                ]
            )
            if self.id is not None:
                self.ids.append(cells[self.id])
            if self.label is not None:
                self._keep_label(cells[self.label], f"{where}, column {self.names[self.label]}")
        if self.decimal:
            return np.array(rows, np.float32).reshape(-1, PIXELS)
        return np.array(rows, np.uint8).reshape(-1, PIXELS)

    def _keep_label(self, label: str, where: str) -> None:
        if self.decimal and _WHOLE_DECIMAL.fullmatch(label):
            label = label.partition(".")[0]  # pandas writes 5.0 where the pixels are floats
        if fault := label_fault(label):
            raise TenfoldError(f"{where}: {fault}. Received: {quote(label)}")
        self.labels.append(label)


def _plain_id(name: bytes) -> str | None:
    text = name.decode("utf-8", "replace")
    return None if '"' in text or "\ufffd" in text or text != text.strip() else text


def _split_strictly(line: bytes, where: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.decode()], strict=True))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TenfoldError(
            f"{where}: is not a line of a CSV in UTF-8 ({error}). Received: {quote(line)}"
        ) from error


def _parse_integer(cell: str, name: str, where: str) -> int:
    if cell.isascii() and cell.isdigit() and len(cell) <= 18 and int(cell) <= 255:
        return int(cell)
    wanted = "is empty; fill it with an integer 0-255" if not cell else "must be an integer 0-255"
    raise TenfoldError(f"{where}, column {name}: {wanted}. Received: {quote(cell)}")


def _parse_decimal(cell: str, name: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if 0 <= value <= 255:
        return value
    raise TenfoldError(
        f"{where}, column {name}: must be a number 0-255, or all pixels 0-1. "
        f"Received: {quote(cell)}"
    )


def label_fault(label: str) -> str:
    """Say what is wrong with the text of a label; "" where it is valid."""
    if not label:
        return "is empty; give every row its label, or leave the column out"
    if _DECIMAL.fullmatch(label):
        return "must be an integer or the name of a class"
    return ""


def quote(value: str | bytes, max_length: int = 40) -> str:
    """Quote a user's value for an error: on one line, shortened where it is long."""
    quoted = repr(value[:max_length])
    return quoted if len(value) <= max_length else f"{quoted}..."
