from dataclasses import replace

import numpy as np
import pytest

from tenfold.data.audit import audit, leaks
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset, from_arrays


@pytest.fixture(scope="module")
def fair() -> Dataset:
    """Twenty real pictures of each digit."""
    digits = bundled("mnist:test")
    first = [np.flatnonzero(digits.require_labels() == label)[:20] for label in range(10)]
    return digits.subset(np.concatenate(first))


def changed(dataset: Dataset, index: int, picture: np.ndarray) -> Dataset:
    images = dataset.images.copy()
    images[index] = picture
    return replace(dataset, images=images)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_sets_are_sound(name: str) -> None:
    found = audit(bundled(name))
    assert found.problems == ()
    assert len(found.duplicates) == len(found.constant) == 0
    assert (found.lowest, found.highest) == (0, 255)


def test_mnists_two_sets_share_no_picture() -> None:
    assert audit(bundled("mnist:test"), bundled("mnist")).problems == ()


def test_finds_the_24015_pictures_of_kaggles_test_set_that_mnist_trains_on() -> None:
    mnist, test = bundled("mnist"), bundled("kaggle:test")
    found = audit(test, mnist)
    assert len(found.leaks) == 24_015
    assert found.problems == ("24,015 pictures (index 0, 1, 2, ...) also in mnist",)
    shared = {picture.tobytes() for picture in mnist.images}
    assert all(test.images[index].tobytes() in shared for index in found.leaks[:200])


def test_finds_the_6015_pictures_of_mnists_test_set_in_kaggles_training_set() -> None:
    assert len(leaks(bundled("mnist:test"), bundled("kaggle"))) == 6_015


def test_leaks_are_indices_of_the_first_set(fair: Dataset) -> None:
    assert leaks(fair, fair.subset(np.array([150, 3]))).tolist() == [3, 150]


def test_a_fair_set_has_nothing_wrong(fair: Dataset) -> None:
    assert audit(fair).problems == ()


def test_finds_a_picture_of_one_value(fair: Dataset) -> None:
    found = audit(changed(fair, 7, np.full((28, 28), 31)))
    assert found.constant.tolist() == [7]
    assert "1 picture (index 7) of one value only" in found.problems[0]


def test_a_copy_is_worth_a_remark(fair: Dataset) -> None:
    found = audit(changed(fair, 8, fair.images[3]))
    assert found.duplicates.tolist() == [8]
    assert found.problems == ()
    assert "1 picture (index 8) equal to an earlier one" in found.remarks


def test_many_copies_are_a_problem(fair: Dataset) -> None:
    copies = np.arange(200)
    copies[10:15] = 1
    assert "5 pictures (index 10, 11, 12, ...) equal" in audit(fair.subset(copies)).problems[0]


def test_finds_equal_pictures_with_different_labels(fair: Dataset) -> None:
    found = audit(changed(fair, 45, fair.images[3]))
    assert found.contradictions.tolist() == [3, 45]
    assert "another label" in found.problems[0]


def test_finds_a_class_without_pictures(fair: Dataset) -> None:
    found = audit(fair.subset(np.flatnonzero(fair.require_labels() != 4)))
    assert found.problems == ("no picture of 4",)


def test_finds_classes_out_of_balance(fair: Dataset) -> None:
    assert audit(fair.subset(np.arange(10, 200))).problems == ()
    found = audit(fair.subset(np.arange(11, 200)))
    assert found.problems == ("classes are out of balance: 20 pictures of 1, 9 of 0",)


def test_finds_values_that_stop_at_one(fair: Dataset) -> None:
    found = audit(replace(fair, images=(fair.images > 100).astype(np.uint8)))
    assert "the highest value is 1" in found.problems[0]


def test_a_set_without_labels_is_audited_without_classes(fair: Dataset) -> None:
    found = audit(replace(fair, labels=None))
    assert found.problems == ()
    assert found.class_counts is None
    assert "has no labels" in found.remarks[0]


def test_an_empty_set_has_no_pictures_to_blame() -> None:
    found = audit(from_arrays(np.empty((0, 28, 28), np.uint8)))
    assert len(found.duplicates) == len(found.constant) == 0
