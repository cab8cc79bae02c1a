import pytest

from tenfold.report.formatting import duration, most_confused, ordinal, plural, with_si_prefix


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(16.24, "16.2 s"), (185, "3 min 5 s"), (9000, "2 h 30 min")],
)
def test_durations_use_seconds_minutes_and_hours(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_numbers_have_prefixes_plurals_and_ordinals() -> None:
    assert [with_si_prefix(887_530), with_si_prefix(32.3e6), with_si_prefix(12)] == [
        "887.5 k",
        "32.3 M",
        "12",
    ]
    assert [plural(1, "error"), plural(1234, "error")] == ["1 error", "1,234 errors"]
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 22)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "22nd",
    ]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("4", "9", 7), ("2", "7", 3)], "Most confused are 4 and 9, 7 times: the same pair"),
        ([("2", "7", 3), ("4", "9", 1)], "4 and 9, ranks 2nd here, 1 time."),
        ([("2", "7", 3)], "4 and 9, was never confused"),
        ([("2", "7", 3), ("4", "9", 3)], "tied with 1 other pair"),
        ([], "No two classes were confused."),
    ],
)
def test_rank_of_the_kaggle_notebooks_pair_is_given(
    pairs: list[tuple[str, str, int]], expected: str
) -> None:
    assert expected in most_confused(pairs, ten_digits=True)


def test_other_classes_have_no_kaggle_pair() -> None:
    assert most_confused([("a", "b", 2)], ten_digits=False) == "Most confused are a and b, 2 times."
