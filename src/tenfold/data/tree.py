"""A folder or a zip as one thing: the names of its files, and the bytes of each."""

import os
import posixpath
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from tenfold.data.archives import (
    BoundedReader,
    DecompressionBudget,
    decompressed,
    expanded,
    open_member,
    unreadable_error,
)
from tenfold.errors import TenfoldError

# Files that operating systems add unasked.
_SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}


class Tree(ABC):
    """The files of a folder or an archive.

    Args:
        source: the name used in errors.
        name: of the folder; "" for an archive.
    """

    def __init__(self, source: str, name: str = "") -> None:
        self.source = source
        self.name = name

    @cached_property
    def names(self) -> list[str]:
        """The files' relative paths, with `/`, sorted; without hidden and system files."""
        return sorted(name for name in self._all_names() if not _is_hidden(name))

    @abstractmethod
    def _all_names(self) -> list[str]: ...

    @abstractmethod
    def list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """List the files and the folders in one folder, "" for the tree itself, without the rest.

        Returns:
            The last part of each name, sorted; without hidden and system files.
        """

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BoundedReader]:
        """Open one of the files; one that is compressed is decompressed."""


class Folder(Tree):
    """The files below a folder on disk; links to folders are not followed."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(source, path.absolute().name)
        self.path = path

    def _all_names(self) -> list[str]:
        found = []

        def reject(error: OSError) -> None:
            raise unreadable_error(str(error.filename or self.path), error) from error

        for folder, subfolders, files in os.walk(self.path, onerror=reject):
            subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
            relative = Path(folder).relative_to(self.path)
            # Opening a pipe or a device would block.
            found += [
                (relative / name).as_posix()
                for name in files
                if _is_regular_file(Path(folder, name))
            ]
        return found

    def list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """List the files and the folders in one folder; `..` is the folder that this one is in."""
        files: list[str] = []
        folders: list[str] = []
        path = Path(os.path.normpath(self.path.absolute() / folder))
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if not _is_hidden(entry.name):
                        (folders if entry.is_dir() else files).append(entry.name)
        except OSError:
            return [], []  # nothing is found there; what is named is reported when it is opened
        return sorted(name for name in files if _is_regular_file(path / name)), sorted(folders)

    @contextmanager
    def open(self, name: str) -> Iterator[BoundedReader]:
        """Open one of the files; one that is compressed is decompressed."""
        path = Path(os.path.normpath(self.path / name))
        try:
            with (
                path.open("rb") as file,
                decompressed(file, path.stat().st_size, str(path)) as stream,
            ):
                yield stream
        except OSError as error:
            raise unreadable_error(str(path), error) from error


class EmptyTree(Tree):
    """No files: what is beside a file that comes in on stdin."""

    def _all_names(self) -> list[str]:
        return []

    def list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """List nothing."""
        return [], []

    def open(self, name: str) -> AbstractContextManager[BoundedReader]:
        """Raise TenfoldError: there is no such file."""
        raise not_found_error(self.source, name, [], [])


class Archive(Tree):
    """The members of a zip, which share one decompression budget."""

    def __init__(self, archive: zipfile.ZipFile, compressed_bytes: int, source: str) -> None:
        super().__init__(source)
        self._archive = archive
        self._budget = DecompressionBudget(compressed_bytes, source)

    def _all_names(self) -> list[str]:
        return list({e.filename for e in self._archive.infolist() if not e.is_dir()})

    def list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """List the files and the folders in one folder of the archive."""
        return list_names(self.names, folder)

    @contextmanager
    def open(self, name: str) -> Iterator[BoundedReader]:
        """Open one of the members; one that is compressed is decompressed."""
        with (
            open_member(self._archive, name, self._budget, self.source) as stream,
            expanded(stream, self._budget) as content,
        ):
            yield content


def list_names(names: list[str], folder: str) -> tuple[list[str], list[str]]:
    """List the files and the folders in one folder, given the names of all files."""
    folder = posixpath.normpath(folder) if folder else ""
    if folder.startswith(".."):
        return [], []
    prefix = f"{folder}/" if folder not in ("", ".") else ""
    inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    files = [name for name in inside if "/" not in name]
    return files, sorted({name.partition("/")[0] for name in inside if "/" in name})


def name_list(names: list[str]) -> str:
    """Join the first few of several file names for a message."""
    first = ", ".join(names[:8])
    return first if len(names) <= 8 else f"{first} and {len(names) - 8} more"


def not_found_error(source: str, name: str, parts: list[str], names: list[str]) -> TenfoldError:
    """Make the error for a name that is neither a part nor a file of a source; it names others."""
    known = [*(part for part in parts if part != "data"), *names]
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return TenfoldError(f"{source}: has no {name!r}, but {name_list(known) or 'nothing'}{hint}")


def _is_regular_file(path: Path) -> bool:
    return path.is_file() or not path.exists()  # an absent file is reported when it is opened


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part in _SYSTEM_FILES for part in name.split("/"))
