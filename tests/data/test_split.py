from dataclasses import replace

import numpy as np
import pytest

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.split import KINDS, folds, split
from tenfold.errors import TenfoldError


@pytest.fixture(scope="module")
def kaggle() -> Dataset:
    return bundled("kaggle").subset(np.arange(5000))


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_is_on_one_side(kaggle: Dataset, kind: str) -> None:
    parts = split(kaggle, 0.1, kind, seed=3)
    both = np.sort(np.concatenate([parts.train, parts.validation]))
    assert np.array_equal(both, np.arange(5000))
    assert abs(len(parts.validation) - 500) < 15
    assert parts.train.dtype == parts.validation.dtype == np.int64


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_split(kaggle: Dataset, kind: str) -> None:
    first, second = split(kaggle, 0.1, kind, seed=5), split(kaggle, 0.1, kind, seed=5)
    assert np.array_equal(first.validation, second.validation)


@pytest.mark.parametrize("kind", ["stratified", "random", "writer"])
def test_another_seed_gives_another_split(kaggle: Dataset, kind: str) -> None:
    first, second = split(kaggle, 0.1, kind, seed=0), split(kaggle, 0.1, kind, seed=1)
    assert not np.array_equal(first.validation, second.validation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_nothing_leaves_validation_empty(kaggle: Dataset, kind: str) -> None:
    parts = split(kaggle, 0, kind)
    assert len(parts.train) == 5000
    assert len(parts.validation) == 0


def test_a_stratified_split_keeps_the_proportions(kaggle: Dataset) -> None:
    parts = split(kaggle, 0.1)
    held = kaggle.subset(parts.validation).class_counts
    assert len(parts.validation) == 500
    assert np.abs(held - kaggle.class_counts * 0.1).max() < 1


def test_a_stratified_split_has_every_class_on_both_sides(few: Dataset) -> None:
    held_label = int(np.argmax(few.class_counts))
    rest = np.flatnonzero(few.require_labels() != held_label)[:6]
    images = np.concatenate([few.images[rest], few.images[rest]])
    labels = np.concatenate([few.require_labels()[rest]] * 2)
    digits = from_arrays(images, labels)
    parts = split(digits, 0.05)
    assert set(labels[parts.train]) == set(labels[parts.validation]) == set(labels)


def test_the_notebook_split_is_the_notebooks() -> None:
    from sklearn.model_selection import train_test_split

    digits = bundled("kaggle")
    images, held, labels, held_labels = train_test_split(
        digits.images, digits.require_labels(), test_size=0.1, random_state=2
    )
    parts = split(digits, 0.1, "notebook", seed=99)
    assert len(parts.train) == 37_800
    assert np.array_equal(digits.images[parts.train], images)
    assert np.array_equal(digits.images[parts.validation], held)
    assert np.array_equal(digits.require_labels()[parts.train], labels)
    assert np.array_equal(digits.require_labels()[parts.validation], held_labels)


def test_a_split_by_writer_has_nobody_on_both_sides() -> None:
    digits = bundled("mnist")
    parts = split(digits, 0.1, "writer")
    assert digits.writers is not None
    shared = np.intersect1d(digits.writers[parts.train], digits.writers[parts.validation])
    assert len(shared) == 0
    assert abs(len(parts.validation) - 6000) < 100


def test_a_split_by_writer_needs_writers(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="who wrote its pictures is not known"):
        split(replace(few, writers=None), 0.1, "writer")


def test_a_split_by_writer_needs_two_of_them(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="all pictures are by one writer"):
        split(replace(few, writers=np.zeros(20, np.int64)), 0.1, "writer")


def test_a_stratified_split_needs_two_pictures_of_each_class(few: Dataset) -> None:
    label = int(few.require_labels()[0])
    others = np.flatnonzero(few.require_labels() != label)
    with pytest.raises(TenfoldError, match=f"class '{label}' has 1 picture"):
        split(few.subset(np.append(others[few.class_counts[few.require_labels()[others]] > 1], 0)))


def test_a_stratified_split_needs_labels(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="has no labels"):
        split(replace(few, labels=None))


def test_a_split_needs_two_pictures(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="at least 2 pictures"):
        split(few.subset(np.arange(1)), 0.1, "random")


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_refuses_a_share_that_is_none(few: Dataset, share: float) -> None:
    with pytest.raises(TenfoldError, match="at least 0 and below 1"):
        split(few, share)


def test_names_the_nearest_kind(few: Dataset) -> None:
    with pytest.raises(TenfoldError, match="did you mean 'stratified'"):
        split(few, 0.1, "stratify")


def test_folds_hold_each_picture_once_and_the_classes_in_proportion(digits: Dataset) -> None:
    parts = folds(digits, 5, seed=1)
    assert sorted(np.concatenate([part.validation for part in parts]).tolist()) == list(range(2000))
    for part in parts:
        assert not np.intersect1d(part.train, part.validation).size
        counts = digits.subset(part.validation).class_counts
        assert np.abs(counts - digits.class_counts / 5).max() < 1
    again, other = folds(digits, 5, seed=1), folds(digits, 5, seed=2)
    assert np.array_equal(parts[0].validation, again[0].validation)
    assert not np.array_equal(parts[0].validation, other[0].validation)


def test_folds_by_writer_part_no_writer_and_are_of_one_size(digits: Dataset) -> None:
    parts = folds(digits, 4, "writer")
    assert digits.writers is not None
    for part in parts:
        shared = np.intersect1d(digits.writers[part.train], digits.writers[part.validation])
        assert not shared.size
    largest = np.unique(digits.writers, return_counts=True)[1].max()
    sizes = [len(part.validation) for part in parts]
    assert max(sizes) - min(sizes) <= largest
    assert sum(sizes) == 2000


def test_too_few_writers_for_the_folds_are_told(digits: Dataset) -> None:
    assert digits.writers is not None
    two = digits.subset(np.flatnonzero(np.isin(digits.writers, np.unique(digits.writers)[:2])))
    with pytest.raises(TenfoldError, match=r"by 2 writers, and a split by writer needs 3"):
        folds(two, 3, "writer")
