import numpy as np
import pytest

from tenfold.data.bundled import BUNDLED, bundled, mnist_index
from tenfold.errors import TenfoldError

SIZES = {"mnist": 60_000, "mnist:test": 10_000, "kaggle": 42_000, "kaggle:test": 28_000}


@pytest.mark.parametrize("name", BUNDLED)
def test_every_set_has_its_images_labels_and_writers(name: str) -> None:
    dataset = bundled(name)
    assert dataset.images.shape == (SIZES[name], 28, 28)
    assert dataset.require_labels().shape == (SIZES[name],)
    assert dataset.writers is not None
    assert dataset.source == name


def test_kaggle_has_the_class_counts_of_train_csv() -> None:
    counts = bundled("kaggle").class_counts.tolist()
    assert counts == [4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188]


def test_kaggle_is_mnist_in_another_order() -> None:
    rows = np.concatenate([mnist_index("train"), mnist_index("test")])
    assert np.array_equal(np.sort(rows), np.arange(70_000))


def test_each_kaggle_row_has_its_mnist_image_label_and_writer() -> None:
    mnist, mnist_test, kaggle = bundled("mnist"), bundled("mnist:test"), bundled("kaggle")
    assert mnist.writers is not None
    assert mnist_test.writers is not None
    assert kaggle.writers is not None
    rows = mnist_index("train")
    for row in (0, 1, 777, 41_999, int(np.argmax(rows))):
        part, index = (mnist, rows[row]) if rows[row] < 60_000 else (mnist_test, rows[row] - 60_000)
        assert np.array_equal(kaggle.images[row], part.images[index])
        assert kaggle.require_labels()[row] == part.require_labels()[index]
        assert part.writers is not None
        assert kaggle.writers[row] == part.writers[index]


def test_no_writer_is_in_both_parts_of_mnist() -> None:
    train, test = bundled("mnist").writers, bundled("mnist:test").writers
    assert train is not None
    assert test is not None
    assert len(np.intersect1d(train, test)) == 0


def test_shared_images_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        bundled("mnist").images[0, 0, 0] = 1


def test_training_sets_have_a_test_set() -> None:
    assert bundled("mnist").test_source == "mnist:test"
    assert bundled("kaggle").test_source == "kaggle:test"
    assert bundled("kaggle:test").test_source is None


def test_rejects_an_unknown_name_and_names_the_bundled_sets() -> None:
    with pytest.raises(TenfoldError, match=r"'emnist'.*mnist, mnist:test, kaggle"):
        bundled("emnist")
