"""What loading and export need to know about a file format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import Dataset, Images
from tenfold.data.pixels import named_labels
from tenfold.data.tree import Tree

HEAD_BYTES = 4096  # of a file, from which its format is detected

# From the bytes of an image file, its name for errors, and notes to add to, to uint8 [28, 28].
DecodeImage = Callable[[bytes, str, set[str]], Images]


@dataclass(frozen=True)
class PartFiles:
    """The files that together are one part of a set, in a folder or an archive.

    Args:
        tree: the folder or archive.
        part: "train", "test", "val", or "data" where there are no parts.
        names: of the files, in the tree.
        source: the name of the set.
        decode: turns the bytes of an image file into pixels.
    """

    tree: Tree
    part: str
    names: list[str]
    source: str
    decode: DecodeImage


@dataclass(frozen=True)
class ArrayReader:
    """Reads files of one array each, of any shape: the labels are in another file.

    Args:
        read: reads one such file.
    """

    read: Callable[[BoundedReader], NDArray[Any]]


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


def _all_one_part(tree: Tree, names: list[str]) -> dict[str, list[str]]:
    return {"data": names}


@dataclass(frozen=True)
class Format:
    """A file format.

    Args:
        name: for `--format` and errors.
        title: for people.
        recognises: whether the first `HEAD_BYTES` bytes are those of such a file.
        read: reads one file into a Dataset, which gets the source as its name, or into an array.
        read_files: reads several files that are one set; None where a set is one file.
        has_name: whether a file's name is that of such a file. Where a set is many files, files
            of that name are not opened to detect their format.
        holds_labels: whether the first bytes are those of a file of labels, which belongs to
            another with the images.
        is_whole_tree: whether all the names of an archive or folder say that it is of this format.
        parts: sorts the names of such files in a tree into the parts of a set.
        writer: how it is written; None where it is only read.
    """

    name: str
    title: str
    recognises: Callable[[bytes], bool]
    read: Callable[[BoundedReader, str], Dataset] | ArrayReader
    read_files: Callable[[PartFiles], Dataset] | None = None
    has_name: Callable[[str], bool] = lambda name: False
    holds_labels: Callable[[bytes], bool] = lambda head: False
    is_whole_tree: Callable[[list[str]], bool] = lambda names: False
    parts: Callable[[Tree, list[str]], dict[str, list[str]]] = _all_one_part
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
