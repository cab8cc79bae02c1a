"""Read and write NumPy's `.npz`: a zip of arrays, paired by their names."""

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import ZIP_MAGICS, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import Format, PartFiles, Writer
from tenfold.data.formats.npy import read_npy_array
from tenfold.data.pixels import labels_of, other_classes, to_images
from tenfold.data.tree import Tree, name_list
from tenfold.errors import TenfoldError

_IMAGE_KEYS = {"", "x", "image", "images", "imgs", "data", "pixels", "arr0"}
_LABEL_KEYS = {"y", "label", "labels", "target", "targets"}
_PARTS = ("train", "test", "val")
_CLASSES = "classes"
_FILE_NAME = "data.npz"


def _is_npz(names: list[str]) -> bool:
    """Return whether the files of a tree are arrays, each `KEY.npy`."""
    return bool(names) and all(name.endswith(".npy") and "/" not in name for name in names)


def _array_pairs(tree: Tree, names: list[str]) -> dict[str, list[str]]:
    """Pair the arrays of an npz: for each part, the member with images and that with labels.

    `x_train` and `y_train` are the part "train", as are `train_images` and `train_labels`; `x` and
    `y` are the part "data".

    Raises:
        TenfoldError: where no array of images has a known name.
    """
    if not _is_npz(names):  # zips in a folder or a zip
        with tree.open(names[0]) as stream:
            _reject_nested(stream, tree.source)
    images: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in names:
        key = name.removesuffix(".npy").lower()
        part = next((part for part in _PARTS if part in key), "data")
        kind = key.replace(part, "", 1).replace("_", "") if part != "data" else key.replace("_", "")
        if kind in _IMAGE_KEYS or (part == "data" and kind == "data"):
            images.setdefault(part, name)
        elif kind in _LABEL_KEYS:
            labels.setdefault(part, name)
    if not images:
        keys = name_list([name.removesuffix(".npy") for name in names])
        raise TenfoldError(
            f"{tree.source}: has no array x, x_train, images or the like; name them x_train, "
            f"y_train, x_test, y_test. Received: {keys}"
        )
    return {
        part: [name, labels[part]] if part in labels else [name] for part, name in images.items()
    }


def _read_npz(files: PartFiles) -> Dataset:
    """Read one part of an npz: its images and, where there are any, labels and class names.

    Raises:
        TenfoldError: where an array holds objects, is truncated, or shapes or counts differ.
    """
    tree, source = files.tree, files.source
    with tree.open(files.names[0]) as stream:
        images, notes = to_images(read_npy_array(stream), stream.source)
    if len(files.names) == 1:
        return Dataset(images, None, source=source, notes=notes)
    with tree.open(files.names[1]) as stream:
        array = read_npy_array(stream)
        labels, classes = labels_of(array, len(images), stream.source)
    classes_name = f"{_CLASSES}{_suffix(files.part)}.npy"
    if classes_name in tree.names:
        with tree.open(classes_name) as stream:
            names = read_npy_array(stream)
            if names.dtype.kind != "U" or names.ndim != 1:
                raise TenfoldError(
                    f"{stream.source}: must be the names of the classes, text [classes]. "
                    f"Received: {names.dtype} {list(names.shape)}"
                )
        if array.dtype.kind in "iu":
            labels, classes = array.reshape(-1).astype(np.int64), tuple(names.tolist())
    return Dataset(images, labels, classes, source, notes=(*notes, *other_classes(classes)))


def _reject_nested(stream: BoundedReader, source: str) -> NoReturn:
    raise TenfoldError(
        f"{stream.source}: is a zip or npz; name it as the source itself, extracted where it is in "
        "a zip"
    )


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
                arrays[f"{_CLASSES}{suffix}"] = np.array(dataset.classes, np.str_)
    with atomic_write(folder / _FILE_NAME) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _suffix(part: str) -> str:
    return "" if part == "data" else f"_{part}"


FORMAT = Format(
    name="npz",
    title="npz",
    recognises=lambda head: head.startswith(ZIP_MAGICS),  # within a folder or a zip
    read=_reject_nested,
    read_files=_read_npz,
    is_whole_tree=_is_npz,
    parts=_array_pairs,
    writer=Writer(lambda sets: [_FILE_NAME], _write_npz),
)
