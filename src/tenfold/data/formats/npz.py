"""Read and write NumPy's `.npz`: a zip of arrays, paired by their names."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import (
    OFFICE_MEMBER,
    TORCH_MEMBER,
    ZIP_MAGICS,
    BoundedReader,
    open_zip,
)
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import (
    CLASSES,
    HEAD_BYTES,
    UNKNOWN,
    ArrayInfo,
    ArraysReader,
    Format,
    NamedArrays,
    Writer,
)
from tenfold.data.formats.npy import npy_info, read_npy_array
from tenfold.data.pixels import other_classes
from tenfold.data.tree import Archive, Tree
from tenfold.errors import TenfoldError

_FILE_NAME = "data.npz"
_SUFFIX = ".npy"


class NpzArrays(NamedArrays):
    """The arrays of an npz, each a member `KEY.npy`.

    Args:
        tree: the zip.
    """

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree.source, {})
        self._tree = tree
        for name in tree.names:
            with tree.open(name) as stream:
                info = npy_info(stream.peek(HEAD_BYTES))
            self.infos[name.removesuffix(_SUFFIX)] = info or ArrayInfo((), UNKNOWN)

    def read(self, name: str) -> NDArray[Any]:
        """Read one array."""
        with self._tree.open(f"{name}{_SUFFIX}") as stream:
            return read_npy_array(stream)

    def where(self, name: str) -> str:
        """Return the name of the array's member for errors."""
        return f"{self.source}:{name}{_SUFFIX}"


def is_npz(names: list[str]) -> bool:
    """Return whether the files of a zip are arrays, each `KEY.npy`."""
    return bool(names) and all(name.endswith(_SUFFIX) and "/" not in name for name in names)


@contextmanager
def _open_npz(stream: BoundedReader) -> Iterator[NpzArrays]:
    """Open an npz that is within a folder or an archive, or is compressed."""
    content = stream.read_all()
    with open_zip(io.BytesIO(content), stream.source) as archive:
        tree = Archive(archive, len(content), stream.source)
        if not is_npz(tree.names):
            raise TenfoldError(
                f"{stream.source}: is a zip; name it as the source itself, extracted where it is "
                "in an archive"
            )
        yield NpzArrays(tree)


def _write_npz(folder: Path, sets: dict[str, Dataset]) -> None:
    """Write `x_train`, `y_train`, `x_test`, `y_test` for parts "train" and "test", `x`, `y` else.

    Where the classes are not 0-9, `classes_train` and so on have their names, which the labels are
    indices into.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for part, dataset in sets.items():
        suffix = _suffix(part)
        arrays[f"x{suffix}"] = dataset.images
        if dataset.labels is not None:
            arrays[f"y{suffix}"] = dataset.labels
            if other_classes(dataset.classes):
                arrays[f"{CLASSES}{suffix}"] = np.array(dataset.classes, np.str_)
    with atomic_write(folder / _FILE_NAME) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _suffix(part: str) -> str:
    return "" if part == "data" else f"_{part}"


def _is_zip(head: bytes) -> bool:
    foreign = TORCH_MEMBER in head or OFFICE_MEMBER in head
    return head.startswith(ZIP_MAGICS) and not foreign


FORMAT = Format(
    name="npz",
    title="npz",
    recognises=_is_zip,  # within a folder or an archive
    read=ArraysReader(_open_npz),
    writer=Writer(lambda sets: [_FILE_NAME], _write_npz),
)
