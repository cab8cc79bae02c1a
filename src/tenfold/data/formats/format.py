"""What loading and export need to know about a file format."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import Dataset
from tenfold.data.image_decoding import DecodeImage
from tenfold.data.names import name_parts
from tenfold.data.pixels import named_labels
from tenfold.data.source_name import ReadOptions
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

CLASSES = "classes"  # what arrays and files with the names of classes are named
UNKNOWN = "?"  # the kind of an array whose header cannot be read
HEAD_BYTES = 1 << 15  # of a file, from which its format is detected; a row of decimals has 20 kB


@dataclass(frozen=True)
class PartFiles:
    """The files that together are one part of a set, in a folder or an archive.

    Args:
        tree: the folder or archive.
        names: of the files, in the tree.
        source: the name of the set.
        decode: turns the bytes of an image file into pixels.
        options: how the set is read.
        labelled: whether the folders that the files are in are their labels.
    """

    tree: Tree
    names: list[str]
    source: str
    decode: DecodeImage
    options: ReadOptions
    labelled: bool


@dataclass(frozen=True)
class ArrayInfo:
    """An array that is not read yet: its shape, and its dtype's kind, a letter, or `UNKNOWN`."""

    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class ArrayReader:
    """Reads files of one array each, of any shape: the labels are in another file.

    Args:
        read: reads one such file.
        info: what its first bytes say of it; None where they do not.
    """

    read: Callable[[BoundedReader], NDArray[Any]]
    info: Callable[[bytes], ArrayInfo | None]


class NamedArrays(ABC):
    """The arrays of a file.

    Args:
        source: the file's name, for errors.
        infos: what is known of each array, by its name; `/` divides groups.
    """

    def __init__(self, source: str, infos: dict[str, ArrayInfo]) -> None:
        self.source = source
        self.infos = infos

    @abstractmethod
    def read(self, name: str) -> NDArray[Any]:
        """Read one array."""

    def where(self, name: str) -> str:
        """Return the name of an array for errors."""
        return f"{self.source}:{name}"

    def title(self, name: str) -> str:
        """Return what an array is called in its file."""
        return name

    def hint(self, names: list[str]) -> str:
        """Say what to do where several arrays may be the images."""
        return "keep one of them, or name them x_train and x_test"

    def class_names(self, labels: str) -> tuple[str, ...] | None:
        """Read the names of the classes, which the labels are indices into, if there are any.

        They are text [classes], in an array `classes` of the same part as the labels.
        """
        own = name_parts(labels)
        for name in self.infos:
            said = name_parts(name)
            if CLASSES in said.key and said.part == own.part:
                names = self.read(name)
                if names.dtype.kind != "U" or names.ndim != 1:
                    raise TenfoldError(
                        f"{self.where(name)}: must be the names of the classes, text [classes]. "
                        f"Received: {names.dtype} {list(names.shape)}"
                    )
                return tuple(names.tolist())
        return None


@dataclass(frozen=True)
class ArraysReader:
    """Reads files of several arrays, each with a name.

    Args:
        open: opens one such file.
    """

    open: Callable[[BoundedReader], AbstractContextManager[NamedArrays]]


@dataclass(frozen=True)
class Writer:
    """How a format is written; sets are given by the name of their part: train, test or data.

    Args:
        file_names: the names of the files, or folders, that `write` makes.
        write: writes them into a folder.
        loss: what of a set the format cannot keep, or "" where it keeps everything.
    """

    file_names: Callable[[dict[str, Dataset]], list[str]]
    write: Callable[[Path, dict[str, Dataset]], None]
    loss: Callable[[Dataset], str] = lambda dataset: ""


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        name: for `--format` and errors.
        title: for people.
        recognises: whether the first `HEAD_BYTES` bytes are those of such a file.
        read: reads one file into a Dataset, which gets the source as its name, or into arrays.
        read_files: reads several files that are one set; None where a set is one file.
        has_name: whether a file's name is that of such a file. Where a set is many files, files
            of that name are not opened to detect their format.
        parts: sorts the names of such files in a tree into the parts of a set, where several files
            are one set; returns notes too.
        in_class_folders: whether the folders that files of one part are in are their classes.
        writer: how it is written; None where it is only read.
    """

    name: str
    title: str
    recognises: Callable[[bytes], bool]
    read: Callable[[BoundedReader, str, ReadOptions], Dataset] | ArrayReader | ArraysReader
    read_files: Callable[[PartFiles], Dataset] | None = None
    has_name: Callable[[str], bool] = lambda name: False
    parts: Callable[[Tree, list[str]], tuple[dict[str, list[str]], tuple[str, ...]]] | None = None
    in_class_folders: Callable[[list[str]], bool] = lambda names: False
    writer: Writer | None = None


def one_file_per_part(
    suffix: str, write_file: Callable[[Path, Dataset], None], loss: Callable[[Dataset], str]
) -> Writer:
    """Make a writer that writes each set into a file, or folder, PART + `suffix`."""

    def write(folder: Path, sets: dict[str, Dataset]) -> None:
        for part, dataset in sets.items():
            write_file(folder / f"{part}{suffix}", dataset)

    return Writer(lambda sets: [f"{part}{suffix}" for part in sets], write, loss)


def lost_classes(dataset: Dataset) -> str:
    """Say what is lost where classes are kept only as the label of each image; "" if nothing."""
    if dataset.labels is None:
        return ""
    used = [dataset.classes[label] for label in np.unique(dataset.labels).tolist()]
    if named_labels(used)[1] == dataset.classes:
        return ""
    return "a class has no images, or the classes are not in the order of their names"
