"""Divide what a job reads into shards: plain values, each read by itself, on whichever machine."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from tenfold.data.archives import MAX_RATIO, RATIO_COUNTS_FROM, open_zip
from tenfold.data.dataset import PIXELS
from tenfold.data.formats.image_folder import SUFFIXES as IMAGE_SUFFIXES
from tenfold.data.formats.parquet_rows import count_rows, row_ranges
from tenfold.data.remote import Listed, is_url, list_files, open_file, stamp
from tenfold.data.tree import Archive
from tenfold.errors import TenfoldError
from tenfold.workflow.batch.kinds import Kind, kind_of

Purpose = Literal["predict", "read"]

PDF = ".pdf"
# What a tar or a PDF counts for before anybody has looked into it.
TAR_ITEM_BYTES, PDF_ITEMS = 1000, 8
# Images of a shard: what is lost where a process is killed. Of 28x28 a core predicts 16,384 in
# some seconds; a page takes about a second.
PART_SIZE: dict[Purpose, int] = {"predict": 16_384, "read": 32}


class Shard(msgspec.Struct, frozen=True):
    """Some of the images of a job.

    Args:
        number: its own, from 0.
        kind: image "files", or rows of "parquet", or members of a "zip" or "tar".
        source: the folder of the files, or the one file.
        names: of the files in the folder; else empty.
        start, stop: rows of Parquet, or members of a zip in their order; 0 for all of a tar.
        size, changed: what `stamp` said of the one file; it must still be that.
        images: how many it has, or is expected to have.
    """

    number: int
    kind: Kind
    source: str
    images: int
    names: tuple[str, ...] = ()
    start: int = 0
    stop: int = 0
    size: int = 0
    changed: str = ""

    def within(self, folder: str) -> "Shard":
        """Return the shard with its source as it is from anywhere, if it is relative to a folder.

        The same shard in every other respect: on a cluster processes work in folders of their own.
        """
        if is_url(self.source):
            return self
        return msgspec.structs.replace(
            self, source=os.path.join(folder, os.path.expanduser(self.source))
        )

    def places(self) -> Iterator[str]:
        """Yield the absolute paths, or URLs, of its files."""
        files = [Listed(self.source, name).path for name in self.names] or [self.source]
        yield from (file if is_url(file) else os.path.abspath(file) for file in files)

    def check_unchanged(self) -> None:
        """Raise TenfoldError where the one file is gone, or is no longer what it was."""
        if self.kind != "files" and stamp(self.source) != (self.size, self.changed):
            raise TenfoldError(
                f"{self.source}: has changed since the job began; give it back, or begin anew in "
                "another folder"
            )


class Listing(msgspec.Struct):
    """What was found of a job's sources.

    Args:
        shards: in their order.
        errors: the source, or the file of one, that could not be listed, and why.
        others: how many files are neither images nor hold any.
        twice: how many files are named by two sources, and are taken once.
    """

    shards: list[Shard]
    errors: dict[str, str] = {}
    others: int = 0
    twice: int = 0


def list_shards(
    sources: Sequence[str], purpose: Purpose, part: int, first: int = 0, known: Iterable[str] = ()
) -> Listing:
    """Find the images of sources and divide them into shards.

    Args:
        sources: files, folders, globs and URLs of these.
        purpose: what is done with them: PDFs are read only.
        part: images of a shard.
        first: number of the first shard.
        known: files that are in shards already, absolute paths and URLs.
    """
    listing = Listing([])
    seen = set(known)
    suffixes = suffixes_of(purpose)
    for source in sources:
        try:
            found = list_files(source)
        except TenfoldError as error:
            listing.errors[source] = str(error)
            continue
        plain: dict[str, list[str]] = {}
        before = len(listing.shards), len(listing.errors), listing.twice
        for file in found:
            place = file.path if is_url(file.path) else os.path.abspath(file.path)
            if place in seen:
                listing.twice += 1
                continue
            seen.add(place)
            if not _is_unicode(file.path):
                shown = file.path.encode("utf-8", "backslashreplace").decode()
                listing.errors[shown] = f"{shown}: its name is no Unicode; rename it"
                continue
            name = file.name.partition("?")[0] if is_url(file.path) else file.name
            kind = kind_of(name, suffixes)
            if kind is None:
                listing.others += 1
            elif kind == "files":
                plain.setdefault(file.folder, []).append(file.name)
            else:
                _add_container(listing, file, kind, part, first, suffixes)
        for folder, names in plain.items():
            for some in _parts(names, part):
                number = first + len(listing.shards)
                images = sum(map(_weight, some))
                listing.shards.append(Shard(number, "files", folder, images, tuple(some)))
        if before == (len(listing.shards), len(listing.errors), listing.twice):
            listing.errors[source] = f"{source}: has no image in it; name another folder or file"
    return listing


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def suffixes_of(purpose: Purpose) -> tuple[str, ...]:
    """Return what the names of images end in, and of PDFs where these are read."""
    return (*IMAGE_SUFFIXES, PDF) if purpose == "read" else IMAGE_SUFFIXES


def zip_members(archive: Archive, suffixes: tuple[str, ...]) -> list[str]:
    """Return the images of a zip, sorted by name."""
    return [name for name in archive.names if name.lower().endswith(suffixes)]


def _add_container(
    listing: Listing, file: Listed, kind: Kind, part: int, first: int, suffixes: tuple[str, ...]
) -> None:
    """Add the shards of a file that holds many images; where it cannot be read, its error."""
    try:
        size, changed = stamp(file.path)
        if kind == "parquet":
            rows = count_rows(file.path)
            _check_rows(file.path, rows, size)
            ranges = row_ranges(file.path, rows, part)
        elif kind == "zip":
            with open_file(file.path) as opened, open_zip(opened, file.path) as archive:
                count = len(zip_members(Archive(archive, size, file.path), suffixes))
            ranges = [(start, min(start + part, count)) for start in range(0, count, part)]
        else:
            ranges = [(0, 0)]
    except TenfoldError as error:
        listing.errors[file.path] = str(error)
        return
    listing.others += not ranges
    for start, stop in ranges:
        number = first + len(listing.shards)
        images = stop - start if stop else max(size // TAR_ITEM_BYTES, 1)
        listing.shards.append(
            Shard(number, kind, file.path, images, (), start, stop, size, changed)
        )


def _check_rows(path: str, rows: int, size: int) -> None:
    """Raise TenfoldError where a file declares more rows than its bytes can hold images."""
    if size >= 0 and rows * PIXELS > max(RATIO_COUNTS_FROM, MAX_RATIO * size):
        raise TenfoldError(
            f"{path}: {size:,} bytes declare {rows:,} rows and are rejected; write them anew with "
            "less compression if you trust them"
        )


def _parts(names: list[str], part: int) -> Iterator[list[str]]:
    some: list[str] = []
    weight = 0
    for name in names:
        if some and weight + _weight(name) > part:
            yield some
            some, weight = [], 0
        some.append(name)
        weight += _weight(name)
    if some:
        yield some


def _weight(name: str) -> int:
    return PDF_ITEMS if PurePosixPath(name).suffix.lower() == PDF else 1
