"""The image files of a shard, one after another: of folders, archives and Parquet, anywhere."""

import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import IO, NamedTuple

from tenfold.data.archives import MAX_BYTES, BoundedReader, decompressed, open_zip
from tenfold.data.formats.parquet_rows import (
    NO_ID,
    RowLayout,
    encoded_images,
    ids_of,
    read_rows,
)
from tenfold.data.remote import UnreachableError, is_url, open_file, read_whole
from tenfold.data.tar import check_end
from tenfold.data.tree import Archive
from tenfold.errors import TenfoldError
from tenfold.workflow.batch.shards import Shard, zip_members

AT_ONCE = 16  # files elsewhere that are fetched ahead: most of the time of each is waiting


class Item(NamedTuple):
    """An image file.

    Args:
        id: its name in the source of its shard; with Parquet its id, or the number of its row.
        where: its name in errors.
        content: the whole file, or why there is none.
    """

    id: str
    where: str
    content: bytes | TenfoldError


def items(
    shard: Shard, suffixes: tuple[str, ...], max_bytes: int, layout: RowLayout | None = None
) -> Iterator[Item]:
    """Open the image files of a shard one after another; what is wrong with one is its content.

    Args:
        shard: of files, a zip, a tar, or encoded images in Parquet.
        suffixes: of the names of images in archives.
        max_bytes: how large an image may be.
        layout: the columns of Parquet.

    Raises:
        TenfoldError: where the archive is damaged or gone, or storage cannot be reached.
    """
    if shard.kind == "files":
        return _files(shard, max_bytes)
    if shard.kind == "zip":
        return _zip_members(shard, suffixes, max_bytes)
    if shard.kind == "tar":
        return _tar_members(shard, suffixes, max_bytes)
    return _rows(shard, known_layout(shard, layout))


def known_layout(shard: Shard, layout: RowLayout | None) -> RowLayout:
    """Return the columns of Parquet. Raises TenfoldError where the job has not decided on them."""
    if layout is None:
        raise TenfoldError(
            f"{shard.source}: no table could be read when the job began, so its columns are not "
            "known; begin anew with --overwrite, or in another folder"
        )
    return layout


def _files(shard: Shard, max_bytes: int) -> Iterator[Item]:
    def fetch(name: str) -> Item:
        path = f"{shard.source.rstrip('/')}/{name}" if shard.source else name
        try:
            return Item(name, path, read_whole(path, max_bytes))
        except UnreachableError:
            raise
        except TenfoldError as error:
            if not is_url(shard.source) and not os.path.isdir(shard.source or "."):
                raise UnreachableError(
                    f"{shard.source}: the folder is gone; give it back, and give the same command "
                    "once more"
                ) from None
            return Item(name, path, error)

    if not is_url(shard.source):
        yield from map(fetch, shard.names)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        names = iter(shard.names)
        waiting: list[Future[Item]] = [pool.submit(fetch, one) for one in islice(names, AT_ONCE)]
        while waiting:
            item = waiting.pop(0).result()
            waiting += [pool.submit(fetch, one) for one in islice(names, 1)]
            yield item


def _zip_members(shard: Shard, suffixes: tuple[str, ...], max_bytes: int) -> Iterator[Item]:
    with open_file(shard.source) as file, open_zip(file, shard.source) as opened:
        archive = Archive(opened, _bytes(shard), shard.source)
        counts = Counter(entry.filename for entry in opened.infolist())
        for name in zip_members(archive, suffixes)[shard.start : shard.stop]:
            where = f"{shard.source}:{name}"
            for _ in range(counts[name] - 1):
                yield Item(name, where, TenfoldError(f"{where}: the zip has two of that name"))
            try:
                with archive.open(name) as stream:
                    yield Item(name, where, _not_empty(stream.read_all(max_bytes), where))
            except UnreachableError:
                raise
            except TenfoldError as error:
                yield Item(name, where, error)


def _tar_members(shard: Shard, suffixes: tuple[str, ...], max_bytes: int) -> Iterator[Item]:
    """Read a tar from its beginning to its end, as it comes; nothing of it is extracted."""
    source = shard.source
    seen: set[str] = set()
    with open_file(source) as file, decompressed(file, _bytes(shard), source) as stream:
        tail = _Tail(stream)
        try:
            with _open_tar(tail) as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]  # else each is kept, 1 kB
                    name = member.name.removeprefix("./")
                    if member.isdir() or not name.lower().endswith(suffixes):
                        continue
                    name = name.encode("utf-8", "backslashreplace").decode()  # an id is Unicode
                    where = f"{source}:{name}"
                    if not member.isreg():
                        error = TenfoldError(f"{where}: is a link in the tar; pack the file itself")
                        yield Item(name, where, error)
                        continue
                    if name in seen:
                        yield Item(
                            name, where, TenfoldError(f"{where}: the tar has two of that name")
                        )
                        continue
                    seen.add(name)
                    yield Item(name, where, _member(archive, member, where, max_bytes))
                check_end(archive.offset, tail.rest(archive.offset))
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
            reason = " ".join(str(error).split())[:100]
            raise TenfoldError(
                f"{source}: the tar is damaged or truncated ({reason}), so nothing of it was "
                "taken; copy it again, and give the same command once more"
            ) from error


def _bytes(shard: Shard) -> int:
    """Return how large an archive is; the most that one may be, where a server does not say."""
    return shard.size if shard.size > 0 else MAX_BYTES


class _Tail:
    """Reads a tar and keeps the last of it, since tarfile reads on beyond its end."""

    def __init__(self, stream: BoundedReader) -> None:
        self._stream = stream
        self._count = 0
        self._last = b""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        chunk = self._stream.read(size)
        self._count += len(chunk)
        self._last = (self._last + chunk)[-8 * tarfile.RECORDSIZE :]
        return chunk

    def rest(self, offset: int) -> Iterator[bytes]:
        """Return the bytes from `offset`, which is near the last that was read, to the end."""
        yield self._last[offset - (self._count - len(self._last)) :]
        while chunk := self._stream.read(tarfile.RECORDSIZE):
            yield chunk


def _open_tar(stream: _Tail) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|")  # type: ignore[call-overload,no-any-return]


def _member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, where: str, max_bytes: int
) -> bytes | TenfoldError:
    if member.size > max_bytes:
        return TenfoldError(f"{where}: has more than {max_bytes:,} bytes and is not read")
    file: IO[bytes] | None = archive.extractfile(member)
    assert file is not None
    content = file.read()
    if len(content) < member.size:
        raise tarfile.ReadError("unexpected end of data")
    return _not_empty(content, where)


def _rows(shard: Shard, layout: RowLayout) -> Iterator[Item]:
    table = read_rows(shard.source, shard.start, shard.stop, layout)
    contents = encoded_images(table)
    for row, (name, content) in enumerate(
        zip(ids_of(table, layout, shard.start), contents, strict=True), shard.start
    ):
        where = f"{shard.source}: row {row}"
        if name is None:
            yield Item("", where, TenfoldError(f"{where}: {NO_ID}"))
        else:
            yield Item(name, where, content or TenfoldError(f"{where}: the image is missing"))


def _not_empty(content: bytes, where: str) -> bytes | TenfoldError:
    return content or TenfoldError(f"{where}: is an empty file; copy it again")
