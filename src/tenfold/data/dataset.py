"""The Dataset: images, labels, class names, and where they come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tenfold.data.escape import check_names
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
        negatives: uint8 [m, 28, 28], images that show none of the classes, to learn to reject, or
            None; every subset keeps them all.
        ids: text [n], what each image is called where it comes from, such as its file's name, if
            it has an id there.
        id_name: of the ids, as the column's that they are from.
        skipped: the images that could not be read and were left out, a line each.
        weights: float64 [n], what each image counts for in the training loss, at least 0; None
            where all count the same.

    Raises:
        TenfoldError: where shapes, dtypes or labels do not fit together, or a class name is too
            long or cannot be shown.
    """

    images: Images
    labels: Labels | None
    classes: tuple[str, ...] = tuple("0123456789")
    source: str = "memory"
    writers: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    test_source: str | None = None
    negatives: Images | None = None
    ids: NDArray[np.str_] | None = None
    id_name: str = "id"
    skipped: tuple[str, ...] = ()
    weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_names(self.classes, self.source)
        for name, images in (("images", self.images), ("negatives", self.negatives)):
            if images is not None and (
                images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE)
            ):
                raise TenfoldError(
                    f"{self.source}: {name} must be uint8 [n, {SIDE}, {SIDE}]. "
                    f"Received: {images.dtype} {list(images.shape)}"
                )
        shape = self.images.shape
        for name, column in (("labels", self.labels), ("writers", self.writers)):
            if column is not None and (column.dtype != np.int64 or column.shape != shape[:1]):
                raise TenfoldError(
                    f"{self.source}: {name} must be int64 [{shape[0]}]. "
                    f"Received: {column.dtype} {list(column.shape)}"
                )
        weights = self.weights
        if weights is not None and (
            weights.shape != shape[:1] or not (np.isfinite(weights) & (weights >= 0)).all()
        ):
            raise TenfoldError(
                f"{self.source}: weights must be [{shape[0]}], finite numbers of at least 0. "
                f"Received: {list(weights.shape)}, {weights.min(initial=0)} to "
                f"{weights.max(initial=0)}"
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
        """The sha256 of images, labels, class names, negatives and weights, in hexadecimal."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels).data)
        digest.update("\0".join(self.classes).encode())
        if self.negatives is not None:
            digest.update(np.ascontiguousarray(self.negatives).data)
        if self.weights is not None:
            digest.update(np.ascontiguousarray(self.weights).data)
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
            weights=None if self.weights is None else self.weights[indices],
        )

    def remap_classes(self, classes: tuple[str, ...]) -> Self:
        """Return the set with its labels numbered by other `classes`.

        They must include every class that occurs among the labels; one without images may lack.

        Raises:
            TenfoldError: where a label is of a class that is not among them.
        """
        if self.labels is None or classes == self.classes:
            return replace(self, classes=classes)
        place = {name: index for index, name in enumerate(classes)}
        indices = np.array([place.get(name, -1) for name in self.classes], np.int64)
        labels = indices[self.labels]
        if (labels < 0).any():
            at = int((labels < 0).argmax())
            name = self.classes[self.labels[at]]
            count = int(self.class_counts[self.labels[at]])
            shown = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
            raise TenfoldError(
                f"{self.source}: {count:,} image{'s are' if count > 1 else ' is'} of the unknown "
                f"class {name!r}, the first of them image {at}; the known classes are {shown}"
            )
        return replace(self, labels=labels, classes=classes)

    def _repr_html_(self) -> str:
        from tenfold.data.display import dataset_html

        return dataset_html(self)


# What images are read from: a name or path, a Dataset, or what `data.objects.from_object` takes.
AnySource = str | Path | Dataset | Any


def concatenate(datasets: Sequence[Dataset], source: str, *, same_writers: bool = False) -> Dataset:
    """Join sets of the same classes, one after another.

    Args:
        datasets: at least one; all of them with labels, or none.
        source: the name of the whole.
        same_writers: the sets number their writers alike. By default nobody wrote in two sets;
            where the writers of some sets are unknown, each of their images counts as its own
            writer's.

    Returns:
        The set, with the negatives of all; with ids where every set has them.

    Raises:
        TenfoldError: where only some have labels, or a set has other classes than the first.
    """
    first = datasets[0]
    for dataset in datasets:
        if dataset.classes != first.classes:
            raise TenfoldError(
                f"{source}: sets that are joined must have the same classes. Received: "
                f"{', '.join(first.classes)} in {first.source} and {', '.join(dataset.classes)} in "
                f"{dataset.source}"
            )
    labelled = any(dataset.labels is not None for dataset in datasets)
    negatives = [dataset.negatives for dataset in datasets if dataset.negatives is not None]
    ids = [dataset.ids for dataset in datasets if dataset.ids is not None]
    return Dataset(
        np.concatenate([dataset.images for dataset in datasets]),
        np.concatenate([one.require_labels() for one in datasets]) if labelled else None,
        first.classes,
        source,
        _joined_writers(datasets, same_writers),
        tuple(dict.fromkeys(note for dataset in datasets for note in dataset.notes)),
        negatives=np.concatenate(negatives) if negatives else None,
        ids=np.concatenate(ids) if len(ids) == len(datasets) else None,
        id_name=first.id_name,
        skipped=tuple(line for dataset in datasets for line in dataset.skipped),
        weights=_joined_weights(datasets),
    )


def _joined_weights(datasets: Sequence[Dataset]) -> NDArray[np.float64] | None:
    if all(dataset.weights is None for dataset in datasets):
        return None
    return np.concatenate(
        [np.ones(len(one)) if one.weights is None else one.weights for one in datasets]
    )


def _joined_writers(datasets: Sequence[Dataset], same: bool) -> NDArray[np.int64] | None:
    if all(dataset.writers is None for dataset in datasets):
        return None
    writers, count = [], 0
    for dataset in datasets:
        own = np.arange(len(dataset)) if dataset.writers is None else dataset.writers
        if not same:
            own = np.unique(own, return_inverse=True)[1] + count
            count += len(np.unique(own))
        writers.append(own.astype(np.int64))
    return np.concatenate(writers)


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
        images: [n, 28, 28], [n, 784], [n, 1 or 3, 28, 28] or [n, 28, 28, 1 or 3], of any dtype and
            scale: it is found from all of them, as is their polarity, and noted.
        labels: n labels, or one-hot ones [n, k]; whole numbers within 0-9 give ten classes,
            anything else gives the sorted unique labels.
        source: the name used in errors.

    Raises:
        TenfoldError: where the shapes or dtypes do not fit, a pixel is out of range, or a label is
            missing.
    """
    from tenfold.data.label_arrays import attach_array
    from tenfold.data.pixels import to_images
    from tenfold.data.polarity import normalised

    images = np.asarray(images)
    notes: tuple[str, ...] = ()
    if len(images):
        images, notes = to_images(images, source)
        found = normalised(images)
        images, notes = found.images, (*notes, *found.notes)
    dataset = Dataset(images, None, source=source, notes=notes)
    return dataset if labels is None else attach_array(dataset, np.asarray(labels), source)


def class_indices(labels: NDArray[Any]) -> tuple[Labels, tuple[str, ...]]:
    """Convert any labels [n] to indices int64 [n] and the names of their classes."""
    whole = np.issubdtype(labels.dtype, np.integer)
    if whole and (len(labels) == 0 or (labels.min() >= 0 and labels.max() <= 9)):
        return labels.astype(np.int64), tuple("0123456789")
    names, indices = np.unique(labels, return_inverse=True)
    return indices.astype(np.int64), tuple(str(name) for name in names)
