"""The arrays of one or more files, each with a name, that together are one set."""

import json
import posixpath
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.formats.format import (
    CLASSES,
    HEAD_BYTES,
    ArrayInfo,
    ArrayReader,
    ArraysReader,
    Format,
    NamedArrays,
)
from tenfold.data.names import name_parts
from tenfold.data.pairing import training_first
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

Recognise = Callable[[bytes], Format | None]


class FileArrays(NamedArrays):
    """The arrays of files in a tree; a file of several adds its name before theirs.

    Args:
        tree: where the files are.
        stack: closes what is opened.
    """

    def __init__(self, tree: Tree, stack: ExitStack) -> None:
        super().__init__(tree.source, {})
        self._tree = tree
        self._stack = stack
        self._read: dict[str, Callable[[], NDArray[Any]]] = {}
        self._where: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._alone = False

    def read(self, name: str) -> NDArray[Any]:
        """Read one array."""
        return self._read[name]()

    def where(self, name: str) -> str:
        """Return the name of the array's file, and its own in it, for errors."""
        return self._where[name]

    def title(self, name: str) -> str:
        """Return what an array is called in its file, which is its name where that is one array."""
        return self._titles.get(name, name)

    def hint(self, names: list[str]) -> str:
        """Say what to do where several files may be the images."""
        if self._alone:
            return super().hint(names)
        return f"name one of them, as {self.source}:{training_first(names)}"

    def add(self, name: str, recognise: Recognise) -> None:
        """Add a file of the tree; any that holds no arrays is left out."""
        with self._tree.open(name) as stream:
            format = recognise(stream.peek(HEAD_BYTES))
            if format is not None and isinstance(format.read, ArrayReader):
                info = format.read.info(stream.peek(HEAD_BYTES))
                if info is not None:
                    self._add(name, info, stream.source, partial(self._open, format.read, name))
                else:
                    self.add_open(name, stream, format.read)
        if format is not None and isinstance(format.read, ArraysReader):
            stream = self._stack.enter_context(self._tree.open(name))
            self.add_open(name, stream, format.read)

    def add_open(
        self,
        name: str,
        stream: BoundedReader,
        reader: ArrayReader | ArraysReader,
        alone: bool = False,
    ) -> None:
        """Add a file that is open, and stays so: it may be a pipe, which opens once.

        Args:
            name: its name in the tree.
            stream: its contents.
            reader: of its format.
            alone: whether all the arrays of the set are in it, so that their names need not have
                its own.
        """
        if isinstance(reader, ArrayReader):
            array = reader.read(stream)
            info = ArrayInfo(array.shape, array.dtype.kind)
            self._add(name, info, stream.source, lambda: array)
        else:
            self.add_arrays(name, self._stack.enter_context(reader.open(stream)), alone)

    def add_arrays(self, name: str, arrays: NamedArrays, alone: bool = False) -> None:
        """Add the arrays of a file of that name; `alone` as in `add_open`."""
        if alone:
            self.source, self._alone = arrays.source, True
        for inner, info in arrays.infos.items():
            full = inner if alone else f"{name}/{inner}"
            if len(arrays.infos) == 1 and name_parts(inner).kind is None:
                full = name  # as `arr_0`, whose name says nothing
            self._add(full, info, arrays.where(inner), partial(arrays.read, inner))
            self._titles[full] = arrays.title(inner)

    def _add(
        self, name: str, info: ArrayInfo, where: str, read: Callable[[], NDArray[Any]]
    ) -> None:
        self.infos[name], self._where[name], self._read[name] = info, where, read

    def _open(self, reader: ArrayReader, name: str) -> NDArray[Any]:
        with self._tree.open(name) as stream:
            return reader.read(stream)

    def class_names(self, labels: str) -> tuple[str, ...] | None:
        """Read `classes`, or a file such as `train-classes.json`, which labels are indices into."""
        found = super().class_names(labels)
        if found is not None:
            return found
        folder = posixpath.dirname(labels)
        for file in self._tree.list_folder(folder)[0]:
            said = name_parts(file)
            of_part = CLASSES in said.key and said.part == name_parts(labels).part
            if of_part and file.lower().endswith(".json"):
                return _read_classes(self._tree, posixpath.join(folder, file))
        return None


def add_all(arrays: FileArrays, names: Iterable[str], recognise: Recognise) -> None:
    """Add several files."""
    for name in names:
        arrays.add(name, recognise)


def _read_classes(tree: Tree, name: str) -> tuple[str, ...]:
    with tree.open(name) as stream:
        try:
            names = json.loads(stream.read_all())
        except (ValueError, RecursionError) as error:
            raise TenfoldError(f"{stream.source}: is not a JSON list of names ({error})") from error
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise TenfoldError(f"{stream.source}: must be a JSON list of the classes' names")
        return tuple(names)
