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
def test_each_image_is_on_one_side(kaggle: Dataset, kind: str) -> None:
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
def test_a_fraction_of_0_leaves_validation_empty(kaggle: Dataset, kind: str) -> None:
    parts = split(kaggle, 0, kind)
    assert len(parts.train) == 5000
    assert len(parts.validation) == 0


def test_a_stratified_split_keeps_the_proportions(kaggle: Dataset) -> None:
    parts = split(kaggle, 0.1)
    counts = kaggle.subset(parts.validation).class_counts
    assert len(parts.validation) == 500
    assert np.abs(counts - kaggle.class_counts * 0.1).max() < 1


def test_a_stratified_split_has_every_class_on_both_sides(small_set: Dataset) -> None:
    excluded = int(np.argmax(small_set.class_counts))
    rest = np.flatnonzero(small_set.require_labels() != excluded)[:6]
    images = np.concatenate([small_set.images[rest], small_set.images[rest]])
    labels = np.concatenate([small_set.require_labels()[rest]] * 2)
    parts = split(from_arrays(images, labels), 0.05)
    assert set(labels[parts.train]) == set(labels[parts.validation]) == set(labels)


def test_the_notebook_split_is_the_notebooks() -> None:
    from sklearn.model_selection import train_test_split

    dataset = bundled("kaggle")
    train_images, val_images, train_labels, val_labels = train_test_split(
        dataset.images, dataset.require_labels(), test_size=0.1, random_state=2
    )
    parts = split(dataset, 0.1, "notebook", seed=99)
    assert len(parts.train) == 37_800
    assert np.array_equal(dataset.images[parts.train], train_images)
    assert np.array_equal(dataset.images[parts.validation], val_images)
    assert np.array_equal(dataset.require_labels()[parts.train], train_labels)
    assert np.array_equal(dataset.require_labels()[parts.validation], val_labels)


def test_a_split_by_writer_has_no_writer_on_both_sides() -> None:
    mnist = bundled("mnist")
    parts = split(mnist, 0.1, "writer")
    assert mnist.writers is not None
    shared = np.intersect1d(mnist.writers[parts.train], mnist.writers[parts.validation])
    assert len(shared) == 0
    assert abs(len(parts.validation) - 6000) < 100


def test_a_split_by_writer_needs_writers(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"writers .* unknown"):
        split(replace(small_set, writers=None), 0.1, "writer")


def test_a_split_by_writer_needs_two_of_them(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match="one writer"):
        split(replace(small_set, writers=np.zeros(20, np.int64)), 0.1, "writer")


def test_a_stratified_split_needs_two_images_of_each_class(small_set: Dataset) -> None:
    label = int(small_set.require_labels()[0])
    others = np.flatnonzero(small_set.require_labels() != label)
    with pytest.raises(TenfoldError, match=f"class '{label}' has 1 "):
        split(
            small_set.subset(
                np.append(others[small_set.class_counts[small_set.require_labels()[others]] > 1], 0)
            )
        )


def test_a_stratified_split_needs_labels(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=small_set.source):
        split(replace(small_set, labels=None))


def test_a_split_needs_two_images(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"at least 2.*Received: 1"):
        split(small_set.subset(np.arange(1)), 0.1, "random")


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_rejects_an_invalid_fraction(small_set: Dataset, fraction: float) -> None:
    with pytest.raises(TenfoldError, match=f"Received: {fraction}"):
        split(small_set, fraction)


def test_suggests_the_nearest_kind(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match="did you mean 'stratified'"):
        split(small_set, 0.1, "stratify")


def test_folds_have_each_image_once_and_the_classes_in_proportion(train_set: Dataset) -> None:
    parts = folds(train_set, 5, seed=1)
    assert sorted(np.concatenate([part.validation for part in parts]).tolist()) == list(range(2000))
    for part in parts:
        assert not np.intersect1d(part.train, part.validation).size
        counts = train_set.subset(part.validation).class_counts
        assert np.abs(counts - train_set.class_counts / 5).max() < 1
    again, other = folds(train_set, 5, seed=1), folds(train_set, 5, seed=2)
    assert np.array_equal(parts[0].validation, again[0].validation)
    assert not np.array_equal(parts[0].validation, other[0].validation)


def test_folds_by_writer_split_no_writer_and_are_of_similar_size(train_set: Dataset) -> None:
    parts = folds(train_set, 4, "writer")
    assert train_set.writers is not None
    for part in parts:
        shared = np.intersect1d(train_set.writers[part.train], train_set.writers[part.validation])
        assert not shared.size
    largest = np.unique(train_set.writers, return_counts=True)[1].max()
    sizes = [len(part.validation) for part in parts]
    assert max(sizes) - min(sizes) <= largest
    assert sum(sizes) == 2000


def test_rejects_more_folds_than_writers(train_set: Dataset) -> None:
    assert train_set.writers is not None
    two = train_set.subset(
        np.flatnonzero(np.isin(train_set.writers, np.unique(train_set.writers)[:2]))
    )
    with pytest.raises(TenfoldError, match=r"by 2 writers, .* needs 3"):
        folds(two, 3, "writer")
