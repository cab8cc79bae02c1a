"""Read bytes, plain or compressed: decompressed sizes are bounded, and damage is one line."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from tenfold.errors import TenfoldError

# An archive of a few kB can decompress to terabytes. Kaggle's tables compress to an eighth; blank
# images alone reach 200x, hence the ratio counts only from 64 MiB on.
MAX_BYTES = 4 << 30
MAX_RATIO = 200
RATIO_COUNTS_FROM = 64 << 20
# A 28x28 image has under 4 kB; a photo, which is rejected by its size, may have megabytes.
MAX_IMAGE_BYTES = 16 << 20

GZIP_MAGIC, BZIP2_MAGIC, XZ_MAGIC = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
# The first member of PyTorch's and of Office's files, which are zips too.
TORCH_MEMBER, OFFICE_MEMBER = b"/data.pkl", b"[Content_Types].xml"
# A bz2 member of a zip reports damage by a bare OSError or ValueError.
_DAMAGE = (
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
)
_CHUNK = 1 << 20
_MAX_XZ_MEMORY = 256 << 20  # `xz -9` needs 65 MiB; a header may ask for 4 GiB


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""


class DecompressionBudget:
    """How many bytes a file may decompress to, over all that is read of it.

    Args:
        compressed_bytes: the file's size; None where nothing is compressed, so nothing is bounded.
        source: the name used in errors.
    """

    def __init__(self, compressed_bytes: int | None, source: str) -> None:
        self._compressed = compressed_bytes
        self._read = 0
        self._source = source

    def spend(self, count: int) -> None:
        """Count decompressed bytes. Raises TenfoldError where they are too many."""
        if self._compressed is None:
            return
        self._read += count
        excessive = self._read > RATIO_COUNTS_FROM and self._read > MAX_RATIO * self._compressed
        if excessive or self._read > MAX_BYTES:
            raise TenfoldError(
                f"{self._source}: decompresses to more than {MAX_RATIO} times its size or "
                f"{MAX_BYTES >> 30} GiB and is rejected; decompress it yourself if you trust it. "
                f"Received: {self._compressed:,} bytes that gave {self._read:,}"
            )


class BoundedReader:
    """A stream of bytes that turns damage and decompression bombs into TenfoldError.

    Args:
        stream: the decompressed bytes.
        budget: how many of them may be read.
        source: the name used in errors.
        compression: what the bytes were decompressed from, "gzip", "bzip2", "xz" or "".
    """

    def __init__(
        self, stream: Readable, budget: DecompressionBudget, source: str, compression: str = ""
    ) -> None:
        self.compression = compression
        self._stream = stream
        self._budget = budget
        self._peeked = b""
        self.source = source

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes, or what one chunk gives; none at the end.

        Raises:
            TenfoldError: where the archive is damaged, or decompresses beyond every real set.
        """
        if size < 0:
            size = _CHUNK
        peeked, self._peeked = self._peeked[:size], self._peeked[size:]
        # Filled up, so that peeking does not shorten the first block that a format reads.
        return peeked + self._read_next(size - len(peeked)) if len(peeked) < size else peeked

    def peek(self, size: int) -> bytes:
        """Return the next bytes, at most `size`, without consuming them."""
        while len(self._peeked) < size and (chunk := self._read_next(size - len(self._peeked))):
            self._peeked += chunk
        return self._peeked[:size]

    def _read_next(self, size: int) -> bytes:
        try:
            chunk = self._stream.read(size)
        except _DAMAGE as error:
            raise damaged_error(self.source, error) from error
        except OSError as error:
            if error.errno is None:
                raise damaged_error(self.source, error) from error
            raise unreadable_error(self.source, error) from error
        self._budget.spend(len(chunk))
        return chunk

    def read_all(self, max_bytes: int | None = None) -> bytes:
        """Read what is left. Raises TenfoldError where it is more than `max_bytes` bytes."""
        limit = MAX_BYTES if max_bytes is None else max_bytes
        chunks, count = [], 0
        while chunk := self.read(_CHUNK):
            chunks.append(chunk)
            count += len(chunk)
            if count > limit:
                raise TenfoldError(f"{self.source}: has more than {limit:,} bytes and is rejected")
        return b"".join(chunks)

    def read_exactly(self, count: int) -> bytes:
        """Read `count` bytes. Raises TenfoldError where there are fewer."""
        chunks, missing = [], count
        while missing and (chunk := self.read(min(missing, _CHUNK))):
            chunks.append(chunk)
            missing -= len(chunk)
        if missing:
            raise TenfoldError(
                f"{self.source}: is truncated; download or copy it again. "
                f"Received: {count - missing:,} of {count:,} bytes"
            )
        return b"".join(chunks)


