"""Read tables of numbers with other separators than a comma, or of smaller images.

`optdigits.tra`, `semeion.data` and `zip.train` are such tables, and scikit-learn's `digits.csv`. A
table of 784 pixels is read as a CSV is, once its separators are commas.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_layout import LABEL_NAMES, explained_variance
from tenfold.data.formats.csv_table import read_csv
from tenfold.data.formats.csv_text import with_commas
from tenfold.data.formats.format import HEAD_BYTES, Format
from tenfold.data.label_arrays import attach_array
from tenfold.data.label_table import column_index
from tenfold.data.numbers import parse_number
from tenfold.data.pixels import to_images
from tenfold.data.sizes import side_of
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError

_SEPARATORS = (b";", b"\t", b",")  # in this order: numbers may have a decimal comma
_CLASSES = 10  # of one-hot labels behind the pixels, as semeion's
_SPACES = re.compile(rb"[ \t]+")
_EVIDENCE_ROWS = 200
_MAX_SIDE = 64
_MAX_LEVELS = 16  # whole numbers above are bytes


@dataclass(frozen=True)
class _Shape:
    """How a table is laid out: its separator, b"" for spaces; its columns, and their names."""

    separator: bytes
    columns: int
    names: tuple[str, ...]


def _shape_of(head: bytes) -> _Shape | None:
    """Detect a table from its first bytes; None where they are no table of images."""
    lines = [line.strip(b"\r ") for line in head.split(b"\n")]
    if len(lines) == 1 and len(head) >= HEAD_BYTES:
        return None  # longer than a row of any table of images
    whole = lines[:-1] if len(lines) > 1 else lines
    rows = [line for line in whole if line][:4] or lines[:1]
    first = rows[0]
    for separator in _SEPARATORS:
        if separator in first:
            break
    else:
        separator = b""
    cells = _cells(rows[-1], separator)
    if not _is_image(len(cells)) or not all(map(_is_number, cells)):
        return None
    names = _cells(first, separator)
    if len(names) != len(cells):
        return None
    unnamed = all(map(_is_number, names))
    found = () if unnamed else tuple(name.decode("utf-8", "replace").strip('"') for name in names)
    return _Shape(separator, len(cells), found)


def _is_number(cell: bytes) -> bool:
    return parse_number(cell.decode("utf-8", "replace")) is not None


def _cells(line: bytes, separator: bytes) -> list[bytes]:
    cells = line.split(separator) if separator else line.split()
    cells = [cell.strip() for cell in cells]
    return cells[:-1] if cells and not cells[-1] else cells  # a separator that ends the line


def _is_image(columns: int) -> bool:
    """Return whether so many columns are those of images, with a label, ten, or none."""
    return any(8 <= side_of(columns - labels) <= _MAX_SIDE for labels in (0, 1, _CLASSES))


def _is_table(head: bytes) -> bool:
    if b"\0" in head:
        return False
    shape = _shape_of(head)
    return shape is not None and not _is_usual(shape)


def _is_usual(shape: _Shape) -> bool:
    return shape.separator == b"," and shape.columns in (PIXELS, PIXELS + 1)


def _read_table(stream: BoundedReader, source: str, options: ReadOptions) -> Dataset:
    """Read a table of images, a row each.

    The label is the column that is named, the first or last whose values tell the images apart, or
    ten columns of one-hot labels.

    Raises:
        TenfoldError: where a row has another number of cells, or a cell is no number.
    """
    shape = _shape_of(stream.peek(HEAD_BYTES))
    assert shape is not None
    if shape.columns in (PIXELS, PIXELS + 1):
        return read_csv(_Commas(stream, shape.separator), source, options)
    table = _parse(stream, shape)
    where = stream.source
    label = _label_column(table, shape, options, where)
    pixels: NDArray[Any]
    if label is None and side_of(shape.columns - _CLASSES) >= 8 and not side_of(shape.columns):
        pixels, given = table[:, :-_CLASSES], table[:, -_CLASSES:]
    elif label is None:
        pixels, given = table, np.empty(0)
    else:
        pixels, given = np.delete(table, label, axis=1), table[:, label]
    if pixels.max() > _MAX_LEVELS and (pixels == np.trunc(pixels)).all():
        pixels = pixels.astype(np.int32)
    images, notes = to_images(pixels, where, any_size=True)
    if label is not None:
        notes = (f"the label is column {label + 1} of {shape.columns}", *notes)
    dataset = Dataset(images, None, source=source, notes=notes)
    return attach_array(dataset, given, where) if given.size else dataset


def _parse(stream: BoundedReader, shape: _Shape) -> NDArray[np.float64]:
    text = io.BytesIO(stream.read_all())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = np.loadtxt(
                _trimmed(text, shape.separator),
                dtype=np.float64,
                delimiter=shape.separator.decode() or None,
                skiprows=int(bool(shape.names)),
                ndmin=2,
                comments=None,
            )
    except (ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise TenfoldError(
            f"{stream.source}: must be a table of {shape.columns} numbers a row ({reason}); "
            "correct or remove that row"
        ) from error
    if table.shape[1] != shape.columns or not len(table):
        raise TenfoldError(
            f"{stream.source}: needs {shape.columns} cells a row. Received: {table.shape[1]}"
        )
    return table


def _trimmed(text: io.BytesIO, separator: bytes) -> Any:
    for line in text:
        line = line.strip(b"\r\n ")
        text_line = (line.removesuffix(separator) if separator else line).decode("utf-8")
        yield text_line if separator == b"," else text_line.replace(",", ".")


def _label_column(
    table: NDArray[np.float64], shape: _Shape, options: ReadOptions, where: str
) -> int | None:
    """Find the column of the label; None where all are pixels, or the labels are one-hot."""
    if options.label_column is not None:
        wanted = options.label_column
        return column_index(wanted, shape.names, shape.columns, where, "label")
    if not side_of(shape.columns - 1):
        return None
    named = [index for index, name in enumerate(shape.names) if name.lower() in LABEL_NAMES]
    if len(named) == 1:
        return named[0]
    ends = (0, shape.columns - 1)
    sample = np.linspace(0, len(table) - 1, min(len(table), _EVIDENCE_ROWS)).astype(int)
    explained = explained_variance(table[np.unique(sample)])
    best = max(ends, key=lambda index: explained[index])
    return best


class _Commas:
    """A stream of bytes in which every separator is a comma; cells with a comma are quoted."""

    def __init__(self, stream: BoundedReader, separator: bytes) -> None:
        self.source = stream.source
        self._stream = stream
        self._separator = separator
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Read about `size` bytes; none at the end."""
        while True:
            chunk = self._stream.read(size)
            if not chunk:
                last, self._rest = self._rest, b""
                return self._joined(last)
            block = self._rest + chunk
            end = block.rfind(b"\n") + 1
            self._rest = block[end:]
            if end:
                return self._joined(block[:end])
            if len(self._rest) > 1 << 20:  # no table: the reader of CSV says so
                last, self._rest = self._rest, b""
                return last

    def _joined(self, lines: bytes) -> bytes:
        if self._separator:
            ends = re.escape(self._separator) + rb"(\r?)(\n|$)"  # a separator that ends the line
            return with_commas(re.sub(ends, rb"\1\2", lines), self._separator)
        lines = re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", lines)
        return _SPACES.sub(b",", lines)


FORMAT = Format(
    name="table",
    title="tables of numbers with spaces, tabs or semicolons",
    recognises=_is_table,
    read=_read_table,
)
