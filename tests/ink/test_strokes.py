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


@pytest.mark.parametrize(
    "stroke", [[], [(1,)], [(1, 2, 3)], [("a", "b")], [(float("nan"), 0)], [(1e9, 0)], 7]
)
def test_an_invalid_stroke_is_named(stroke: object) -> None:
    with pytest.raises(TenfoldError, match="stroke 2: "):
        find_stroked_digits([[(0, 0), (1, 1)], stroke])  # type: ignore[list-item]  # wrong on purpose
