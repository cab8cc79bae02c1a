"""Read tables of pixels, as Kaggle's Digit Recognizer has them: `label,pixel0..pixel783`."""

import csv
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, SIDE, Dataset
from tenfold.data.formats.csv_layout import (
    MAX_EVIDENCE_ROWS,
    Layout,
    find_layout,
    label_by_evidence,
    split_line,
)
from tenfold.data.formats.csv_plain import parse_plain
from tenfold.data.formats.csv_text import (
    ByteStream,
    find_separator,
    label_fault,
    line_blocks,
    parse_pixel,
    quote,
    split_strictly,
    with_commas,
)
from tenfold.data.numbers import (
    are_thousands,
    checked_ids,
    is_missing,
    parse_number,
    parse_thousands,
    whole_text,
)
from tenfold.data.pixels import named_labels, other_classes, to_images
from tenfold.data.scale import PixelError
from tenfold.data.source_name import AS_IT_IS, ReadOptions
from tenfold.errors import TenfoldError

# Of blocks of 64 kB to 2 MB those of 512 kB to 1 MB were fastest: Kaggle's in 0.12 s, not 0.26.
BLOCK_BYTES = 768 << 10
MAX_THREADS = 4  # NumPy releases the GIL; more would wait for Python itself
# A row of 785 quoted cells with spaces has 8 kB; the rest is a margin.
MAX_LINE_BYTES = 1 << 20

_NUMBERS = [str(number) for number in range(256)]

Table = NDArray[np.uint8] | NDArray[np.float32]


def read_csv(stream: ByteStream, source: str, options: ReadOptions = AS_IT_IS) -> Dataset:
    """Read a table of images, a row each, checking every value.

    NumPy converts whole blocks of text to pixels by arithmetic on bytes, a few blocks at once; a
    block in which anything is unusual goes cell by cell through Python's `csv`, which alone decides
    what is an error. Polars, into uint8 columns, takes about twice the time and the memory.

    Numbers may be written in any way that `numbers.parse_number` reads; what they mean, their scale
    and which column is the label where no name says so, is decided on the whole table. Rows in
    which every cell is empty are left out.

    Args:
        stream: UTF-8 or, with a byte order mark, UTF-16 text with LF or CRLF line ends; cells are
            separated by commas, semicolons or tabs; with or without a header and a column of
            labels.
        source: the name of the set.
        options: which columns have the label and the id, where they were named.

    Returns:
        A Dataset; `labels` is None where the table has no label column. Integer labels within
        0-9 give ten classes, any others the sorted unique labels.

    Raises:
        TenfoldError: where the columns, the number of cells, a pixel or a label is invalid; the
            message names row, line and column.
    """
    blocks = _blocks(stream)
    first = next(blocks, b"")
    sample = next(blocks, b"")
    layout = _layout(first, sample, stream.source, options)
    rows = _RowReader(stream.source, layout)
    start = [sample] if layout.header else [first, sample]
    blocks_read: list[Any] = list(
        rows.read(block for block in itertools.chain(start, blocks) if block)
    )
    if not rows.count:
        raise TenfoldError(
            f"{stream.source}: has a header and no rows; give a table with a row for each image"
        )
    table: Table = np.concatenate(blocks_read)
    del blocks_read
    rows.separate_thousands(table)
    notes = layout.notes
    if layout.undecided:
        table, note = rows.decide(table)
        notes = (*notes, note)
    try:
        images, converted = to_images(table, stream.source)
    except PixelError as error:
        raise rows.pixel_error(error) from None
    notes = (*notes, *converted, *rows.notes())
    dataset = Dataset(images, None, source=source, notes=notes)
    if layout.id is not None:
        name = layout.names[layout.id] if layout.header else "id"
        ids, said = checked_ids(rows.ids, stream.source)
        notes = (*notes, *said)
        dataset = replace(dataset, ids=ids, id_name=name, notes=notes)
    if rows.label is None:
        return dataset
    labels, classes = named_labels(rows.labels)
    return replace(dataset, labels=labels, classes=classes, notes=(*notes, *other_classes(classes)))


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    """Yield the header line, then blocks of whole lines; every line ends in a line feed.

    Cells are separated by commas, whatever the file has.
    """
    lines = line_blocks(stream, BLOCK_BYTES, MAX_LINE_BYTES)
    first = next(lines, b"")
    separator = find_separator(first)
    yield with_commas(first, separator)
    for block in lines:
        yield with_commas(block, separator)


def _layout(first: bytes, sample: bytes, source: str, options: ReadOptions) -> Layout:
    """Detect the table's layout from its first line and the block after it."""
    if not first.strip() and sample.strip():
        raise TenfoldError(f"{source}: its first line is empty; remove it")
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
    return find_layout(cells, [row for row in rows if any(row)], source, options, sampled=False)


