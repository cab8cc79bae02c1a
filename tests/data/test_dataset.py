from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tenfold.data.dataset import (
    Dataset,
    class_indices,
    concatenate,
    from_arrays,
    image_hashes,
)
from tenfold.errors import TenfoldError


def test_accepts_rows_of_784_pixels(small_set: Dataset) -> None:
    made = from_arrays(small_set.images.reshape(-1, 784), small_set.require_labels())
    assert made.fingerprint == small_set.fingerprint


def test_rejects_images_of_another_shape_or_dtype(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"Received: complex128"):
        from_arrays(small_set.images * 1j)
    with pytest.raises(TenfoldError, match=r"Received: \[20, 28, 27\]"):
        from_arrays(small_set.images[:, :, 1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.int64),
        lambda x: x / 255,
        lambda x: 255 - x,
        lambda x: x[:, None],
        lambda x: x[..., None].astype(np.float32),
        lambda x: np.repeat(x[:, None], 3, axis=1),
    ],
)
def test_arrays_of_any_scale_and_shape_give_the_same_set(
    small_set: Dataset, change: Callable[[Any], Any]
) -> None:
    made = from_arrays(change(small_set.images), small_set.labels)
    assert made.fingerprint == small_set.fingerprint


@pytest.mark.parametrize(
    "given",
    [
        lambda y: y.astype(float),
        lambda y: [f"{label}.0" for label in y],
        lambda y: [str(label).encode() for label in y],
        lambda y: [float(label) if label % 2 else int(label) for label in y],
        lambda y: np.array([int(label) if label % 2 else f" {label} " for label in y], object),
    ],
)
def test_whole_numbers_are_the_same_classes_however_they_are_written(
    small_set: Dataset, given: Callable[[Any], Any]
) -> None:
    made = from_arrays(small_set.images, given(small_set.require_labels()))
    assert made.fingerprint == small_set.fingerprint


@pytest.mark.parametrize("missing", [None, np.nan, "", "nan", pd.NA])
def test_a_missing_label_is_named(small_set: Dataset, missing: object) -> None:
    labels = [*range(6), missing, *range(13)]
    with pytest.raises(TenfoldError, match="the label of image 6 is missing"):
        from_arrays(small_set.images, np.array(labels, object))


def test_a_fraction_is_no_label(small_set: Dataset) -> None:
    for labels in (np.arange(20) / 2, [str(label / 2) for label in range(20)]):
        with pytest.raises(TenfoldError, match="the label of image 1 must be an integer"):
            from_arrays(small_set.images, labels)


def test_only_classes_that_occur_must_be_known(small_set: Dataset) -> None:
    few = from_arrays(small_set.images, small_set.require_labels() % 3 + 1)
    assert len(few.classes) == 10  # whole numbers within 0-9
    known = tuple(str(number) for number in range(1, 27))
    mapped = few.remap_classes(known)
    assert np.array_equal(mapped.require_labels(), few.require_labels() - 1)
    assert mapped.classes == known
    with pytest.raises(TenfoldError, match=r"of the unknown class '3', the first of them image \d"):
        few.remap_classes(("1", "2"))
    assert from_arrays(small_set.images).remap_classes(("a", "b")).classes == ("a", "b")


def test_rejects_labels_of_another_length(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match="Received: 19 labels, 20 images"):
        from_arrays(small_set.images, small_set.require_labels()[1:])


def test_integers_within_nine_give_ten_classes() -> None:
    indices, classes = class_indices(np.array([7, 2, 7], np.uint8))
    assert indices.tolist() == [7, 2, 7]
    assert classes == tuple("0123456789")


def test_other_labels_give_their_sorted_values() -> None:
    indices, classes = class_indices(np.array(["b", "a", "b"]))
    assert indices.tolist() == [1, 0, 1]
    assert classes == ("a", "b")


def test_equal_images_have_equal_hashes_and_others_do_not(train_set: Dataset) -> None:
    assert len(np.unique(train_set.hashes)) == len(train_set)
    assert np.array_equal(image_hashes(train_set.images[:9].copy()), train_set.hashes[:9])


def test_one_changed_pixel_changes_the_hash(small_set: Dataset) -> None:
    for pixel in range(784):
        changed = small_set.images[:1].copy()
        changed.reshape(-1)[pixel] ^= 1
        assert image_hashes(changed)[0] != small_set.hashes[0]


def test_the_fingerprint_depends_on_images_labels_and_order(small_set: Dataset) -> None:
    order = np.arange(20)[::-1].copy()
    others = [small_set.subset(order), small_set.subset(order[1:]), from_arrays(small_set.images)]
    assert len({small_set.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert small_set.subset(order).subset(order).fingerprint == small_set.fingerprint


def test_a_subset_has_its_labels_and_writers(small_set: Dataset) -> None:
    part = small_set.subset(np.array([4, 2]))
    assert np.array_equal(part.require_labels(), small_set.require_labels()[[4, 2]])
    assert part.writers is not None
    assert small_set.writers is not None
    assert np.array_equal(part.writers, small_set.writers[[4, 2]])


def test_joined_sets_keep_labels_and_tell_their_writers_apart(small_set: Dataset) -> None:
    unknown = replace(small_set.subset(np.arange(3)), writers=None, negatives=small_set.images[:2])
    whole = concatenate([small_set, small_set, unknown], "all")
    assert len(whole) == 43
    assert np.array_equal(whole.require_labels()[20:40], small_set.require_labels())
    assert whole.writers is not None
    assert small_set.writers is not None
    first, second, own = np.split(whole.writers, [20, 40])
    assert len({*first.tolist()} | {*second.tolist()}) == 2 * len(np.unique(small_set.writers))
    assert np.array_equal(first[:, None] == first, small_set.writers[:, None] == small_set.writers)
    assert len({*own.tolist()} - {*first.tolist()} - {*second.tolist()}) == 3
    assert whole.negatives is not None
    assert np.array_equal(whole.negatives, small_set.images[:2])
    alike = concatenate([small_set, small_set], "twice", same_writers=True)
    assert alike.writers is not None
    assert np.array_equal(alike.writers[:20], alike.writers[20:])


def test_sets_of_other_classes_are_not_joined(small_set: Dataset) -> None:
    letters = from_arrays(small_set.images, np.array(["a", "b"] * 10), "letters.csv")
    with pytest.raises(TenfoldError, match=r"both: .*same classes.*a, b in letters\.csv"):
        concatenate([small_set, letters], "both")


def test_a_subset_keeps_the_negatives_and_the_fingerprint_has_them(small_set: Dataset) -> None:
    taught = replace(small_set, negatives=small_set.images[:4])
    assert taught.subset(np.arange(2)).negatives is taught.negatives
    assert taught.fingerprint != small_set.fingerprint
    with pytest.raises(TenfoldError, match=r"negatives must be uint8 .*Received: float64"):
        replace(small_set, negatives=small_set.images / 255)  # type: ignore[arg-type]  # wrong on purpose
