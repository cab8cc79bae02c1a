from pathlib import Path

import numpy as np
import pytest

from tenfold.data.audit import audit
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.dataset_export import export_dataset
from tenfold.data.orientation import shows_digits, transposed_evidence
from tenfold.data.source import load

FASHION = Path("/usr/share/datasets/fashion-mnist")
ASSETS = Path(__file__).parents[2] / "src" / "tenfold" / "data" / "assets"


def transposed_sample(dataset: Dataset, count: int, seed: int) -> Dataset:
    chosen = np.random.default_rng(seed).choice(len(dataset), count, replace=False)
    return from_arrays(
        dataset.images[chosen].transpose(0, 2, 1), dataset.require_labels()[chosen], "sample"
    )


def test_digits_are_told_from_other_images_with_the_labels_0_to_9() -> None:
    for name in BUNDLED:
        dataset = bundled(name)
        assert shows_digits(dataset.images, dataset.require_labels())
        other = (dataset.require_labels() + 1) % 10
        assert not shows_digits(dataset.images, other)


@pytest.mark.parametrize("name", BUNDLED)
def test_no_bundled_set_is_detected_as_transposed(name: str) -> None:
    assert transposed_evidence(bundled(name)) is None


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_clothes_are_not_detected_as_transposed_digits() -> None:
    clothes = load(FASHION)
    assert transposed_evidence(clothes) is None
    for seed in range(20):
        assert transposed_evidence(transposed_sample(clothes, 200, seed)) is None
        straight = transposed_sample(clothes, 200, seed).images.transpose(0, 2, 1)
        assert (
            transposed_evidence(from_arrays(straight, transposed_sample(clothes, 200, seed).labels))
            is None
        )


@pytest.mark.parametrize("seed", range(5))
def test_200_transposed_digits_are_detected(seed: int) -> None:
    for name in ("mnist", "mnist:test"):
        evidence = transposed_evidence(transposed_sample(bundled(name), 200, seed))
        assert evidence is not None
        assert "sample:transposed" in evidence


def test_one_class_of_digits_is_not_detected_as_transposed() -> None:
    mnist = bundled("mnist")
    for digit in range(10):
        one = mnist.subset(np.flatnonzero(mnist.require_labels() == digit)[:500])
        assert transposed_evidence(one) is None


def test_a_transposed_set_is_noted_and_corrected_by_its_name(tmp_path: Path) -> None:
    dataset = bundled("mnist").subset(np.arange(200))
    transposed = from_arrays(dataset.images.transpose(0, 2, 1), dataset.labels)
    (path,) = export_dataset(transposed, tmp_path)
    read = load(path)
    assert f"{path}:transposed" in read.notes[-1]
    found = audit(read)
    assert read.notes[-1] in found.problems
    assert read.notes[-1] not in found.notes
    corrected = load(f"{path}:transposed")
    assert corrected.fingerprint == dataset.fingerprint
    assert corrected.source == f"{path}:transposed"
    assert audit(corrected).problems == audit(dataset).problems


def test_a_part_can_be_transposed_too(tmp_path: Path) -> None:
    dataset = bundled("mnist").subset(np.arange(30))
    path = tmp_path / "d.npz"
    transposed, labels = dataset.images.transpose(0, 2, 1), dataset.require_labels()
    np.savez(path, x_train=transposed, y_train=labels, x_test=transposed, y_test=labels)
    read = load(f"{path}:transposed")
    assert read.test_source == f"{path}:test:transposed"
    for name in (read.test_source, f"{path}:test:transposed"):
        test = load(name)
        assert np.array_equal(test.images, dataset.images)
        assert test.source == f"{path}:test:transposed"


def test_the_means_are_mnists() -> None:
    mnist = bundled("mnist")
    means = [mnist.images[mnist.labels == digit].mean(axis=0) for digit in range(10)]
    assert np.array_equal(np.load(ASSETS / "digit_means.npy"), np.rint(means))
