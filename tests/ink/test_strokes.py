import pytest

from tenfold.errors import TenfoldError
from tenfold.ink.strokes import draw_strokes


def test_no_strokes_are_a_blank_drawing() -> None:
    assert not draw_strokes([]).ink.any()


@pytest.mark.parametrize("moved", [[], [(101.0, 102.0)], [(100.5, 99.0), (102.0, 101.5)]])
def test_a_tap_alone_is_a_point(moved: list[tuple[float, float]]) -> None:
    tap = [(100.0, 100.0), *moved]
    assert draw_strokes([tap]).only_points
    assert draw_strokes([[(x / 1000, y / 1000) for x, y in tap]]).only_points


def test_a_tap_beside_a_digit_is_a_point_and_one_on_a_stroke_is_its_ink() -> None:
    seven = [(60.0, 60.0), (100.0, 60.0), (80.0, 120.0)]
    beside = draw_strokes([seven, [(150.0, 120.0), (151.0, 122.0)], [(170.0, 120.0)]])
    assert (beside.n_points, beside.only_points) == (2, False)
    assert draw_strokes([seven, [(80.0, 60.0)]]).n_points == 0


@pytest.mark.parametrize("height", [0.1, 1.0, 10.0, 300.0])
def test_a_digit_of_any_unit_is_no_point(height: float) -> None:
    seven = [(0.0, 0.0), (0.6 * height, 0.0), (0.3 * height, height)]
    assert draw_strokes([seven]).n_points == 0


def test_strokes_are_rendered_with_one_pen_at_any_scale() -> None:
    drawing = draw_strokes([[(10.0, 10.0), (90.0, 10.0)]])
    for scale in (0.05, 0.5, 1.0):
        rendered = drawing.render(scale)
        assert rendered.shape[1] == max(1, round(drawing.ink.shape[1] * scale))
        column = 255 - rendered[:, rendered.shape[1] // 2]
        assert column.sum() / 255 == pytest.approx(4, abs=2)


@pytest.mark.parametrize(
    "stroke", [[], [(1,)], [(1, 2, 3)], [("a", "b")], [(float("nan"), 0)], [(1e9, 0)], 7]
)
def test_an_invalid_stroke_is_named(stroke: object) -> None:
    with pytest.raises(TenfoldError, match="stroke 2: "):
        draw_strokes([[(0, 0), (1, 1)], stroke])  # type: ignore[list-item]  # wrong on purpose
