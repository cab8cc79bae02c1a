"""The one way of counting: alignment of rows and characters, and what each counts as."""

from dataclasses import replace

import pytest
from benchmarks.reading.counting import (
    Counts,
    align,
    align_rows,
    count,
    count_strings,
    parse_rows,
)

ONE = Counts(strings=1)


@pytest.mark.parametrize(
    ("truth", "read", "expected"),
    [
        ("123", "123", replace(ONE, n=3, right=3, strings_right=1)),
        ("123", "173", replace(ONE, n=3, right=2, wrong=1, strings_wrong=1)),
        ("123", "1?3", replace(ONE, n=3, right=2, rejected=1)),
        ("123", "13", replace(ONE, n=3, right=2, missed=1, strings_wrong=1)),
        ("123", "1-3", replace(ONE, n=3, right=2, missed=1, strings_wrong=1)),
        ("123", "1213", replace(ONE, n=3, right=3, extra=1, strings_wrong=1)),
        ("123", "123?", replace(ONE, n=3, right=3, extra_rejected=1)),
        ("123", "", replace(ONE, n=3, missed=3)),
        ("123", "???", replace(ONE, n=3, rejected=3)),
        ("123", "??4", replace(ONE, n=3, rejected=2, wrong=1)),
        ("100", "=1.0,0-", replace(ONE, n=3, right=3, strings_right=1)),
        ("2?1", "2?1", replace(ONE, n=2, right=2, strings_right=1)),
        ("2?1", "2+1", replace(ONE, n=2, right=2, strings_right=1)),
        ("2?1", "21", replace(ONE, n=2, right=2, strings_right=1)),
        ("2?1", "241", replace(ONE, n=2, right=2, extra=1, strings_wrong=1)),
        ("2?1", "2??1", replace(ONE, n=2, right=2, extra_rejected=1)),
        ("2?1", "?", replace(ONE, n=2, rejected=1, missed=1)),
        ("?", "", replace(ONE, strings_right=1)),
        ("", "", replace(ONE, strings_right=1)),
        ("", "7", replace(ONE, extra=1, strings_wrong=1)),
        ("12345", "2345", replace(ONE, n=5, right=4, missed=1, strings_wrong=1)),
        ("12|34", "12|34", replace(ONE, n=4, right=4, strings_right=1)),
        ("12|34", "1234", replace(ONE, n=4, right=2, missed=2, extra=2, strings_wrong=1)),
        ("12|34", "34", replace(ONE, n=4, right=2, missed=2, strings_wrong=1)),
        ("12|34|56", "12|56", replace(ONE, n=6, right=4, missed=2, strings_wrong=1)),
        ("12|34", "12|9|34", replace(ONE, n=4, right=4, extra=1, strings_wrong=1)),
        ("12|34", "34|12", replace(ONE, n=4, right=2, missed=2, extra=2, strings_wrong=1)),
        ("12", "12|--", replace(ONE, n=2, right=2, strings_right=1)),
    ],
)
def test_each_reading_counts_as_one_thing(truth: str, read: str, expected: Counts) -> None:
    found = count(parse_rows(truth), parse_rows(read))
    assert found == expected
    assert found.n == found.right + found.wrong + found.rejected + found.missed


def test_of_equally_few_edits_the_most_digits_right_are_taken() -> None:
    # Two edits either way: both digits replaced, or one of them right between a gap and an extra.
    pairs = align("12", "21")
    assert sum(one == other for one, other in pairs) == 1
    assert len(pairs) == 3
    # And of a digit for which both `?` and a gap are one edit, `?` answers it.
    assert align("2?1", "?1") == [("2", "?"), ("?", None), ("1", "1")]


def test_rows_keep_their_order_and_take_the_nearest_partner() -> None:
    assert align_rows(["1367", "2015"], ["136", "2", "205"]) == [
        ("1367", "136"),
        (None, "2"),
        ("2015", "205"),
    ]
    assert align_rows(["11", "22"], []) == [("11", None), ("22", None)]
    assert align_rows([], ["5"]) == [(None, "5")]


def test_a_row_of_marks_is_free_to_be_missing() -> None:
    assert count(["????", "4353"], ["4353"]).strings_right == 1
    assert count(["????", "4353"], ["??", "4353"]).strings_right == 1


def test_a_page_of_repeated_rows_is_aligned() -> None:
    truth = ["4" * 25] * 45
    read = ["4" * 25] * 20 + ["4" * 24 + "9"] + ["4" * 25] * 23
    found = count(truth, read)
    assert (found.right, found.wrong, found.missed) == (44 * 25 - 1, 1, 25)


def test_counts_add_up_and_state_the_accepted_and_wrong_first() -> None:
    found = count_strings([(["12"], ["17"]), (["5"], ["55"]), (["8"], ["8"])])
    assert found == Counts(
        n=4, right=3, wrong=1, extra=1, strings=3, strings_right=1, strings_wrong=2
    )
    assert next(iter(found.to_dict().items())) == ("accepted_wrong", 2)
    assert count_strings([]) == Counts()


def test_a_truth_of_anything_but_digits_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"','.*'1,2'"):
        count(["1,2"], ["12"])
