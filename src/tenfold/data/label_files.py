"""Labels, and names of classes, in files beside that of the images, as MNIST is distributed."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import Dataset
from tenfold.data.pixels import labels_of, other_classes, to_images
from tenfold.data.tree import Tree
from tenfold.errors import TenfoldError

# How the name of a file of images becomes that of its labels.
_SPELLINGS = (("images", "labels"), ("imgs", "labels"), ("x_", "y_"), ("X_", "y_"))


def dataset_with_labels(
    array: NDArray[Any],
    where: str,
    tree: Tree,
    name: str,
    source: str,
    read_labels: Callable[[BoundedReader], NDArray[Any]],
) -> Dataset:
    """Make a Dataset of an array of images and the labels in the file beside it, if there is one.

    Args:
        array: of images, as `to_images` takes it.
        where: the file of the images, for errors.
        tree: where that file is. Beside `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` is
            looked for, with or without `.gz`, and `train-classes.json`, a list of names; beside
            `x_train.npy`, `y_train.npy`.
        name: the file's name in the tree.
        source: the name of the set.
        read_labels: reads the file of the labels.

    Raises:
        TenfoldError: where the array is one of labels, or the labels do not fit the images.
    """
    if array.ndim == 1:
        raise TenfoldError(
            f"{where}: holds one value an image, as labels are; name the file of the images, such "
            "as train-images-idx3-ubyte or x_train.npy"
        )
    images, notes = to_images(array, where)
    labels_name = label_file(tree, name)
    if labels_name is None:
        notes = (*notes, "no file of labels was found beside the images")
        return Dataset(images, None, source=source, notes=notes)
    with tree.open(labels_name) as stream:
        given = read_labels(stream)
        labels, classes = labels_of(given, len(images), stream.source)
    classes_name = _with_or_without_gz(tree, name.partition("images")[0] + "classes.json")
    if classes_name is not None:
        labels, classes = given.reshape(-1).astype(np.int64), _read_classes(tree, classes_name)
    return Dataset(images, labels, classes, source, notes=(*notes, *other_classes(classes)))


def label_file(tree: Tree, name: str) -> str | None:
    """Return the name of the file of labels that belongs to a file of images, if there is one."""
    folder, slash, last = name.rpartition("/")
    for images, labels in _SPELLINGS:
        if images in last:
            wanted = last.replace(images, labels).replace("idx3", "idx1")
            found = _with_or_without_gz(tree, folder + slash + wanted)
            if found is not None:
                return found
    return None


def _with_or_without_gz(tree: Tree, name: str) -> str | None:
    plain = name.removesuffix(".gz")
    return next((known for known in (name, plain, f"{plain}.gz") if tree.has(known)), None)


def _read_classes(tree: Tree, name: str) -> tuple[str, ...]:
    with tree.open(name) as stream:
        try:
            names = json.loads(stream.read_all())
        except (ValueError, RecursionError) as error:
            raise TenfoldError(f"{stream.source}: is not a JSON list of names ({error})") from error
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise TenfoldError(f"{stream.source}: must be a JSON list of the classes' names")
        return tuple(names)
