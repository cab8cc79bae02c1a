"""Give a set labels that are an array, in any of the forms in which they are kept."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.pixels import labels_of, other_classes

_QMNIST_COLUMNS = 8  # class, series, writer, index, code, page, ...
ONE_HOT_NOTE = "the labels are one-hot and were converted to classes"
QMNIST_NOTE = "the labels are QMNIST's: column 0 is the class, column 2 the writer"


def attach_array(
    dataset: Dataset, array: NDArray[Any], where: str, classes: tuple[str, ...] | None = None
) -> Dataset:
    """Return a set with labels.

    Args:
        dataset: the images.
        array: [n], [n, 1] or [1, n] of integers, whole floats, booleans or text; one-hot, [n, k]
            or [k, n], with one 1 an image among 0 or -1; or QMNIST's, integers [n, 8].
        where: the source, and which array of it, for errors.
        classes: the names that the labels are indices into, if a file has them.

    Raises:
        TenfoldError: where the shape or count differs, or a label is missing.
    """
    count = len(dataset)
    writers, notes = dataset.writers, list(dataset.notes)
    if array.shape == (1, count):
        array = array.reshape(-1)
    elif array.shape == (count, _QMNIST_COLUMNS) and array.dtype.kind in "iu":
        writers = array[:, 2].astype(np.int64)
        array = array[:, 0]
        notes.append(QMNIST_NOTE)
    elif (found := _from_one_hot(array, count)) is not None:
        array = found
        notes.append(ONE_HOT_NOTE)
    labels, names = labels_of(array, count, where)
    if classes is not None and array.dtype.kind in "iu":
        labels, names = array.reshape(-1).astype(np.int64), classes
    return replace(
        dataset,
        labels=labels,
        classes=names,
        writers=writers,
        notes=(*notes, *other_classes(names)),
    )


def _from_one_hot(array: NDArray[Any], count: int) -> NDArray[np.int64] | None:
    """Return the classes of one-hot labels, int64 [n]; None where they are none."""
    if array.ndim != 2 or array.dtype.kind not in "biuf" or min(array.shape) < 2:
        return None
    if array.shape[0] != count:
        array = array.T
    if array.shape[0] != count:
        return None
    ones = array == 1
    off = array[~ones]
    if (ones.sum(axis=1) != 1).any() or not ((off == 0).all() or (off == -1).all()):
        return None
    return np.asarray(ones.argmax(axis=1), np.int64)
