"""Files that lie together, in a folder or in a zip: their names, and the bytes of each."""

import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from tenfold.data.archives import BoundedReader, Budget, gunzipped, member, unpacked, unreadable
from tenfold.errors import TenfoldError

# What systems put beside pictures unasked.
_JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}


class Tree(ABC):
    """Files that lie together.

    Args:
        source: the name to tell errors with.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def names(self) -> list[str]:
        """The files' paths within, with `/`, sorted; without hidden files and systems' own."""
        return sorted(name for name in self._listed() if not _is_junk(name))

    @abstractmethod
    def _listed(self) -> list[str]: ...

    @abstractmethod
    def has(self, name: str) -> bool:
        """Say whether there is a file of that name, without listing the rest."""

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BoundedReader]:
        """Open one of the files; a gzip is unpacked."""


class Folder(Tree):
    """The files below a folder of the disk; links to folders are not followed."""

    def __init__(self, path: Path, source: str) -> None:
        super().__init__(source)
        self.path = path

    def _listed(self) -> list[str]:
        found = []

        def refuse(error: OSError) -> None:
            raise unreadable(str(error.filename or self.path), error) from error

        for folder, inner, files in os.walk(self.path, onerror=refuse):
            inner[:] = [name for name in inner if not _is_junk(name)]
            within = Path(folder).relative_to(self.path)
            # A pipe or a device would keep whoever opens it waiting.
            found += [(within / name).as_posix() for name in files if _is_plain(Path(folder, name))]
        return found

    def has(self, name: str) -> bool:
        """Say whether there is a file of that name, without listing the rest."""
        return (self.path / name).exists()

    @contextmanager
    def open(self, name: str) -> Iterator[BoundedReader]:
        """Open one of the files; a gzip is unpacked."""
        path = self.path / name
        try:
            with (
                path.open("rb") as file,
                unpacked(file, path.stat().st_size, str(path)) as stream,
            ):
                yield stream
        except OSError as error:
            raise unreadable(str(path), error) from error


class Archive(Tree):
    """The members of a zip, which together have one budget."""

    def __init__(self, archive: zipfile.ZipFile, packed_bytes: int, source: str) -> None:
        super().__init__(source)
        self._archive = archive
        self._budget = Budget(packed_bytes, source)

    def _listed(self) -> list[str]:
        return list({e.filename for e in self._archive.infolist() if not e.is_dir()})

    def has(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        return name in self.names

    @contextmanager
    def open(self, name: str) -> Iterator[BoundedReader]:
        """Open one of the members; a gzip is unpacked."""
        with (
            member(self._archive, name, self._budget, self.source) as stream,
            gunzipped(stream, self._budget) as expanded,
        ):
            yield expanded


def listed(names: list[str]) -> str:
    """Name the first few of several files."""
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def no_such(tree: Tree, name: str, parts: list[str]) -> TenfoldError:
    """Tell that a tree has neither a file nor a part of that name, but others."""
    known = [*(part for part in parts if part != "data"), *tree.names]
    near = get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return TenfoldError(f"{tree.source}: has no {name!r}, but {listed(known) or 'nothing'}{hint}")


def _is_plain(path: Path) -> bool:
    return path.is_file() or not path.exists()  # what is gone is told when it is opened


def _is_junk(name: str) -> bool:
    return any(part.startswith(".") or part in _JUNK for part in name.split("/"))
