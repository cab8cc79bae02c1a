import re
from dataclasses import replace

import numpy as np
import pytest

from tenfold.data.audit import audit, leaks
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset, from_arrays


@pytest.fixture(scope="module")
def fair() -> Dataset:
    """Twenty real images of each digit."""
    dataset = bundled("mnist:test")
    first = [np.flatnonzero(dataset.require_labels() == label)[:20] for label in range(10)]
    return dataset.subset(np.concatenate(first))


def changed(dataset: Dataset, index: int, image: np.ndarray) -> Dataset:
    images = dataset.images.copy()
    images[index] = image
    return replace(dataset, images=images)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_sets_are_sound(name: str) -> None:
    found = audit(bundled(name))
    assert found.problems == ()
    assert len(found.duplicates) == len(found.constant) == 0
    assert (found.lowest, found.highest) == (0, 255)


def test_mnists_two_sets_share_no_image() -> None:
    assert audit(bundled("mnist:test"), bundled("mnist")).problems == ()


def test_finds_the_24015_images_of_kaggles_test_set_in_mnists_training_set() -> None:
    mnist, test = bundled("mnist"), bundled("kaggle:test")
    found = audit(test, mnist)
    assert len(found.leaks) == 24_015
    (problem,) = found.problems
    assert re.match(r"24,015 .* 0, 1, 2, .* mnist$", problem)
    shared = {image.tobytes() for image in mnist.images}
    assert all(test.images[index].tobytes() in shared for index in found.leaks[:200])


def test_finds_the_6015_images_of_mnists_test_set_in_kaggles_training_set() -> None:
    assert len(leaks(bundled("mnist:test"), bundled("kaggle"))) == 6_015


def test_leaks_are_indices_of_the_first_set(fair: Dataset) -> None:
    assert leaks(fair, fair.subset(np.array([150, 3]))).tolist() == [3, 150]


def test_a_fair_set_has_nothing_wrong(fair: Dataset) -> None:
    assert audit(fair).problems == ()


def test_finds_an_image_of_one_value(fair: Dataset) -> None:
    found = audit(changed(fair, 7, np.full((28, 28), 31)))
    assert found.constant.tolist() == [7]
    assert len(found.problems) == 1
    assert "index 7)" in found.problems[0]


def test_a_duplicate_is_noted(fair: Dataset) -> None:
    found = audit(changed(fair, 8, fair.images[3]))
    assert found.duplicates.tolist() == [8]
    assert found.problems == ()
    assert "index 8)" in found.notes[0]


def test_many_duplicates_are_a_problem(fair: Dataset) -> None:
    copies = np.arange(200)
    copies[10:15] = 1
    assert "5 images (index 10, 11, 12, ...)" in audit(fair.subset(copies)).problems[0]


def test_finds_equal_images_with_different_labels(fair: Dataset) -> None:
    found = audit(changed(fair, 45, fair.images[3]))
    assert found.contradictions.tolist() == [3, 45]
    assert "index 3, 45)" in found.problems[0]


def test_finds_a_class_without_images(fair: Dataset) -> None:
    found = audit(fair.subset(np.flatnonzero(fair.require_labels() != 4)))
    (problem,) = found.problems
    assert problem.endswith(" of 4")


def test_finds_imbalanced_classes(fair: Dataset) -> None:
    assert audit(fair.subset(np.arange(10, 200))).problems == ()
    found = audit(fair.subset(np.arange(11, 200)))
    (problem,) = found.problems
    assert "20 images of 1, 9 of 0" in problem


def test_finds_values_that_stop_at_one(fair: Dataset) -> None:
    found = audit(replace(fair, images=(fair.images > 100).astype(np.uint8)))
    assert " is 1," in found.problems[0]
    assert found.highest == 1


def test_a_set_without_labels_is_audited_without_classes(fair: Dataset) -> None:
    found = audit(replace(fair, labels=None))
    assert found.problems == ()
    assert found.class_counts is None
    assert "no labels" in found.notes[0]


def test_an_empty_set_has_no_duplicates() -> None:
    found = audit(from_arrays(np.empty((0, 28, 28), np.uint8)))
    assert len(found.duplicates) == len(found.constant) == 0