def damaged_error(source: str, error: Exception) -> TenfoldError:
    """Make the error for bytes that cannot be decompressed."""
    reason = " ".join(str(error).split())
    return TenfoldError(
        f"{source}: the archive is damaged or truncated ({reason}); download or copy it again"
    )


def unreadable_error(source: str, error: OSError) -> TenfoldError:
    """Make the error for a file that cannot be read, with the reason."""
    return TenfoldError(f"{source}: cannot be read: {error.strerror or error}")


@contextmanager
def open_zip(file: IO[bytes], source: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose members all stay within its folder.

    Raises:
        TenfoldError: where it is damaged, or a member's name is absolute or escapes by `..`.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (*_DAMAGE, NotImplementedError, OSError) as error:
        raise TenfoldError(
            f"{source}: the zip is damaged or truncated ({error}); download or copy it again"
        ) from error
    with archive:
        for name in archive.namelist():
            check_member_name(name, source)
        yield archive


def check_member_name(name: str, source: str) -> None:
    """Check that a member's name can be shown, and stays within its archive.

    Raises:
        TenfoldError: where it is not printable, absolute, or escapes by `..`.
    """
    parts = name.replace("\\", "/").split("/")
    if not name.isprintable():
        raise TenfoldError(
            f"{source}: the name of the member {name[:80]!r} is not printable; rename it"
        )
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        raise TenfoldError(
            f"{source}: the path of the member {name[:200]!r} leads out of the archive, which is "
            "rejected; download it from a source you trust"
        )


@contextmanager
def open_member(
    archive: zipfile.ZipFile, name: str, budget: DecompressionBudget, source: str
) -> Iterator[BoundedReader]:
    """Open a member of a zip. Raises TenfoldError where it is encrypted or cannot be read."""
    entry = archive.getinfo(name)
    if entry.flag_bits & 1:
        raise TenfoldError(f"{source}: {name!r} is encrypted with a password; extract it first")
    try:
        stream = archive.open(entry)
    except (*_DAMAGE, NotImplementedError, OSError) as error:
        raise TenfoldError(
            f"{source}: {name!r} cannot be decompressed ({error}); extract it first"
        ) from error
    with stream:
        yield BoundedReader(stream, budget, f"{source}:{name}")


@contextmanager
def decompressed(file: IO[bytes], size: int, source: str) -> Iterator[BoundedReader]:
    """Read an open file of `size` bytes, decompressed where it is a gzip, bzip2 or xz.

    It may be a pipe, since it is read once; a pipe has size 0, so only the bound on bytes holds.
    """
    plain = BoundedReader(file, DecompressionBudget(None, source), source)
    with expanded(plain, DecompressionBudget(size or MAX_BYTES, source)) as stream:
        yield stream


@contextmanager
def expanded(stream: BoundedReader, budget: DecompressionBudget) -> Iterator[BoundedReader]:
    """Decompress a stream that may be a gzip, bzip2 or xz; any other stays as it is."""
    head = stream.peek(len(XZ_MAGIC))
    if head.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=stream) as unzipped:  # type: ignore[call-overload]
            yield BoundedReader(unzipped, budget, stream.source, "gzip")
    elif head.startswith(BZIP2_MAGIC):
        bzip2 = _Decompressor(stream, bz2.BZ2Decompressor)
        yield BoundedReader(bzip2, budget, stream.source, "bzip2")
    elif head.startswith(XZ_MAGIC):
        xz = _Decompressor(stream, _xz_decompressor)
        yield BoundedReader(xz, budget, stream.source, "xz")
    else:
        yield stream


def _xz_decompressor() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_MAX_XZ_MEMORY)


class _Decompressor:
    """Reads the streams of a bzip2 or xz, one after another.

    The library's own file objects seek, which a pipe cannot, and do not bound xz's memory.
    """

    def __init__(
        self,
        stream: BoundedReader,
        make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor],
    ) -> None:
        self._stream = stream
        self._make = make
        self._current = make()

    def read(self, size: int, /) -> bytes:
        """Read at most `size` decompressed bytes; none at the end."""
        while size:
            rest = b""
            if self._current.eof:
                rest = self._current.unused_data.lstrip(b"\0")  # xz pads its streams
                if not rest and not (rest := self._stream.read(_CHUNK)):
                    return b""
                self._current = self._make()
            elif self._current.needs_input:
                rest = self._stream.read(_CHUNK)
                if not rest:
                    raise EOFError("its end is missing")
            found = self._current.decompress(rest, size)
            if found:
                return found
        return b""
