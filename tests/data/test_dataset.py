import numpy as np
import pytest

from tenfold.data.dataset import Dataset, class_indices, from_arrays, image_hashes
from tenfold.errors import TenfoldError


def test_takes_rows_of_784_pixels(few: Dataset) -> None:
    made = from_arrays(few.images.reshape(-1, 784), few.require_labels())
    assert made.fingerprint == few.fingerprint


def test_refuses_pictures_of_another_shape_or_dtype(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"Received: float64 \[20, 28, 28\]"):
        from_arrays(few.images / 255)
    with pytest.raises(TenfoldError, match=r"Received: uint8 \[20, 28, 27\]"):
        from_arrays(few.images[:, :, 1:])


def test_refuses_labels_of_another_length(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"labels must be int64 \[20\]"):
        from_arrays(few.images, few.require_labels()[1:])


def test_integers_within_nine_give_ten_classes() -> None:
    indices, classes = class_indices(np.array([7, 2, 7], np.uint8))
    assert indices.tolist() == [7, 2, 7]
    assert classes == tuple("0123456789")


def test_other_labels_give_their_sorted_values() -> None:
    indices, classes = class_indices(np.array(["b", "a", "b"]))
    assert indices.tolist() == [1, 0, 1]
    assert classes == ("a", "b")


def test_equal_pictures_have_equal_hashes_and_others_do_not(digits: Dataset) -> None:
    assert len(np.unique(digits.hashes)) == len(digits)
    assert np.array_equal(image_hashes(digits.images[:9].copy()), digits.hashes[:9])


def test_one_changed_pixel_changes_the_hash(few: Dataset) -> None:
    for pixel in range(784):
        changed = few.images[:1].copy()
        changed.reshape(-1)[pixel] ^= 1
        assert image_hashes(changed)[0] != few.hashes[0]


def test_the_fingerprint_knows_pictures_labels_and_order(few: Dataset) -> None:
    order = np.arange(20)[::-1].copy()
    others = [few.subset(order), few.subset(order[1:]), from_arrays(few.images)]
    assert len({few.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert few.subset(order).subset(order).fingerprint == few.fingerprint


def test_a_subset_takes_labels_and_writers_along(few: Dataset) -> None:
    part = few.subset(np.array([4, 2]))
    assert np.array_equal(part.require_labels(), few.require_labels()[[4, 2]])
    assert part.writers is not None
    assert few.writers is not None
    assert np.array_equal(part.writers, few.writers[[4, 2]])
