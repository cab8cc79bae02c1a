"""The text of a table: as UTF-8, its cells separated by commas, and what a cell may be."""

import codecs
import csv
from collections.abc import Iterator
from typing import Protocol

from tenfold.data.dataset import PIXELS
from tenfold.data.numbers import is_missing, parse_number, whole_text
from tenfold.errors import TenfoldError

_SEPARATORS, _MIN_SEPARATORS = (b";", b"\t"), 200


class ByteStream(Protocol):
    """What a table is read from: `read` returns at most `size` bytes, and none at the end."""

    source: str

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes."""


def find_separator(first: bytes) -> bytes:
    """Return what separates the cells of a table's first line: a comma, semicolon or tab."""
    return next((mark for mark in _SEPARATORS if first.count(mark) >= _MIN_SEPARATORS), b",")


def with_commas(block: bytes, separator: bytes) -> bytes:
    """Separate cells by commas; those that have a decimal comma are quoted."""
    if separator == b",":
        return block
    if b"," not in block:
        return block.replace(separator, b",")
    lines = block.replace(b'"', b"").splitlines()
    quoted = [b'"%b"' % line.replace(separator, b'","') if line else b"" for line in lines]
    return b"\n".join([*quoted, b""])


def _utf8_chunks(stream: ByteStream, size: int) -> Iterator[bytes]:
    """Yield the text as UTF-8, without a byte order mark, about `size` bytes at once."""
    chunk = stream.read(size)
    if not chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        chunk = chunk.removeprefix(codecs.BOM_UTF8)
        while chunk:
            yield chunk
            chunk = stream.read(size)
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        while chunk:
            yield decoder.decode(chunk).encode()
            chunk = stream.read(size)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise TenfoldError(
            f"{stream.source}: is damaged UTF-16 ({error}); save it again"
        ) from error


def line_blocks(stream: ByteStream, size: int, max_line: int) -> Iterator[bytes]:
    """Yield the first line, then blocks of whole lines of about `size` bytes.

    Raises:
        TenfoldError: where a line has more than `max_line` bytes.
    """
    rest = b""
    header_seen = False
    for chunk in _utf8_chunks(stream, size):
        if not header_seen and (end := chunk.find(b"\n") + 1):
            yield rest + chunk[:end]
            rest, chunk, header_seen = b"", chunk[end:], True
        end = chunk.rfind(b"\n") + 1 if header_seen else 0
        if end:
            yield b"".join((rest, memoryview(chunk)[:end]))  # copied once
        rest = chunk[end:] if end else rest + chunk
        if len(rest) > max_line:
            raise TenfoldError(
                f"{stream.source}: has a line of more than {max_line:,} bytes, so it is "
                f"not a table of {PIXELS} pixels a row. Received: {quote(rest[:20])}..."
            )
    if rest:
        yield rest + b"\n"


def split_strictly(line: bytes, where: str) -> list[str]:
    """Split a line into its cells. Raises TenfoldError where it is no line of a CSV."""
    try:
        return [cell.strip() for cell in next(csv.reader([line.decode()], strict=True))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TenfoldError(
            f"{where}: is not a line of a CSV in UTF-8 ({error}). Received: {quote(line)}"
        ) from error


def parse_pixel(cell: str, name: str, where: str) -> float:
    """Parse a cell of a pixel's column, of any scale. Raises TenfoldError where it is no number."""
    number = float(cell) if cell.isascii() and cell.isdigit() else parse_number(cell)
    if number is not None and abs(number) < 1e30:
        return number
    wanted = (
        "is empty; fill it with 0-255" if is_missing(cell) else "must be a number 0-255, or 0-1"
    )
    raise TenfoldError(f"{where}, column {name}: {wanted}. Received: {quote(cell)}")


def label_fault(label: str) -> str:
    """Say what is wrong with the text of a label; "" where it is valid."""
    if is_missing(label):
        return "is empty; give every row its label, or leave the column out"
    if parse_number(label) is not None and whole_text(label) is None:
        return "must be an integer or the name of a class"
    return ""


def quote(value: str | bytes, max_length: int = 40) -> str:
    """Quote a user's value for an error: on one line, shortened where it is long."""
    quoted = repr(value[:max_length])
    return quoted if len(value) <= max_length else f"{quoted}..."
