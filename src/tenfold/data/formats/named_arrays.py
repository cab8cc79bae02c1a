"""From arrays with names, of a file or of several, to the parts of a set."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import CLASSES, UNKNOWN, ArrayInfo, NamedArrays
from tenfold.data.label_arrays import attach_array
from tenfold.data.names import name_parts
from tenfold.data.pairing import choose_set, labels_for
from tenfold.data.pixels import to_images
from tenfold.data.sizes import side_of
from tenfold.data.tree import name_list
from tenfold.errors import TenfoldError

Role = Literal["images", "labels"]


@dataclass(frozen=True)
class ArrayPart:
    """One part of a set.

    Args:
        images: the names of its arrays of images: one, or one for each class.
        labels: the name of the array of labels, or None.
        classes: the class of each array of images, where there is one for each; else empty.
    """

    images: tuple[str, ...]
    labels: str | None = None
    classes: tuple[int, ...] = ()


def find_parts(arrays: NamedArrays) -> tuple[dict[str, ArrayPart], tuple[str, ...]]:
    """Find the arrays of each part of a set, by their names and shapes.

    `x_train` and `y_train` are the part "train", as are `train_images` and `train_labels`, and
    `train/data` and `train/target`; `x` and `y` are the part "data". `train0` to `train9` are the
    images of ten classes.

    Returns:
        The parts, and a note where arrays are left out.

    Raises:
        TenfoldError: where no array holds images, or several do and none is the one.
    """
    roles = {name: role_of(name, info) for name, info in arrays.infos.items()}
    images = _without_twins(arrays, [name for name, role in roles.items() if role == "images"])
    labels = [name for name, role in roles.items() if role == "labels"]
    if not images:
        titles = [arrays.title(name) for name in roles]
        raise TenfoldError(
            f"{arrays.source}: has no array x, x_train, images or the like; name them x_train, "
            f"y_train, x_test, y_test. Received: {name_list(titles) or 'nothing'}"
        )
    if of_classes := _one_for_each_class(images):
        return of_classes, ()
    named = [name for name in images if name_parts(name).kind == "images"]
    chosen = choose_set(images) or choose_set(named or images)
    crowded = chosen is None or any(len(names) > 1 for names in chosen[0].values())
    if crowded and named and named != images:
        chosen = choose_set(named)
    if chosen is None or (many := next((n for n in chosen[0].values() if len(n) > 1), None)):
        found = images if chosen is None else many or images
        raise TenfoldError(
            f"{arrays.source}: holds several sets, {name_list(found)}; {arrays.hint(found)}"
        )
    parts = {}
    for part, (name,) in chosen[0].items():
        fitting = labels_for(name, labels)
        if not fitting and len(images) == len(labels) == 1:
            fitting = labels
        if len(fitting) > 1:
            raise TenfoldError(
                f"{arrays.source}: several arrays may be the labels of {name}, "
                f"{name_list(fitting)}; keep one of them"
            )
        parts[part] = ArrayPart((name,), fitting[0] if fitting else None)
    left_out = chosen[1]
    return parts, (f"left out: {name_list(left_out)}",) if left_out else ()


def _without_twins(arrays: NamedArrays, names: list[str]) -> list[str]:
    """Leave out what is there twice, as a gzip beside what was unpacked from it."""
    kept: dict[tuple[tuple[str, ...], ArrayInfo], str] = {}
    for name in sorted(names, key=len):
        kept.setdefault((name_parts(name).words, arrays.infos[name]), name)
    return sorted(kept.values())


def role_of(name: str, info: ArrayInfo) -> Role | None:
    """Tell whether an array holds images or labels, by its name, or else by its shape."""
    shape, said = info.shape, name_parts(name)
    if CLASSES in said.key:
        return None
    if info.kind == UNKNOWN:
        return said.kind or "images"  # whose error says what is wrong with it
    if info.kind not in "biufU":
        return None
    if said.kind is not None:
        return said.kind
    if len(shape) < 2 or info.kind == "U":
        return "labels" if len(shape) == 1 else None
    if len(shape) > 2 or any(side_of(size) for size in shape):
        return "images"
    return "labels"


def _one_for_each_class(images: list[str]) -> dict[str, ArrayPart]:
    """Find arrays that are named by a part, if any, and the number of a class."""
    parts: dict[str, dict[int, str]] = {}
    for name in images:
        said = name_parts(name)
        (key,) = said.key if len(said.key) == 1 else ("",)
        if not key.isdecimal() or len(key) > 2:
            return {}
        parts.setdefault(said.part or "data", {})[int(key)] = name
    if any(len(found) < 2 for found in parts.values()):
        return {}
    return {
        part: ArrayPart(tuple(found[key] for key in sorted(found)), None, tuple(sorted(found)))
        for part, found in parts.items()
    }


def read_part(arrays: NamedArrays, part: ArrayPart, source: str) -> Dataset:
    """Read the images, and labels if there are any, of one part.

    Raises:
        TenfoldError: where shapes or counts do not fit, or a value is invalid.
    """
    given = None if part.labels is None else arrays.read(part.labels)
    pieces = [_samples_first(arrays.read(name), given) for name in part.images]
    array = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if part.classes:
        given = np.repeat(part.classes, [len(piece) for piece in pieces])
    elif given is None and array.ndim == 3 and array.shape[2] == 10 and side_of(array.shape[0]):
        # Roweis' `usps_all.mat`: [pixels, images, digits], the digits 1-9 and 0
        given = np.repeat(np.arange(1, 11) % 10, array.shape[1])
        array = array.transpose(2, 1, 0).reshape(-1, array.shape[0])
    images, notes = to_images(array, arrays.where(part.images[0]), any_size=True)
    dataset = Dataset(images, None, source=source, notes=notes)
    if given is None:
        return dataset
    where = arrays.where(part.labels or part.images[0])
    classes = None if part.labels is None else arrays.class_names(part.labels)
    return attach_array(dataset, given, where, classes)


def _samples_first(array: NDArray[Any], labels: NDArray[Any] | None) -> NDArray[Any]:
    """Move the axis of the images to the front, where it is the last, as in MATLAB's files."""
    if array.ndim < 2:
        return array
    first, last = array.shape[0], array.shape[-1]
    if labels is not None and first != last:
        if first in labels.shape and not (last in labels.shape and side_of(first)):
            return array
        if last in labels.shape:
            return np.moveaxis(array, -1, 0)
    rows_are_images = _is_image_shape(array.shape[1:])
    if not rows_are_images and _is_image_shape(array.shape[:-1]):
        return np.moveaxis(array, -1, 0)
    return array


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Return whether the axes but that of the samples are those of one image."""
    if len(shape) == 1:
        return side_of(shape[0]) > 0 or (shape[0] % 3 == 0 and side_of(shape[0] // 3) > 0)
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape[1] == shape[2]
    return shape[0] == shape[1] and shape[2:] in ((), (1,), (3,))
