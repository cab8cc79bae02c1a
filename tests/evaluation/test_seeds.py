"""Means over seeds and Welch's test, against scipy and by simulation."""

import statistics

import numpy as np
import pytest
from scipy import stats

from tenfold.evaluation.seeds import mean, welch_test

DRAWS = 1000


def test_mean_has_students_interval() -> None:
    values = [0.9962, 0.9958, 0.9967, 0.9951]
    found = mean(values)
    assert found.n == 4
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert found.interval == pytest.approx(expected)


def test_one_number_has_neither_spread_nor_interval() -> None:
    found = mean([0.995])
    assert (found.sd, found.interval) == (None, None)
    assert found.percent() == "99.500 % (n = 1)"


def test_welch_is_scipys_and_the_textbooks() -> None:
    first, second = [1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0]
    found = welch_test(first, second)
    assert found is not None
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert (found.t, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    # variances 1 and 20/3: 4.0755 degrees of freedom, standard error sqrt(2)
    assert found.difference == -3
    assert found.freedom == pytest.approx(4.0755, abs=1e-4)
    assert found.interval == pytest.approx((-6.898, 0.898), abs=0.001)
    assert not found.significant


def test_welch_takes_a_side_that_does_not_vary() -> None:
    found = welch_test([0.97, 0.97, 0.97], [0.98, 0.99, 0.985])
    assert found is not None
    assert found.freedom == pytest.approx(2)


@pytest.mark.parametrize(
    ("first", "second"), [([0.9], [0.8, 0.81]), ([0.9, 0.91], [0.8]), ([0.9] * 3, [0.8] * 3)]
)
def test_what_says_nothing_about_chance_is_not_tested(
    first: list[float], second: list[float]
) -> None:
    assert welch_test(first, second) is None


@pytest.mark.parametrize(("seeds", "n_images"), [(2, 100), (3, 10_000), (5, 10_000)])
def test_two_groups_of_one_recipe_are_seldom_called_different(seeds: int, n_images: int) -> None:
    """Seeds differ in their true accuracy, and each errs on other images of the test set."""
    draw = np.random.default_rng(0)
    true = draw.normal(0.995, 0.0005, (DRAWS, 2, seeds)).clip(0, 1)
    accuracies = draw.binomial(n_images, true) / n_images
    tests = [welch_test(*groups) for groups in accuracies.tolist()]
    assert sum(test is not None and test.significant for test in tests) <= 65


def test_a_real_difference_between_recipes_is_found() -> None:
    draw = np.random.default_rng(0)
    true = draw.normal([[0.9954], [0.9962]], 0.0002, (200, 2, 5))
    tests = [welch_test(*groups) for groups in true.tolist()]
    assert sum(test is not None and test.significant for test in tests) > 180
