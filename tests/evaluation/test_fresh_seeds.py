"""What a search gained, and what of it was luck."""

import pytest

from tenfold.evaluation.fresh_seeds import FreshSeeds


def test_luck_is_what_fresh_seeds_do_not_confirm() -> None:
    found = FreshSeeds((0.982, 0.983, 0.984), (0.971, 0.970, 0.972), 0.990, 0.970)
    assert found.gain_searched == pytest.approx(0.020)
    assert found.gain == pytest.approx(0.012)
    assert found.luck == pytest.approx(0.008)
    assert found.better
    assert found.welch is not None
    assert found.welch.difference == pytest.approx(0.012)
    assert "+1.20 points" in found.reason
    assert "+2.00, of which 0.80 were luck" in found.reason


def test_a_winner_that_is_not_shown_to_be_better_is_not_called_so() -> None:
    close = FreshSeeds((0.982, 0.970, 0.984), (0.971, 0.980, 0.972), 0.990, 0.970)
    worse = FreshSeeds((0.960, 0.961, 0.962), (0.971, 0.970, 0.972), 0.990, 0.970)
    itself = FreshSeeds((), (), 0.98, 0.98)
    diverged = FreshSeeds((0.99, 0.991), (0.95, 0.951), 0.99, 0.95, ("seed 3: diverged",))
    assert not any(one.better for one in (close, worse, itself, diverged))
    assert close.verdict == "The winner is not shown to be better than the base recipe"
    assert worse.verdict == "The winner is not better than the base recipe"
    assert itself.verdict == "No trial was better than the base recipe"
    assert "seed 3: diverged" in diverged.reason


def test_where_the_base_was_no_trial_its_fresh_seeds_stand_in_for_it() -> None:
    found = FreshSeeds((0.98, 0.982), (0.97, 0.972), 0.990, None)
    assert found.gain_searched == pytest.approx(0.990 - 0.971)


def test_one_seed_says_nothing_of_chance() -> None:
    found = FreshSeeds((0.98,), (0.97,), 0.990, 0.970)
    assert found.welch is None
    assert not found.better
    assert "--fresh-seeds" in found.reason
    assert found.to_dict()["welch"] is None
