"""What a command is given, by its name alone: files that hold many images, and folders to write."""

import os
from collections.abc import Sequence
from typing import Literal

from tenfold.data.atomic import expanded
from tenfold.data.remote import is_pattern, is_url

Kind = Literal["files", "parquet", "zip", "tar"]

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_folder(out: str, sources: Sequence[str]) -> bool:
    """Return whether an output is a folder: one that is there, or is named as one.

    A name is a folder's where it ends in `/`, or where it has no suffix and a source is one that
    may be larger than memory; else it is a file's.
    """
    path = expanded(out)
    if path.exists():
        return path.is_dir()
    if out.endswith(("/", "\\")):
        return True
    return out != "-" and not path.suffix and (len(sources) > 1 or may_be_large(sources[0]))


def may_be_large(source: str) -> bool:
    """Return whether a source is a folder, a glob, a URL, or a file that holds many images."""
    if is_url(source) or is_pattern(source) or os.path.isdir(os.path.expanduser(source)):
        return True
    return kind_of(source, ()) is not None


def kind_of(name: str, suffixes: tuple[str, ...]) -> Kind | None:
    """Return what a file is, by the end of its name; "files" are images, as `suffixes` has them."""
    lower = name.lower()
    if lower.endswith(suffixes):
        return "files"
    if lower.endswith((".parquet", ".pq")):
        return "parquet"
    if lower.endswith(".zip"):
        return "zip"
    return "tar" if lower.endswith(TAR_SUFFIXES) else None
