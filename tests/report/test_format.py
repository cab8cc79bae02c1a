import pytest

from tenfold.report.format import duration, most_confused, ordinal, plural, short


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(16.24, "16.2 s"), (185, "3 min 5 s"), (9000, "2 h 30 min")],
)
def test_durations_are_told_in_the_units_of_a_reader(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_numbers_are_told_short() -> None:
    assert [short(887_530), short(32.3e6), short(12)] == ["887.5 k", "32.3 M", "12"]
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
    ("pairs", "said"),
    [
        ([("4", "9", 7), ("2", "7", 3)], "Most confused are 4 and 9, 7 times: the pair that the"),
        ([("2", "7", 3), ("4", "9", 1)], "here they come 2nd, 1 time."),
        ([("2", "7", 3)], "here they were never confused"),
        ([("2", "7", 3), ("4", "9", 3)], "level with 1 other pair"),
        ([], "No two classes were confused."),
    ],
)
def test_the_notebooks_question_about_four_and_nine_is_answered(
    pairs: list[tuple[str, str, int]], said: str
) -> None:
    assert said in most_confused(pairs, digits=True)


def test_other_classes_are_not_asked_about_four_and_nine() -> None:
    assert most_confused([("a", "b", 2)], digits=False) == "Most confused are a and b, 2 times."
