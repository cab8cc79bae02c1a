"""Read and write NumPy's `.npz` and `.npy`; nothing is ever unpickled."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tenfold.data.archives import MOST_BYTES, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.pixels import labels_of, other_classes, to_images
from tenfold.data.tree import Tree, listed
from tenfold.errors import TenfoldError

NPY = b"\x93NUMPY"

_PICTURES = {"", "x", "image", "images", "imgs", "data", "pixels", "arr0"}
_LABELS = {"y", "label", "labels", "target", "targets"}
_PARTS = ("train", "test", "val")
_CLASSES = "classes"


def is_npz(names: list[str]) -> bool:
    """Say whether the members of a zip are arrays, each `KEY.npy`."""
    return bool(names) and all(name.endswith(".npy") and "/" not in name for name in names)


def parts_of(names: list[str]) -> dict[str, tuple[str, str | None]]:
    """Pair the arrays of an npz: for each part, the member with pictures and that with labels.

    `x_train` and `y_train` are the part "train", as are `train_images` and `train_labels`; `x` and
    `y` are the part "data".
    """
    pictures: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in names:
        key = name.removesuffix(".npy").lower()
        part = next((part for part in _PARTS if part in key), "data")
        what = key.replace(part, "", 1).replace("_", "") if part != "data" else key.replace("_", "")
        if what in _PICTURES or (part == "data" and what == "data"):
            pictures.setdefault(part, name)
        elif what in _LABELS:
            labels.setdefault(part, name)
    return {part: (name, labels.get(part)) for part, name in pictures.items()}


def read_npz(tree: Tree, part: str, pictures: str, labels: str | None, source: str) -> Dataset:
    """Read one part of an npz.

    Args:
        tree: the npz.
        part: the part's name, which that of its classes ends in.
        pictures: the member with the pictures.
        labels: the member with their labels, or None.
        source: the name of the set.

    Raises:
        TenfoldError: where an array holds objects, is cut short, or shapes or counts differ.
    """
    with tree.open(pictures) as stream:
        images, notes = to_images(read_npy_array(stream), stream.source)
    if labels is None:
        return Dataset(images, None, source=source, notes=notes)
    with tree.open(labels) as stream:
        array = read_npy_array(stream)
        indices, classes = labels_of(array, len(images), stream.source)
    named = f"{_CLASSES}{_suffix(part)}.npy"
    if named in tree.names:
        with tree.open(named) as stream:
            names = read_npy_array(stream)
            if names.dtype.kind != "U" or names.ndim != 1:
                raise TenfoldError(
                    f"{stream.source}: must be the names of the classes, text [classes]. "
                    f"Received: {names.dtype} {list(names.shape)}"
                )
        if array.dtype.kind in "iu":
            indices, classes = array.reshape(-1).astype(np.int64), tuple(names.tolist())
    return Dataset(images, indices, classes, source, notes=(*notes, *other_classes(classes)))


def no_pictures(tree: Tree) -> TenfoldError:
    """Tell that an npz has no array of pictures by any name that is known."""
    return TenfoldError(
        f"{tree.source}: has no array x, x_train, images or the like; name them x_train, y_train, "
        f"x_test, y_test. Received: {listed([name.removesuffix('.npy') for name in tree.names])}"
    )


def read_npy_array(stream: BoundedReader) -> NDArray[Any]:
    """Read one array.

    Raises:
        TenfoldError: where it is no `.npy`, holds objects, or has not the bytes its head tells of.
    """
    try:
        # NumPy bounds the head's length, and evaluates literals alone.
        version = npy.read_magic(stream)
        read_head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, kind = read_head(stream)
    except TenfoldError:
        raise
    except Exception as error:  # a mutated head fails in many ways, tokenizing among them
        why = " ".join(str(error).split())[:100]
        raise TenfoldError(f"{stream.source}: is no NumPy array ({why})") from error
    if kind.hasobject:
        raise TenfoldError(
            f"{stream.source}: holds Python objects, which are never unpickled; save plain numbers "
            "or text"
        )
    if kind.fields is not None or kind.subdtype is not None:
        raise TenfoldError(f"{stream.source}: must hold plain numbers or text. Received: {kind}")
    needed = math.prod(shape) * kind.itemsize
    if needed > MOST_BYTES or min(shape, default=0) < 0:
        raise TenfoldError(
            f"{stream.source}: its head tells of {needed:,} bytes, more than "
            f"{MOST_BYTES >> 30} GiB, and is refused. Received: {list(shape)}"
        )
    content = stream.read_exactly(needed)
    if kind.itemsize == 0:
        raise TenfoldError(f"{stream.source}: holds text without letters. Received: {kind}")
    array = np.frombuffer(content, kind)
    return array.reshape(shape, order="F" if by_columns else "C")


def write_npz(path: Path, tables: dict[str, Dataset]) -> None:
    """Write `x_train`, `y_train`, `x_test`, `y_test` for parts "train" and "test", `x`, `y` else.

    Where the classes are not 0-9, `classes_train` and so on have their names, which the labels are
    indices into.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, dataset in tables.items():
        suffix = _suffix(name)
        arrays[f"x{suffix}"] = dataset.images
        if dataset.labels is not None:
            arrays[f"y{suffix}"] = dataset.labels
            if other_classes(dataset.classes):
                arrays[f"{_CLASSES}{suffix}"] = np.array(dataset.classes, np.str_)
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _suffix(part: str) -> str:
    return "" if part == "data" else f"_{part}"
