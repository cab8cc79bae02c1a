"""The bytes of a file, plain or packed: what they unpack to is bounded, and damage is one line."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from tenfold.errors import TenfoldError

# An archive of a few kB can unpack to terabytes. Kaggle's tables shrink to an eighth; blank
# pictures alone reach 200x, hence the ratio counts only from 64 MiB on.
MOST_BYTES = 4 << 30
MOST_RATIO = 200
RATIO_COUNTS_FROM = 64 << 20
# A 28x28 picture has under 4 kB; a photograph, which is refused by its size, may have megabytes.
MOST_PICTURE_BYTES = 16 << 20

GZIP = b"\x1f\x8b"
ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
# bz2, of zips, tells damage by a bare OSError or ValueError.
_DAMAGE = (
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
)
_PIECE = 1 << 20


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""


class Budget:
    """How much a file on the disk may unpack to, over all that is read of it.

    Args:
        packed_bytes: the file's size; None where nothing is packed, and thus nothing can burst.
        source: the name to tell errors with.
    """

    def __init__(self, packed_bytes: int | None, source: str) -> None:
        self._packed = packed_bytes
        self._read = 0
        self._source = source

    def spend(self, count: int) -> None:
        """Count bytes that were unpacked. Raises TenfoldError where they are too many."""
        if self._packed is None:
            return
        self._read += count
        excessive = self._read > RATIO_COUNTS_FROM and self._read > MOST_RATIO * self._packed
        if excessive or self._read > MOST_BYTES:
            raise TenfoldError(
                f"{self._source}: unpacks to more than {MOST_RATIO} times its size or "
                f"{MOST_BYTES >> 30} GiB, and is refused; unpack it yourself if you trust it. "
                f"Received: {self._packed:,} bytes that gave {self._read:,}"
            )


class BoundedReader:
    """A stream of bytes that turns damage and decompression bombs into TenfoldError.

    Args:
        stream: the unpacked bytes.
        budget: what may be read.
        source: the name to tell errors with.
    """

    def __init__(self, stream: Readable, budget: Budget, source: str) -> None:
        self._stream = stream
        self._budget = budget
        self._ahead = b""
        self.source = source

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes, or what one piece gives; none at the end.

        Raises:
            TenfoldError: where the archive is damaged, or unpacks beyond every real set.
        """
        if size < 0:
            size = _PIECE
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        try:
            piece = self._stream.read(size)
        except _DAMAGE as error:
            raise damaged(self.source, error) from error
        except OSError as error:
            if error.errno is None:
                raise damaged(self.source, error) from error
            raise unreadable(self.source, error) from error
        self._budget.spend(len(piece))
        return piece

    def head(self, size: int) -> bytes:
        """Look at the next bytes, at most `size`, without taking them."""
        pieces = self._ahead
        while len(pieces) < size:
            self._ahead = b""
            piece = self.read(size - len(pieces))
            pieces += piece
            if not piece:
                break
        self._ahead = pieces
        return pieces[:size]

    def read_all(self, most: int | None = None) -> bytes:
        """Read what is left. Raises TenfoldError where it is more than `most` bytes."""
        limit = MOST_BYTES if most is None else most
        pieces, count = [], 0
        while piece := self.read(_PIECE):
            pieces.append(piece)
            count += len(piece)
            if count > limit:
                raise TenfoldError(f"{self.source}: has more than {limit:,} bytes, and is refused")
        return b"".join(pieces)

    def read_exactly(self, count: int) -> bytes:
        """Read `count` bytes. Raises TenfoldError where there are fewer."""
        pieces, missing = [], count
        while missing and (piece := self.read(min(missing, _PIECE))):
            pieces.append(piece)
            missing -= len(piece)
        if missing:
            raise TenfoldError(
                f"{self.source}: is cut short; download or copy it again. "
                f"Received: {count - missing:,} of {count:,} bytes"
            )
        return b"".join(pieces)


def damaged(source: str, error: Exception) -> TenfoldError:
    """Tell in one line that packed bytes cannot be unpacked."""
    why = " ".join(str(error).split())
    return TenfoldError(
        f"{source}: the archive is damaged or cut short ({why}); download or copy it again"
    )


def unreadable(source: str, error: OSError) -> TenfoldError:
    """Tell in one line that a file cannot be read, and why."""
    return TenfoldError(f"{source}: cannot be read: {error.strerror or error}")


@contextmanager
def unzipped(file: IO[bytes], source: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose members all stay within its folder.

    Raises:
        TenfoldError: where it is damaged, or a member's name is absolute or climbs out by `..`.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (*_DAMAGE, NotImplementedError, OSError) as error:
        raise TenfoldError(
            f"{source}: the zip is damaged or cut short ({error}); download or copy it again"
        ) from error
    with archive:
        for name in archive.namelist():
            parts = name.replace("\\", "/").split("/")
            if not name.isprintable():
                raise TenfoldError(
                    f"{source}: the name of the member {name[:80]!r} cannot be shown; rename it"
                )
            if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
                raise TenfoldError(
                    f"{source}: the member {name!r} climbs out of the zip, and is refused; "
                    "download the zip from where it can be trusted"
                )
        yield archive


@contextmanager
def member(
    archive: zipfile.ZipFile, name: str, budget: Budget, source: str
) -> Iterator[BoundedReader]:
    """Open a member of a zip. Raises TenfoldError where it is locked or cannot be unpacked."""
    entry = archive.getinfo(name)
    if entry.flag_bits & 1:
        raise TenfoldError(f"{source}: {name!r} is locked with a password; unpack it first")
    try:
        stream = archive.open(entry)
    except (*_DAMAGE, NotImplementedError, OSError) as error:
        raise TenfoldError(
            f"{source}: {name!r} cannot be unpacked ({error}); unpack it first"
        ) from error
    with stream:
        yield BoundedReader(stream, budget, f"{source}:{name}")


@contextmanager
def unpacked(file: IO[bytes], size: int, source: str) -> Iterator[BoundedReader]:
    """Read an open file of so many bytes, unpacked where it is a gzip.

    A pipe will do, for it is read once; it has no size: then only the bound on bytes holds.
    """
    plain = BoundedReader(file, Budget(None, source), source)
    with gunzipped(plain, Budget(size or MOST_BYTES, source)) as stream:
        yield stream


@contextmanager
def gunzipped(stream: BoundedReader, budget: Budget) -> Iterator[BoundedReader]:
    """Unpack a stream that may be a gzip; any other stays as it is."""
    if not stream.head(2).startswith(GZIP):
        yield stream
        return
    with gzip.GzipFile(fileobj=stream) as expanded:  # type: ignore[call-overload]
        yield BoundedReader(expanded, budget, stream.source)
