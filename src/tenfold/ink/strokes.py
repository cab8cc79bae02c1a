"""Draw strokes, as a web page or a tablet sends them, as ink, thin: normalising sets the width."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError

Strokes = Sequence[Sequence[tuple[float, float]]]

MAX_SIDE = 1000  # pixels of the drawing's longer side
PEN_WIDTH = 3  # pixels, of the drawing and of what is rendered at any scale
MARGIN = 80  # of 1,000: at a twentieth of the scale there is still room for half of the pen
SMALL_STROKE = 0.25  # of the largest: what is smaller is a bar, a dot or dirt
MAX_POINTS = 200_000
# A shorter stroke is a point: a tap whose finger slipped, which, drawn large, would be an accepted
# 1 (99.4 %). In pixels; in fractions of the area where no coordinate is above 1.
MIN_EXTENT, MIN_EXTENT_FRACTION = 4.0, 0.005
MIN_DISTANCE = 0.01  # of that extent


@dataclass(frozen=True)
class Drawing:
    """Strokes drawn as ink.

    Args:
        ink: float32 [h, w] in 0-1.
        points: bool [h, w], where the ink is that of points that touch no stroke.
        n_points: how many of them there are.
        lines: of each stroke its points, float64 [n, 2], x and y in pixels of `ink`.
        scale: units of the strokes for one pixel.
        corner: x and y of the drawing's upper left corner, in the strokes' unit.
        size: width and height of the strokes, in their unit.
    """

    ink: NDArray[np.float32]
    points: NDArray[np.bool_]
    n_points: int
    lines: tuple[NDArray[np.float64], ...]
    scale: float
    corner: tuple[float, float]
    size: tuple[int, int]

    @property
    def only_points(self) -> bool:
        """Whether there are points and nothing that was written."""
        return self.n_points > 0 and bool(self.points[self.ink > 0.3].all())

    @property
    def smallest_stroke(self) -> float:
        """The longer side of the smallest stroke that is at least a quarter of the largest."""
        sides = [float(np.ptp(line, axis=0).max()) for line in self.lines]
        largest = max(sides, default=0.0)
        return min((side for side in sides if side >= SMALL_STROKE * largest), default=0.0)

    def render(self, scale: float) -> NDArray[np.float32]:
        """Draw the strokes at a scale as dark ink on paper, always with the same pen.

        Args:
            scale: pixels for one of `ink`.

        Returns:
            float32 [h, w] in 0-255.
        """
        height, width = (max(1, round(side * scale)) for side in self.ink.shape)
        return 255 * (1 - _draw([line * scale for line in self.lines], (height, width)))


def draw_strokes(strokes: Strokes) -> Drawing:
    """Draw strokes with a thin pen on a canvas of their own extent.

    Args:
        strokes: points in pixels, or in fractions of the area where no coordinate is above 1; a
            stroke shorter and narrower than `MIN_EXTENT` is drawn as one point.

    Raises:
        TenfoldError: where a stroke is no list of points, or a coordinate is no finite number.
    """
    lines = [_points(stroke, number) for number, stroke in enumerate(strokes, 1)]
    if sum(map(len, lines)) > MAX_POINTS:
        raise TenfoldError(
            f"strokes: at most {MAX_POINTS:,} points; simplify the strokes. "
            f"Received: {sum(map(len, lines)):,}"
        )
    if not lines:
        blank = np.zeros((1, 1), np.float32)
        return Drawing(blank, blank > 0, 0, (), 1.0, (0.0, 0.0), (0, 0))
    is_fraction = max(np.abs(line).max() for line in lines) <= 1
    least = MIN_EXTENT_FRACTION if is_fraction else MIN_EXTENT
    lines = _short_as_points(lines, least)
    low = np.min([line.min(0) for line in lines], axis=0)
    high = np.max([line.max(0) for line in lines], axis=0)
    longer_side = float((high - low).max())
    # Points that are nearer than any hand can set them are one: else 1e-300 would fill the canvas.
    zoom = MAX_SIDE / longer_side if longer_side > MIN_DISTANCE * least else 1.0
    width, height = np.ceil((high - low) * zoom).astype(int) + 2 * MARGIN + 1
    placed = tuple((line - low) * zoom + MARGIN for line in lines)
    canvas = _draw(placed, (int(height), int(width)))
    written = _draw([line for line in placed if len(line) > 1], canvas.shape)
    points, n_points = _lone_points(canvas > 0, written > 0)
    x, y = (low - MARGIN / zoom).tolist()
    size = (round(float(high[0] - low[0])), round(float(high[1] - low[1])))
    return Drawing(canvas, points, n_points, placed, 1 / zoom, (x, y), size)


def _draw(lines: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw lines, and points as dots, float32 [h, w] in 0-1."""
    canvas = np.zeros(shape, np.uint8)
    # Sixteenths of a pixel, as OpenCV draws between pixels.
    fine = [np.rint(line * 16).astype(np.int32) for line in lines]
    cv2.polylines(
        canvas, [line for line in fine if len(line) > 1], False, 255, PEN_WIDTH, cv2.LINE_AA, 4
    )
    for (point,) in (line for line in fine if len(line) == 1):
        cv2.circle(canvas, point.tolist(), PEN_WIDTH * 16, 255, -1, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def _lone_points(
    inked: NDArray[np.bool_], written: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], int]:
    """Find the components of `inked` that have nothing `written` in them, and count them."""
    count, labels = cv2.connectedComponents(inked.astype(np.uint8))
    lone = np.ones(count, np.bool_)
    lone[0] = False  # the background
    lone[labels[written]] = False
    return lone[labels], int(lone.sum())


def _short_as_points(lines: list[NDArray[np.float64]], least: float) -> list[NDArray[np.float64]]:
    """Replace each stroke that is too short to be writing by the middle of its extent."""
    return [
        (line.min(0, keepdims=True) + line.max(0, keepdims=True)) / 2
        if np.ptp(line, axis=0).max() < least
        else line
        for line in lines
    ]


def _points(stroke: Sequence[tuple[float, float]], number: int) -> NDArray[np.float64]:
    try:
        points = np.asarray(stroke, np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1:] != (2,) or not len(points):
        raise TenfoldError(f"stroke {number}: must be a list of points [x, y], at least one")
    if not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise TenfoldError(f"stroke {number}: coordinates must be numbers of at most 1,000,000")
    return points
