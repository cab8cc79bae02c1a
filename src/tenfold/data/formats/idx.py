"""Read and write IDX, the form in which MNIST is distributed: pictures, and labels beside them."""

import gzip
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import MOST_BYTES, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.pixels import labels_of, other_classes, to_images
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_CODES = {np.dtype("u1"): 8, np.dtype("i4"): 12}
# How the names of pictures become those of their labels, in IDX as in npy.
_SPELLINGS = (("images", "labels"), ("imgs", "labels"), ("x_", "y_"), ("X_", "y_"))


def is_idx(head: bytes) -> bool:
    """Say whether bytes begin as IDX does: two zeros, a kind of number, 1-4 dimensions."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def read_idx(stream: BoundedReader, tree: Tree, name: str, source: str) -> Dataset:
    """Read pictures, and the labels in the file beside them.

    Args:
        stream: the bytes of the pictures.
        tree: where they lie: `train-labels-idx1-ubyte`, with or without `.gz`, is looked for
            beside `train-images-idx3-ubyte`, and `train-classes.json`, a list of names.
        name: the pictures' name in the tree.
        source: the name of the set.

    Raises:
        TenfoldError: where a file is not IDX, is cut short, or counts differ.
    """
    array = read_array(stream)
    if array.ndim == 1:
        raise TenfoldError(
            f"{stream.source}: holds labels; name the file of the pictures, as "
            "train-images-idx3-ubyte"
        )
    return with_labels_beside(array, stream.source, tree, name, source)


def with_labels_beside(
    array: NDArray[Any], where: str, tree: Tree, name: str, source: str
) -> Dataset:
    """Make a set of an array of pictures and the labels in the file beside it, if there is one."""
    images, notes = to_images(array, where)
    found = labels_beside(tree, name)
    if found is None:
        return Dataset(images, None, source=source, notes=(*notes, "no labels lie beside them"))
    with tree.open(found) as stream:
        is_npy = stream.head(6) == b"\x93NUMPY"
        if is_npy:
            from tenfold.data.formats.npz import read_npy_array

            given = read_npy_array(stream)
        else:
            given = read_array(stream)
        labels, classes = labels_of(given, len(images), stream.source)
    names = _beside(tree, name.partition("images")[0] + "classes.json")
    if names is not None:
        labels, classes = given.reshape(-1).astype(np.int64), _read_classes(tree, names)
    return Dataset(images, labels, classes, source, notes=(*notes, *other_classes(classes)))


def labels_beside(tree: Tree, name: str) -> str | None:
    """Name the file of labels that belongs to a file of pictures, if it is there."""
    folder, slash, last = name.rpartition("/")
    for pictures, labels in _SPELLINGS:
        if pictures in last:
            wanted = last.replace(pictures, labels).replace("idx3", "idx1")
            found = _beside(tree, folder + slash + wanted)
            if found is not None:
                return found
    return None


def _beside(tree: Tree, name: str) -> str | None:
    plain = name.removesuffix(".gz")
    return next((known for known in (name, plain, f"{plain}.gz") if tree.has(known)), None)


def read_array(stream: BoundedReader) -> NDArray[Any]:
    """Read one IDX file.

    Raises:
        TenfoldError: where the first bytes are not IDX's, or the file is longer or shorter than
            its head says.
    """
    magic = stream.read_exactly(4)
    if not is_idx(magic):
        raise TenfoldError(
            f"{stream.source}: is not IDX, which begins 00 00 08 03 for pictures and 00 00 08 01 "
            f"for labels. Received: {magic.hex(' ')}"
        )
    shape = struct.unpack(f">{magic[3]}I", stream.read_exactly(4 * magic[3]))
    kind = np.dtype(_TYPES[magic[2]])
    needed = math.prod(shape) * kind.itemsize
    if needed > MOST_BYTES:
        raise TenfoldError(
            f"{stream.source}: its head tells of {needed:,} bytes, more than "
            f"{MOST_BYTES >> 30} GiB, and is refused. Received: {list(shape)}"
        )
    content = stream.read_exactly(needed)
    if stream.head(1):
        raise TenfoldError(
            f"{stream.source}: goes on after the {needed:,} bytes that its head tells of; "
            "download or copy it again"
        )
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def write_idx(folder: Path, name: str, dataset: Dataset) -> None:
    """Write `NAME-images-idx3-ubyte.gz`, and beside it labels and, if not 0-9, class names."""
    _write_array(folder / idx_files(name, dataset)[0], dataset.images)
    if dataset.labels is None:
        return
    kind = np.uint8 if len(dataset.classes) <= 256 else np.int32
    _write_array(folder / f"{name}-labels-idx1-ubyte.gz", dataset.labels.astype(kind))
    if other_classes(dataset.classes):
        with atomic_write(folder / f"{name}-classes.json") as file:
            file.write(json.dumps(dataset.classes, ensure_ascii=False).encode())


def idx_files(name: str, dataset: Dataset) -> list[str]:
    """Name the files that `write_idx` writes, pictures first."""
    files = [f"{name}-images-idx3-ubyte.gz"]
    if dataset.labels is not None:
        files.append(f"{name}-labels-idx1-ubyte.gz")
        files += [f"{name}-classes.json"] * bool(other_classes(dataset.classes))
    return files


def _write_array(path: Path, array: NDArray[Any]) -> None:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, _CODES[array.dtype], array.ndim, *array.shape)
    content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder(">")).tobytes()
    with atomic_write(path) as file, gzip.GzipFile("", "wb", 6, file, 0) as packed:
        packed.write(head + content)


def _read_classes(tree: Tree, name: str) -> tuple[str, ...]:
    with tree.open(name) as stream:
        try:
            names = json.loads(stream.read_all())
        except (ValueError, RecursionError) as error:
            raise TenfoldError(f"{stream.source}: is no JSON list of names ({error})") from error
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise TenfoldError(f"{stream.source}: must be a JSON list of the classes' names")
        return tuple(names)
