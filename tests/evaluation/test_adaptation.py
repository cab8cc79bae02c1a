"""Whether an adapted model replaces the old one."""

import numpy as np

from tenfold.evaluation.adaptation import BeforeAfter, before_after, table, verdict


def _set(mended: int, broken: int, both: int = 100, name: str = "a set") -> BeforeAfter:
    before = np.array([False] * mended + [True] * (broken + both))
    after = np.array([True] * mended + [False] * broken + [True] * both)
    return before_after(name, before, after)


def test_it_replaces_the_old_one_where_it_is_better_and_nowhere_worse() -> None:
    better, reason = verdict(_set(12, 1), [_set(20, 25), _set(0, 0)])
    assert better
    assert "significantly better" in reason


def test_few_mended_digits_are_not_told_from_chance() -> None:
    better, reason = verdict(_set(5, 0), [_set(0, 0)])
    assert not better
    assert "5 of your digits mended and 0 broken are too few" in reason
    assert verdict(_set(6, 0), [_set(0, 0)])[0]


def test_one_set_on_which_it_is_worse_keeps_the_old_one() -> None:
    better, reason = verdict(_set(30, 0), [_set(5, 5), _set(2, 20, name="mnist:test")])
    assert not better
    assert reason.endswith("worse on mnist:test")


def test_a_model_that_reads_no_more_is_not_called_unlucky() -> None:
    assert verdict(_set(3, 3), []) == (False, "it reads no more of your held-back digits")


def test_the_table_counts_what_changed() -> None:
    heading, row = table([_set(3, 1, 96)])
    assert heading.split() == ["n", "before", "after", "mended", "broken", "p"]
    assert row.split()[-3:] == ["3", "1", "0.62"]
    assert row.split()[2:4] == ["100", "97.00"]
