"""Find images by name: files, folders, globs, pages of a PDF, what comes in on stdin."""

import glob
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError
from tenfold.ink.image import MAX_BYTES, AnyImage
from tenfold.model.reader import Source

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pdf"}
PDF_PAGE = re.compile(r"(?P<file>.+\.pdf):(?P<page>[0-9]{1,6})", re.IGNORECASE)


def find_images(words: Iterable[str]) -> list[Source]:
    """Find the images that words stand for, in their order, for `Reader.read_many`.

    Args:
        words: paths, folders (their images, sorted), globs, `form.pdf` (each page), `form.pdf:2`
            (one page), or `-` for stdin; `~` is the home folder. One that cannot be found is a
            source that raises.
    """
    return [source for word in words for source in _sources(os.path.expanduser(word))]


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
