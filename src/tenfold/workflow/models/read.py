"""Read images by name: files, folders, globs, pages of a PDF, what comes in on stdin."""

import glob
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError
from tenfold.ink.image import MAX_BYTES, AnyImage
from tenfold.model.reader import Reader, Reading

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pdf"}
PDF_PAGE = re.compile(r"(?P<file>.+\.pdf):(?P<page>[0-9]{1,6})", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """An image to read.

    Args:
        name: what the user would call it.
        image: returns what the Reader takes; raises TenfoldError where there is nothing.
    """

    name: str
    image: Callable[[], AnyImage]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one image: a reading, or the error that says why there is none."""

    source: Source
    reading: Reading | None
    error: TenfoldError | None = None


def find_images(words: Iterable[str]) -> list[Source]:
    """Find the images that words stand for, in their order.

    Args:
        words: paths, folders (their images, sorted), globs, `form.pdf` (each page), `form.pdf:2`
            (one page), or `-` for stdin. One that cannot be found is a source that raises.
    """
    return [source for word in words for source in _sources(word)]


def read_images(
    sources: Iterable[Source], reader: Reader, single: bool = False
) -> Iterator[Outcome]:
    """Read images one after the other; a broken one does not stop the others."""
    for source in sources:
        try:
            yield Outcome(source, reader.read(source.image(), single, source.name))
        except TenfoldError as error:
            yield Outcome(source, None, error)


def _sources(word: str) -> list[Source]:
    if word == "-":
        return _of_stdin()
    path = Path(word)
    if path.is_dir():
        return _of_many(path.iterdir(), f"{word}: has no images in it; name another folder")
    page = PDF_PAGE.fullmatch(word)
    if page and not path.exists():
        return [_pdf_page(page["file"], int(page["page"]), word)]
    if glob.has_magic(word) and not path.exists():
        found = map(Path, glob.glob(word, recursive=True))
        return _of_many(found, f"{word}: no image is named like this; look at the folder")
    return _of_file(path)


def _of_many(paths: Iterable[Path], otherwise: str) -> list[Source]:
    kept = [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not kept:
        return [_broken(otherwise.partition(":")[0], TenfoldError(otherwise))]
    return [source for path in sorted(kept, key=_natural) for source in _of_file(path)]


def _natural(path: Path) -> list[Any]:
    """Sort page2 before page10."""
    parts = re.split(r"([0-9]+)", str(path))
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _of_file(path: Path) -> list[Source]:
    if path.suffix.lower() == ".pdf":
        return _pdf_pages(path, str(path))
    return [Source(str(path), lambda: path)]


def _of_stdin() -> list[Source]:
    from tenfold.ink.pdf import MAGIC

    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        too_large = f"stdin: is larger than {MAX_BYTES >> 20} MiB; give a smaller image"
        return [_broken("stdin", TenfoldError(too_large))]
    if not content:
        return [_broken("stdin", TenfoldError("stdin: is empty; pipe an image in"))]
    if content.startswith(MAGIC):
        return _pdf_pages(content, "stdin")
    return [Source("stdin", lambda: content)]


def _pdf_pages(source: Path | bytes, name: str) -> list[Source]:
    from tenfold.ink.pdf import count_pages

    try:
        count = count_pages(source, name)
    except TenfoldError as error:
        return [_broken(name, error)]
    if count == 1:
        return [_pdf_page(source, 1, name)]
    return [_pdf_page(source, page, f"{name}:{page}") for page in range(1, count + 1)]


def _pdf_page(source: str | Path | bytes, page: int, name: str) -> Source:
    from tenfold.ink.pdf import render_page

    return Source(name, lambda: render_page(source, page, name))


def _broken(name: str, error: TenfoldError) -> Source:
    def refuse() -> AnyImage:
        raise error

    return Source(name, refuse)