class _RowReader:
    """Reads rows in order; keeps their count, labels and ids, and the count of the file's lines."""

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
        # So far: labels that are names, and ids, are taken from their lines.
        self._only_numbers = self.others in ([], [self.label])
        self.has_decimals = False
        self._n_empty = 0
        self._places: list[tuple[int, int]] = [(0, self.lines)]  # rows, and lines before them
        self._thousands: list[tuple[int, int, float]] = []  # cells that may be such: row, pixel
        self._commas: list[str] = []

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
        plain = self._parse_decimals(lines) if self.decimal else self._parse_named(lines)
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
        rows: list[list[float]] = []
        for line_number, line in enumerate(lines, self.lines + 1):
            row = self.count + len(rows)
            if not line.strip():
                self._places.append((row, line_number))
                continue
            where = f"{self.source}: row {row + 1} (line {line_number})"
            cells = split_strictly(line, where)
            if is_missing(cells[-1]) and all(map(is_missing, cells)):
                self._n_empty += 1
                self._places.append((row, line_number))
                continue
            if len(cells) != len(self.names):
                raise TenfoldError(
                    f"{where}: needs {len(self.names)} cells. Received: {len(cells)}"
                )
            pixels: list[float] = []
            for index, cell in enumerate(cells):
                if index in self.others:
                    continue
                if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
                    self._note_unusual(cell, row, len(pixels))
                pixels.append(parse_pixel(cell, self.names[index], where))
            rows.append(pixels)
            if self.id is not None:
                self.ids.append(cells[self.id])
            if self.label is not None:
                self._keep_label(cells[self.label], f"{where}, column {self.names[self.label]}")
        width = len(self.names) - len(self.others)
        table = np.array(rows, np.float32).reshape(-1, width)
        fits = not self.has_decimals and (table >= 0).all() and (table <= 255).all()
        return table.astype(np.uint8) if fits else table

    def _parse_decimals(self, lines: list[bytes]) -> NDArray[np.float32] | None:
        """Parse lines of numbers alone, as decimals; None where anything is unusual."""
        if not any(lines):
            return None
        ids: list[str | None] = []
        if self.id is not None:
            cells = [line.split(b",") for line in lines]
            if any(b'"' in line for line in lines) or {len(row) for row in cells} != {
                len(self.names)
            }:
                return None
            ids = [_plain_id(row[self.id]) for row in cells]
        used = [index for index in range(len(self.names)) if index != self.id]
        try:
            table = np.loadtxt(
                [line.decode() for line in lines],
                np.float64,
                None,
                ",",
                usecols=None if self.id is None else used,
                ndmin=2,
                quotechar='"',
            )
        except ValueError:
            return None
        if table.shape != (len(lines), len(used)) or not np.isfinite(table).all() or None in ids:
            return None
        if self.label is not None:
            labels = table[:, used.index(self.label)]
            if (labels != np.rint(labels)).any() or (np.abs(labels) >= 1 << 53).any():
                return None
            self.labels += [str(int(label)) for label in labels.tolist()]
        self.has_decimals = True
        self.ids.extend(name for name in ids if name is not None)
        taken = [place for place, index in enumerate(used) if index in self.others]
        return np.delete(table, taken, axis=1).astype(np.float32)

    def _note_unusual(self, cell: str, row: int, pixel: int) -> None:
        self.has_decimals |= parse_number(cell) is not None
        self.decimal |= "." in cell
        if "," in cell:
            self._commas.append(cell)
            thousands = parse_thousands(cell)
            if thousands is not None:
                self._thousands.append((row, pixel, thousands))

    def separate_thousands(self, table: Table) -> None:
        """Correct the cells whose commas separate thousands, where those of the whole table do."""
        if self._thousands and are_thousands(self._commas):
            for row, pixel, value in self._thousands:
                table[row, pixel] = value

    def decide(self, table: Table) -> tuple[Table, str]:
        """Choose the column of the labels by the values of all rows; take it from the table."""
        rows = np.random.default_rng(0).permutation(len(table))[:MAX_EVIDENCE_ROWS]
        self.label, evidence = label_by_evidence(table[np.sort(rows)].astype(np.float64))
        labels = table[:, self.label]
        if labels.dtype != np.uint8 and (labels != np.rint(labels)).any():
            row = int((labels != np.rint(labels)).argmax())
            raise TenfoldError(
                f"{self._row(row)}, column {self.names[self.label]}: must be an integer or the "
                f"name of a class. Received: {str(labels[row])!r}"
            )
        self.labels = [str(int(label)) for label in labels.tolist()]
        self.others = [self.label]
        note = f"column {self.label + 1} is used as the label: {evidence}"
        return np.delete(table, self.label, axis=1), note

    def notes(self) -> tuple[str, ...]:
        """Say what was left out."""
        if not self._n_empty:
            return ()
        return (f"{self._n_empty:,} empty row{'s were' if self._n_empty > 1 else ' was'} left out",)

    def pixel_error(self, error: PixelError) -> TenfoldError:
        """Make the error for a pixel beyond the scale of the others, with its row and column."""
        row, pixel = error.at[0], error.at[1] * SIDE + error.at[2]
        column = [index for index in range(len(self.names)) if index not in self.others][pixel]
        return TenfoldError(
            f"{self._row(row)}, column {self.names[column]}: must be an integer or decimal in "
            f"{error.bounds}. Received: '{error.value:.15g}'"
        )

    def _row(self, row: int) -> str:
        """Name a row, which counts from 0, and its line in the file."""
        before, line = max(place for place in self._places if place[0] <= row)
        return f"{self.source}: row {row + 1} (line {line + row - before + 1})"

    def _keep_label(self, label: str, where: str) -> None:
        label = whole_text(label) or label  # pandas writes 5.0 where a column has an empty cell
        if fault := label_fault(label):
            raise TenfoldError(f"{where}: {fault}. Received: {quote(label)}")
        self.labels.append(label)


def _plain_id(name: bytes) -> str | None:
    text = name.decode("utf-8", "replace")
    return None if '"' in text or "\ufffd" in text or text != text.strip() else text
