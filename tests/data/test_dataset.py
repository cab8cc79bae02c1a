import numpy as np
import pytest

from tenfold.data.dataset import Dataset, class_indices, from_arrays, image_hashes
from tenfold.errors import TenfoldError


def test_accepts_rows_of_784_pixels(small_set: Dataset) -> None:
    made = from_arrays(small_set.images.reshape(-1, 784), small_set.require_labels())
    assert made.fingerprint == small_set.fingerprint


def test_rejects_images_of_another_shape_or_dtype(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"Received: float64 \[20, 28, 28\]"):
        from_arrays(small_set.images / 255)
    with pytest.raises(TenfoldError, match=r"Received: uint8 \[20, 28, 27\]"):
        from_arrays(small_set.images[:, :, 1:])


def test_rejects_labels_of_another_length(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"labels must be int64 \[20\]"):
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
