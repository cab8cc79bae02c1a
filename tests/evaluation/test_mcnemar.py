import numpy as np
import pytest

from tenfold.evaluation.mcnemar import McNemar, pair


def test_pictures_are_counted_by_who_was_right() -> None:
    right_a = np.array([1, 1, 1, 0, 0, 1], bool)
    right_b = np.array([1, 1, 0, 1, 0, 0], bool)
    paired = pair(right_a, right_b)
    assert paired == McNemar(both_right=2, both_wrong=1, only_a=2, only_b=1)
    assert paired.correct == (4, 3)
    assert paired.difference == pytest.approx(1 / 6)


@pytest.mark.parametrize(("only_a", "only_b", "p"), [(8, 0, 2 / 2**8), (9, 1, 22 / 2**10)])
def test_the_test_is_exact(only_a: int, only_b: int, p: float) -> None:
    """Against the coin counted by hand: two tails of (1 + 10 + ...) / 2 ** n."""
    for paired in (McNemar(900, 5, only_a, only_b), McNemar(900, 5, only_b, only_a)):
        assert paired.p == pytest.approx(p)


def test_the_better_of_two_is_named_and_a_tie_is_not_broken() -> None:
    assert McNemar(900, 5, 40, 10).verdict == "A is better than B"
    assert McNemar(900, 5, 10, 40).better == "B"
    close = McNemar(9_900, 40, 35, 25)
    assert close.verdict == "Not distinguishable on 10,000 pictures"
    assert "A on 35, B on 25" in close.reason
    assert "in 24.5 % of cases (McNemar's exact test, p = 0.245)" in close.reason
    assert McNemar(9_900, 40, 30, 30).p == 1
    assert "just so" in McNemar(9_900, 40, 30, 30).reason


def test_models_that_are_never_right_alone_cannot_be_told_apart() -> None:
    for paired in (McNemar(90, 10, 0, 0), McNemar(100, 0, 0, 0), McNemar(0, 1, 0, 0)):
        assert (paired.p, paired.better) == (1, "")
        low, high = paired.difference_interval
        assert low <= 0 <= high


def test_the_interval_is_newcombes() -> None:
    """The example of his paper (1998, table III): 36, 12, 2 and 0 of 50."""
    low, high = McNemar(both_right=36, only_a=12, only_b=2, both_wrong=0).difference_interval
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


@pytest.mark.parametrize("shares", [(0.993, 0.002, 0.003, 0.002), (0.9, 0.05, 0.03, 0.02)])
def test_the_interval_holds_the_truth_19_times_in_20(shares: tuple[float, ...]) -> None:
    draws = np.random.default_rng(1).multinomial(2_000, shares, size=1_000).tolist()
    intervals = [McNemar(*draw).difference_interval for draw in draws]
    held = np.mean([low <= shares[2] - shares[3] <= high for low, high in intervals])
    assert 0.93 < held < 0.98
