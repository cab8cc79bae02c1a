"""The Dataset: images, labels, class names, and where they come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError

SIDE = 28
PIXELS = SIDE * SIDE

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A set of 28x28 greyscale images, with or without labels.

    Args:
        images: uint8 [n, 28, 28], ink 255 on a background of 0.
        labels: int64 [n], indices into `classes`, or None where they are unknown.
        classes: the name of each class, in the order of the labels.
        source: where the images come from, as the user named it.
        writers: int64 [n], who wrote each image, where that is known.
        notes: what was detected or converted on reading, one sentence each.
        test_source: the source of the test set that came with it, if one did.
        ids: text [n], what each image is called where it comes from, such as its file's name, if
            it has an id there.
        id_name: of the ids, as the column's that they are from.
        skipped: the images that could not be read and were left out, a line each.

    Raises:
        TenfoldError: where shapes, dtypes or labels do not fit together.
    """

    images: Images
    labels: Labels | None
    classes: tuple[str, ...] = tuple("0123456789")
    source: str = "memory"
    writers: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    test_source: str | None = None
    ids: NDArray[np.str_] | None = None
    id_name: str = "id"
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or shape[1:] != (SIDE, SIDE):
            raise TenfoldError(
                f"{self.source}: images must be uint8 [n, {SIDE}, {SIDE}]. "
                f"Received: {dtype} {list(shape)}"
            )
        for name, column in (("labels", self.labels), ("writers", self.writers)):
            if column is not None and (column.dtype != np.int64 or column.shape != shape[:1]):
                raise TenfoldError(
                    f"{self.source}: {name} must be int64 [{shape[0]}]. "
                    f"Received: {column.dtype} {list(column.shape)}"
                )
        if self.ids is not None and self.ids.shape != shape[:1]:
            raise TenfoldError(
                f"{self.source}: ids must be [{shape[0]}]. Received: {list(self.ids.shape)}"
            )
        if self.labels is not None and len(self.labels):
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= len(self.classes):
                raise TenfoldError(
                    f"{self.source}: labels must be indices 0-{len(self.classes) - 1} into the "
                    f"{len(self.classes)} classes. Received: {low}-{high}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labels = f"{len(self.classes)} classes" if self.labels is not None else "no labels"
        return f"Dataset({len(self):,} images, {labels}, source={self.source!r})"

    def require_labels(self) -> Labels:
        """Return the labels, int64 [n]. Raises TenfoldError where the set has none."""
        if self.labels is None:
            raise TenfoldError(
                f"{self.source}: has no labels, and they are needed here; "
                "give a set with a label column"
            )
        return self.labels

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of images, labels and class names, as 64 hexadecimal digits."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update("\0".join(self.classes).encode())
        return digest.hexdigest()

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each image's pixels, uint64 [n]; equal images have equal hashes."""
        return image_hashes(self.images)

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """How many images each class has, int64 [classes]."""
        return np.bincount(self.require_labels(), minlength=len(self.classes)).astype(np.int64)

    def subset(self, indices: NDArray[np.int64]) -> Self:
        """Return the images at `indices`, int64 [m], in that order; all in order are the set."""
        if len(indices) == len(self) and (indices == np.arange(len(self))).all():
            return self
        return replace(
            self,
            images=self.images[indices],
            labels=None if self.labels is None else self.labels[indices],
            writers=None if self.writers is None else self.writers[indices],
            ids=None if self.ids is None else self.ids[indices],
        )

    def remap_classes(self, classes: tuple[str, ...]) -> Self:
        """Return the set with its labels numbered by other `classes`, which must include its own.

        Raises:
            TenfoldError: where this set has a class that is not among them.
        """
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise TenfoldError(
                f"{self.source}: has the unknown class {unknown[0]!r}; the known classes are "
                f"{', '.join(classes)}"
            )
        indices = np.array([classes.index(name) for name in self.classes], np.int64)
        labels = None if self.labels is None else indices[self.labels]
        return replace(self, labels=labels, classes=classes)

    def _repr_html_(self) -> str:
        from tenfold.data.display import dataset_html

        return dataset_html(self)


def image_hashes(images: Images) -> NDArray[np.uint64]:
    """Hash each image to 64 bits.

    Each 8-byte word of an image is multiplied by an odd constant of its own and folded, so that
    words that are swapped or shifted change the sum; 70,000 images take 0.1 s.

    Args:
        images: uint8 [n, 28, 28].

    Returns:
        uint64 [n].
    """
    words = np.ascontiguousarray(images).reshape(len(images), PIXELS).view("<u8")
    factors = np.random.Generator(np.random.PCG64(20)).integers(
        2**63, dtype=np.uint64, size=words.shape[1]
    ) * np.uint64(2) + np.uint64(1)
    total = np.zeros(len(images), np.uint64)
    for column, factor in zip(words.T, factors, strict=True):
        product = (column ^ factor) * factor
        total += (product ^ (product >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
    return total ^ (total >> np.uint64(32))


def from_arrays(
    images: NDArray[Any], labels: Sequence[Any] | NDArray[Any] | None = None, source: str = "memory"
) -> Dataset:
    """Make a Dataset from arrays.

    Args:
        images: uint8 [n, 28, 28] or [n, 784].
        labels: n labels; whole numbers within 0-9 give ten classes, anything else gives the
            sorted unique labels.
        source: the name used in errors.

    Raises:
        TenfoldError: where the shapes or dtypes do not fit.
    """
    images = np.asarray(images)
    if images.ndim == 2 and images.shape[1] == PIXELS:
        images = images.reshape(-1, SIDE, SIDE)
    if labels is None:
        return Dataset(images, None, source=source)
    indices, classes = class_indices(np.asarray(labels))
    return Dataset(images, indices, classes, source)


def class_indices(labels: NDArray[Any]) -> tuple[Labels, tuple[str, ...]]:
    """Convert any labels [n] to indices int64 [n] and the names of their classes."""
    whole = np.issubdtype(labels.dtype, np.integer)
    if whole and (len(labels) == 0 or (labels.min() >= 0 and labels.max() <= 9)):
        return labels.astype(np.int64), tuple("0123456789")
    names, indices = np.unique(labels, return_inverse=True)
    return indices.astype(np.int64), tuple(str(name) for name in names)
