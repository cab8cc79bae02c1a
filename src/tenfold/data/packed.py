"""Open a table, plain or packed as gzip or zip; its bytes tell which, never its suffix."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from tenfold.errors import TenfoldError

# An archive of a few kB can unpack to terabytes. Kaggle's tables shrink to an eighth; blank
# pictures alone reach 200x, hence the ratio counts only from 64 MiB on.
MOST_BYTES = 4 << 30
MOST_RATIO = 200
RATIO_COUNTS_FROM = 64 << 20

_GZIP = b"\x1f\x8b"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
_TABLE_HEADS = ("label,pixel0,", "pixel0,pixel1,")


class Unpacked:
    """A stream of a table's bytes that turns damage and decompression bombs into TenfoldError.

    Args:
        stream: the unpacked bytes.
        packed_bytes: the size on the disk; None where the file is plain, and thus no bomb.
        source: the name to tell errors with.
    """

    def __init__(
        self, stream: IO[bytes] | gzip.GzipFile, packed_bytes: int | None, source: str
    ) -> None:
        self._stream = stream
        self._packed = packed_bytes
        self._read = 0
        self.source = source

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end.

        Raises:
            TenfoldError: where the archive is damaged, or unpacks beyond every real table.
        """
        try:
            piece = self._stream.read(size)
        except _DAMAGE as error:
            raise TenfoldError(
                f"{self.source}: the archive is damaged or cut short ({error}); "
                "download or copy it again"
            ) from error
        except OSError as error:
            raise unreadable(self.source, error) from error
        self._read += len(piece)
        if self._packed is not None:
            self._refuse_bomb(self._packed)
        return piece

    def _refuse_bomb(self, packed: int) -> None:
        excessive = self._read > RATIO_COUNTS_FROM and self._read > MOST_RATIO * packed
        if excessive or self._read > MOST_BYTES:
            raise TenfoldError(
                f"{self.source}: unpacks to more than {MOST_RATIO} times its size or "
                f"{MOST_BYTES >> 30} GiB, and is refused; unpack it yourself if you trust it. "
                f"Received: {packed:,} bytes that gave {self._read:,}"
            )


@contextmanager
def unpacked(path: Path, member: str | None, source: str) -> Iterator[Unpacked]:
    """Open the table in the file `path`.

    Args:
        path: a plain file, a gzip or a zip.
        member: which table of a zip; None where it has only one.
        source: the name to tell errors with.

    Raises:
        TenfoldError: where the file cannot be read, is damaged, or the member is not in it.
    """
    try:
        file = path.open("rb")
        # Not read and rewound: `<(curl ...)` of a shell is a pipe.
        magic = file.peek(4)[:4]
    except OSError as error:
        raise unreadable(source, error) from error
    with file:
        if magic in _ZIPS:
            with _zip_member(file, member, source) as stream:
                yield stream
            return
        if member is not None:
            raise TenfoldError(
                f"{source}: {path.name} is no zip, so it has no {member!r}; name the file alone"
            )
        if magic.startswith(_GZIP):
            with gzip.GzipFile(fileobj=file) as expanded:
                # A pipe has no size: then only the bound on bytes holds.
                yield Unpacked(expanded, path.stat().st_size or MOST_BYTES, source)
        else:
            yield Unpacked(file, None, source)


def unreadable(source: str, error: OSError) -> TenfoldError:
    """Tell in one line that a file cannot be read, and why."""
    return TenfoldError(f"{source}: cannot be read: {error.strerror or error}")


@contextmanager
def _zip_member(file: IO[bytes], member: str | None, source: str) -> Iterator[Unpacked]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise TenfoldError(
            f"{source}: the zip is damaged or cut short ({error}); download or copy it again"
        ) from error
    with archive:
        entry = _choose(archive, member, source)
        with _open_entry(archive, entry, source) as stream:
            yield Unpacked(stream, entry.compress_size, source)


def _choose(archive: zipfile.ZipFile, member: str | None, source: str) -> zipfile.ZipInfo:
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
    ]
    names = [entry.filename for entry in entries]
    if member is not None:
        if member in names:
            return entries[names.index(member)]
        near = get_close_matches(member, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise TenfoldError(f"{source}: the zip has no {member!r}, but {_listed(names)}{hint}")
    tables = entries if len(entries) == 1 else [e for e in entries if _is_table(archive, e, source)]
    if len(tables) == 1:
        return tables[0]
    if tables:
        tables_named = [entry.filename for entry in tables]
        raise TenfoldError(
            f"{source}: the zip holds several tables, {_listed(tables_named)}; "
            f"name one of them, as {source}:{tables_named[0]}"
        )
    raise TenfoldError(
        f"{source}: the zip holds no CSV of digits (header label,pixel0,...), "
        f"but {_listed(names) if names else 'nothing'}"
    )


def _is_table(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str) -> bool:
    with _open_entry(archive, entry, source) as stream:
        head = Unpacked(stream, entry.compress_size, source).read(64)
    text = head.decode("utf-8-sig", "replace").replace('"', "")
    return text.startswith(_TABLE_HEADS)


@contextmanager
def _open_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str
) -> Iterator[IO[bytes]]:
    if entry.flag_bits & 1:
        raise TenfoldError(
            f"{source}: {entry.filename!r} is locked with a password; unpack it first"
        )
    try:
        stream = archive.open(entry)
    except (NotImplementedError, zipfile.BadZipFile) as error:
        raise TenfoldError(
            f"{source}: {entry.filename!r} cannot be unpacked ({error}); unpack it first"
        ) from error
    with stream:
        yield stream


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
