import numpy as np
import pytest

from tenfold.evaluation.mcnemar import McNemar, mcnemar_test


def test_images_are_counted_by_the_models_that_are_correct() -> None:
    correct_a = np.array([1, 1, 1, 0, 0, 1], bool)
    correct_b = np.array([1, 1, 0, 1, 0, 0], bool)
    test = mcnemar_test(correct_a, correct_b)
    assert test == McNemar(both_correct=2, both_wrong=1, only_a=2, only_b=1)
    assert test.correct == (4, 3)
    assert test.difference == pytest.approx(1 / 6)


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(8, 0, 2 / 2**8), (9, 1, 22 / 2**10)])
def test_p_value_is_exact(only_a: int, only_b: int, p: float) -> None:
    """Against the binomial distribution by hand: two tails of (1 + 10 + ...) / 2 ** n."""
    for test in (McNemar(900, 5, only_a, only_b), McNemar(900, 5, only_b, only_a)):
        assert test.p_value == pytest.approx(p)


def test_better_model_is_named_only_if_significant() -> None:
    assert McNemar(900, 5, 40, 10).better == "A"
    assert McNemar(900, 5, 10, 40).better == "B"
    close = McNemar(9_900, 40, 35, 25)
    assert (close.significant, close.better) == (False, "")
    assert "10,000" in close.verdict
    assert "A on 35, B on 25" in close.reason
    assert "24.5 %" in close.reason
    assert "p = 0.245" in close.test
    assert McNemar(9_900, 40, 30, 30).p_value == 1
    assert "A on 30, B on 30" in McNemar(9_900, 40, 30, 30).reason


def test_models_correct_on_the_same_images_do_not_differ() -> None:
    for test in (McNemar(90, 10, 0, 0), McNemar(100, 0, 0, 0), McNemar(0, 1, 0, 0)):
        assert (test.p_value, test.better) == (1, "")
        low, high = test.difference_interval
        assert low <= 0 <= high


def test_interval_equals_newcombes() -> None:
    """The example of his paper (1998, table III): 36, 12, 2 and 0 of 50."""
    low, high = McNemar(both_correct=36, only_a=12, only_b=2, both_wrong=0).difference_interval
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


@pytest.mark.parametrize("shares", [(0.993, 0.002, 0.003, 0.002), (0.9, 0.05, 0.03, 0.02)])
def test_interval_covers_the_truth_19_times_in_20(shares: tuple[float, ...]) -> None:
    draws = np.random.default_rng(1).multinomial(2_000, shares, size=1_000).tolist()
    intervals = [McNemar(*draw).difference_interval for draw in draws]
    coverage = np.mean([low <= shares[2] - shares[3] <= high for low, high in intervals])
    assert 0.93 < coverage < 0.98
