"""Images of none of the classes: in a source they have a label of their own, `not a digit`."""

from dataclasses import replace

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.pixels import named_labels, other_classes
from tenfold.errors import TenfoldError

NOT_A_DIGIT = "not a digit"


def split_negatives(dataset: Dataset) -> Dataset:
    """Return a set whose images of the class `not a digit` are its negatives.

    Raises:
        TenfoldError: where no image is of another class.
    """
    if dataset.labels is None or NOT_A_DIGIT not in dataset.classes:
        return dataset
    is_negative = dataset.labels == dataset.classes.index(NOT_A_DIGIT)
    if is_negative.all():
        raise TenfoldError(
            f"{dataset.source}: every image is labelled {NOT_A_DIGIT!r}, so that there is nothing "
            "to learn from or to score; add images of the classes"
        )
    kept = dataset.subset(np.flatnonzero(~is_negative))
    classes = tuple(name for name in dataset.classes if name != NOT_A_DIGIT)
    ordered = named_labels(list(classes))[1]
    if set(classes) <= set(ordered):  # as they would be without the negatives: 4 and 7 are digits
        classes = ordered
    notes = tuple(note for note in dataset.notes if note not in other_classes(dataset.classes))
    return replace(
        kept.remap_classes((*classes, NOT_A_DIGIT)),
        classes=classes,
        negatives=dataset.images[is_negative],
        notes=(*notes, *other_classes(classes), negatives_note(int(is_negative.sum()))),
    )


def labelled_negatives(dataset: Dataset) -> Dataset:
    """Return a set with its negatives among the images, last, as `split_negatives` takes it."""
    if dataset.negatives is None or not len(dataset.negatives):
        return dataset
    labels = np.full(len(dataset.negatives), len(dataset.classes), np.int64)
    return Dataset(
        np.concatenate([dataset.images, dataset.negatives]),
        np.concatenate([dataset.require_labels(), labels]),
        (*dataset.classes, NOT_A_DIGIT),
        dataset.source,
    )


def negatives_note(count: int) -> str:
    """Say how many negatives a set has, and what becomes of them."""
    images = "1 image is" if count == 1 else f"{count:,} images are"
    return (
        f"{images} {NOT_A_DIGIT!r}: recipes with [negatives] learn to reject such, no score "
        "counts them"
    )
