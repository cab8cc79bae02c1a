import pytest

from tenfold.errors import TenfoldError
from tenfold.ink.page import find_stroked_digits


def test_no_strokes_are_a_blank_page() -> None:
    assert not find_stroked_digits([]).digits


@pytest.mark.parametrize(
    "stroke", [[], [(1,)], [(1, 2, 3)], [("a", "b")], [(float("nan"), 0)], [(1e9, 0)], 7]
)
def test_a_bad_stroke_is_named(stroke: object) -> None:
    with pytest.raises(TenfoldError, match="stroke 2: "):
        find_stroked_digits([[(0, 0), (1, 1)], stroke])  # type: ignore[list-item]
