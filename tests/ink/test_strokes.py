import pytest

from tenfold.errors import TenfoldError
from tenfold.ink.page import find_stroked_digits


def test_no_strokes_are_a_blank_page() -> None:
    assert not find_stroked_digits([]).digits


def test_a_digit_half_as_tall_as_its_neighbour_is_no_dirt() -> None:
    seven = [(0.0, 0.0), (0.6, 0.0), (0.3, 1.0)]
    tall, small = [(150 * x, 150 * y) for x, y in seven], [(300 + 60 * x, 60 * y) for x, y in seven]
    dot = [(250.0, 150.0)]
    assert len(find_stroked_digits([tall, small, dot]).digits) == 2


@pytest.mark.parametrize("moved", [[], [(101.0, 102.0)], [(100.5, 99.0), (102.0, 101.5)]])
def test_a_tap_alone_is_a_point(moved: list[tuple[float, float]]) -> None:
    tap = [(100.0, 100.0), *moved]
    (point,) = find_stroked_digits([tap]).digits
    assert point.is_point
    assert point.notes[-1] == "a point: too small for a digit"
    in_fractions = [(x / 1000, y / 1000) for x, y in tap]
    assert find_stroked_digits([in_fractions]).digits[0].is_point


def test_a_tap_beside_a_digit_is_ignored_and_noted() -> None:
    seven = [(60.0, 60.0), (100.0, 60.0), (80.0, 120.0)]
    taps = [[(150.0, 120.0), (151.0, 122.0)], [(170.0, 120.0)]]
    page = find_stroked_digits([seven, *taps])
    (digit,) = page.digits
    assert not digit.is_point
    assert digit.box.width == pytest.approx(40, abs=2)
    assert page.notes == ("2 points ignored",)


def test_a_tap_on_a_stroke_is_its_ink() -> None:
    seven = [(60.0, 60.0), (100.0, 60.0), (80.0, 120.0)]
    page = find_stroked_digits([seven, [(80.0, 60.0)]])
    assert (len(page.digits), page.notes) == (1, ())


@pytest.mark.parametrize("height", [0.1, 1.0, 10.0, 300.0])
def test_a_digit_of_any_unit_is_no_point(height: float) -> None:
    seven = [(0.0, 0.0), (0.6 * height, 0.0), (0.3 * height, height)]
    (digit,) = find_stroked_digits([seven]).digits
    assert not digit.is_point


@pytest.mark.parametrize(
    "stroke", [[], [(1,)], [(1, 2, 3)], [("a", "b")], [(float("nan"), 0)], [(1e9, 0)], 7]
)
def test_an_invalid_stroke_is_named(stroke: object) -> None:
    with pytest.raises(TenfoldError, match="stroke 2: "):
        find_stroked_digits([[(0, 0), (1, 1)], stroke])  # type: ignore[list-item]  # wrong on purpose
