from pathlib import Path

import numpy as np
import pytest

from tenfold.data.audit import audit
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset, from_arrays
from tenfold.data.export import export
from tenfold.data.orientation import transposed_evidence
from tenfold.data.source import load

FASHION = Path("/usr/share/datasets/fashion-mnist")
ASSETS = Path(__file__).parents[2] / "src" / "tenfold" / "data" / "assets"


def turned(dataset: Dataset, count: int, seed: int) -> Dataset:
    chosen = np.random.default_rng(seed).choice(len(dataset), count, replace=False)
    return from_arrays(
        dataset.images[chosen].transpose(0, 2, 1), dataset.require_labels()[chosen], "turned"
    )


@pytest.mark.parametrize("name", BUNDLED)
def test_no_bundled_set_is_taken_for_turned(name: str) -> None:
    assert transposed_evidence(bundled(name)) is None


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_clothes_are_not_taken_for_turned_digits() -> None:
    clothes = load(FASHION)
    assert transposed_evidence(clothes) is None
    for seed in range(20):
        assert transposed_evidence(turned(clothes, 200, seed)) is None
        straight = turned(clothes, 200, seed).images.transpose(0, 2, 1)
        assert transposed_evidence(from_arrays(straight, turned(clothes, 200, seed).labels)) is None


@pytest.mark.parametrize("seed", range(5))
def test_200_turned_digits_are_recognised(seed: int) -> None:
    for name in ("mnist", "mnist:test"):
        evidence = transposed_evidence(turned(bundled(name), 200, seed))
        assert evidence is not None
        assert evidence.endswith("name the source turned:transposed to turn it")


def test_one_class_of_digits_is_not_taken_for_turned() -> None:
    mnist = bundled("mnist")
    for digit in range(10):
        one = mnist.subset(np.flatnonzero(mnist.require_labels() == digit)[:500])
        assert transposed_evidence(one) is None


def test_a_turned_set_is_named_and_put_right_by_its_name(tmp_path: Path) -> None:
    digits = bundled("mnist").subset(np.arange(200))
    lying = from_arrays(digits.images.transpose(0, 2, 1), digits.labels)
    (path,) = export(lying, tmp_path)
    read = load(path)
    assert read.notes[-1].endswith(f"name the source {path}:transposed to turn it")
    found = audit(read)
    assert read.notes[-1] in found.problems
    assert read.notes[-1] not in found.remarks
    right = load(f"{path}:transposed")
    assert right.fingerprint == digits.fingerprint
    assert right.source == f"{path}:transposed"
    assert audit(right).problems == audit(digits).problems


def test_a_part_can_be_turned_too(tmp_path: Path) -> None:
    digits = bundled("mnist").subset(np.arange(30))
    path = tmp_path / "d.npz"
    lying = digits.images.transpose(0, 2, 1)
    np.savez(path, x_train=lying, y_train=digits.labels, x_test=lying, y_test=digits.labels)
    read = load(f"{path}:transposed")
    assert read.test_source == f"{path}:transposed:test"
    for name in (read.test_source, f"{path}:test:transposed"):
        test = load(name)
        assert np.array_equal(test.images, digits.images)
        assert test.source == f"{path}:transposed:test"


def test_the_means_are_mnists() -> None:
    mnist = bundled("mnist")
    means = [mnist.images[mnist.labels == digit].mean(axis=0) for digit in range(10)]
    assert np.array_equal(np.load(ASSETS / "digit_means.npy"), np.rint(means))
