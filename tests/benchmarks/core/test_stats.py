"""Differences and their intervals, on numbers worked out elsewhere."""

import pytest
from benchmarks.core.stats import difference, gap, share

from tenfold.evaluation.scores import wilson


def test_difference_is_welchs() -> None:
    found = difference([1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])
    # variances 1 and 20/3: 4.0755 degrees of freedom, t = 2.7563, standard error sqrt(2)
    assert found == pytest.approx((-3.0, -6.898, 0.898), abs=0.001)


def test_difference_of_equal_numbers_is_exact() -> None:
    assert difference([0.5, 0.5], [0.25, 0.25]) == (0.25, 0.25, 0.25)


def test_few_seeds_are_judged_by_images_and_more_by_seeds() -> None:
    two, three = share([0.98, 0.99], 1000), share([0.98, 0.985, 0.99], 1000)
    assert (two.low, two.high) == wilson(985, 1000)
    assert (two.method, three.method) == ("Wilson", "t, 3 seeds")
    assert three.high - three.value == pytest.approx(0.01242, abs=1e-5)  # 4.30265 x 0.005 / sqrt(3)


def test_gap_of_few_seeds_is_newcombes() -> None:
    found = gap([0.8], [0.6], 70)
    (low_one, high_one), (low_two, high_two) = wilson(56, 70), wilson(42, 70)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2 - ((0.8 - low_one) ** 2 + (high_two - 0.6) ** 2) ** 0.5)
    assert found.high == pytest.approx(0.2 + ((high_one - 0.8) ** 2 + (0.6 - low_two) ** 2) ** 0.5)


def test_gap_of_many_seeds_is_welchs() -> None:
    assert gap([0.9, 0.91, 0.92], [0.8, 0.81, 0.82], 100).method == "Welch's t"
