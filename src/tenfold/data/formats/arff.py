"""Read ARFF, Weka's and OpenML's: names of columns, then a CSV."""

import csv
import io
import re

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_table import read_csv
from tenfold.data.formats.format import Format
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError

_HEAD = re.compile(rb"(\s|%[^\n]*\n)*@relation\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_MAX_HEADER_BYTES = 4 << 20


def _read_arff(stream: BoundedReader, source: str, options: ReadOptions) -> Dataset:
    """Read a dense ARFF of 784 pixels and a label.

    Raises:
        TenfoldError: where the header is damaged, the rows are sparse, or a value is invalid.
    """
    names, rest = _header(stream)
    if rest.lstrip()[:1] == b"{":
        raise TenfoldError(
            f"{stream.source}: its rows are sparse, as {{0 5, 152 3}}; save it as dense ARFF or CSV"
        )
    if len(names) < PIXELS:
        raise TenfoldError(
            f"{stream.source}: needs {PIXELS} pixel attributes and a label. "
            f"Received: {len(names)} attributes"
        )
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    return read_csv(_Rows(stream, line.getvalue().encode() + rest), source, options)


def _header(stream: BoundedReader) -> tuple[list[str], bytes]:
    """Read up to the line after `@data`; return the names, and that line."""
    names: list[str] = []
    taken, count = b"", 0
    data = False
    while True:
        end = taken.find(b"\n")
        if end < 0:
            chunk = stream.read(1 << 16)
            count += len(chunk)
            if not chunk or count > _MAX_HEADER_BYTES:
                if data and taken:
                    return names, taken
                raise TenfoldError(
                    f"{stream.source}: has no line @data with rows after it; copy it again"
                )
            taken += chunk
            continue
        line, taken = taken[: end + 1], taken[end + 1 :]
        text = line.decode("utf-8", "replace").strip()
        if data and text and not text.startswith("%"):
            return names, line + taken
        if found := _ATTRIBUTE.match(text):
            names.append(found[1].strip("'\""))
        data = data or text.lower() == "@data"


class _Rows:
    """A header line and what was read with it, then the rest of a stream."""

    def __init__(self, stream: BoundedReader, first: bytes) -> None:
        self.source = stream.source
        self._stream = stream
        self._first = first

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""
        if self._first:
            chunk, self._first = self._first[:size], self._first[size:]
            return chunk
        return self._stream.read(size)


FORMAT = Format(
    name="arff",
    title="ARFF",
    recognises=lambda head: _HEAD.match(head) is not None,
    read=_read_arff,
)
