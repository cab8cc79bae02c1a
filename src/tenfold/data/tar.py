"""A tar as a tree of files; nothing of it is extracted."""

import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from tenfold.data.archives import (
    BoundedReader,
    DecompressionBudget,
    check_member_name,
    expanded,
)
from tenfold.data.tree import Tree, list_names
from tenfold.errors import TenfoldError

_MAX_MEMORY = 64 << 20  # a larger tar goes to a temporary file without a name
_MAX_MEMBERS = 2_000_000
_CHUNK = 1 << 20


def is_tar(head: bytes) -> bool:
    """Return whether bytes begin as a tar does: with a header whose checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "replace")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


class TarTree(Tree):
    """The regular files of a tar, which share one decompression budget.

    Args:
        file: the tar, uncompressed and seekable.
        source: the name used in errors.
    """

    def __init__(self, file: IO[bytes], source: str) -> None:
        super().__init__(source)
        self._file = file
        self._places = _find_members(file, source)
        self._budget = DecompressionBudget(file.seek(0, 2), source)

    def _all_names(self) -> list[str]:
        return list(self._places)

    def list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """List the files and the folders in one folder of the tar."""
        return list_names(self.names, folder)

    @contextmanager
    def open(self, name: str) -> Iterator[BoundedReader]:
        """Open one of the members; one that is compressed is decompressed."""
        member = _Window(self._file, *self._places[name])
        source = f"{self.source}:{name}"
        stream = BoundedReader(member, DecompressionBudget(None, source), source)
        with expanded(stream, self._budget) as content:
            yield content


@contextmanager
def open_tar(stream: BoundedReader) -> Iterator[TarTree]:
    """Open a tar that is read once, as one that is compressed is.

    Raises:
        TenfoldError: where it is damaged, or a member's name is absolute or escapes by `..`.
    """
    with tempfile.SpooledTemporaryFile(_MAX_MEMORY) as file:
        try:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
        except OSError as error:
            raise TenfoldError(
                f"{stream.source}: cannot be unpacked to a temporary file: {error.strerror}"
            ) from error
        yield TarTree(file, stream.source)


def _find_members(file: IO[bytes], source: str) -> dict[str, tuple[int, int]]:
    """Find where each regular file begins and how long it is; links and devices are left out."""
    places: dict[str, tuple[int, int]] = {}
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else each is kept, 1 kB
                if member.isreg() and not member.issparse() and member.size >= 0:
                    name = member.name.removeprefix("./")
                    check_member_name(name, source)
                    places[name] = (member.offset_data, member.size)
                    if len(places) > _MAX_MEMBERS:
                        raise TenfoldError(
                            f"{source}: has more than {_MAX_MEMBERS:,} files and is rejected"
                        )
            file.seek(archive.offset)
            check_end(archive.offset, iter(lambda: file.read(_CHUNK), b""))
    except (tarfile.TarError, ValueError, OverflowError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{source}: the tar is damaged or truncated ({reason}); download or copy it again"
        ) from error
    return places


def check_end(offset: int, rest: Iterable[bytes]) -> None:
    """Check that a tar ends where tarfile stopped: it takes a damaged header for the end.

    What follows such a header would be lost silently, and so would be what a tar lacks that was
    cut off between two members.

    Args:
        offset: where the block begins that tarfile stopped at.
        rest: all bytes from there on.

    Raises:
        tarfile.ReadError: where these are not the zeros that a tar ends in.
    """
    count = 0
    for chunk in rest:
        count += len(chunk)
        if chunk.count(0) != len(chunk):
            raise tarfile.ReadError(f"no header and no end at byte {offset:,}")
    if count < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"no end at byte {offset:,}")


class _Window:
    """Reads a piece of a file."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""
        self._file.seek(self._at)
        content = self._file.read(min(size, self._end - self._at))
        self._at += len(content)
        return content
