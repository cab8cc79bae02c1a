"""Draw strokes, as a web page or a tablet sends them, as ink, thin: normalising sets the width."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError

Strokes = Sequence[Sequence[tuple[float, float]]]

MAX_SIDE = 1000  # pixels of the drawing's longer side
PEN_WIDTH = 3  # pixels
MARGIN = 8
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
        scale: units of the strokes for one pixel.
        corner: x and y of the drawing's upper left corner, in the strokes' unit.
        size: width and height of the strokes, in their unit.
    """

    ink: NDArray[np.float32]
    points: NDArray[np.bool_]
    n_points: int
    scale: float
    corner: tuple[float, float]
    size: tuple[int, int]


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
        return Drawing(blank, blank > 0, 0, 1.0, (0.0, 0.0), (0, 0))
    is_fraction = max(np.abs(line).max() for line in lines) <= 1
    least = MIN_EXTENT_FRACTION if is_fraction else MIN_EXTENT
    lines = _short_as_points(lines, least)
    low = np.min([line.min(0) for line in lines], axis=0)
    high = np.max([line.max(0) for line in lines], axis=0)
    longer_side = float((high - low).max())
    # Points that are nearer than any hand can set them are one: else 1e-300 would fill the canvas.
    zoom = MAX_SIDE / longer_side if longer_side > MIN_DISTANCE * least else 1.0
    width, height = np.ceil((high - low) * zoom).astype(int) + 2 * MARGIN + 1
    canvas = np.zeros((int(height), int(width)), np.uint8)
    # Sixteenths of a pixel, as OpenCV draws between pixels.
    fine = [np.rint(((line - low) * zoom + MARGIN) * 16).astype(np.int32) for line in lines]
    strokes_drawn = [line for line in fine if len(line) > 1]
    cv2.polylines(canvas, strokes_drawn, False, 255, PEN_WIDTH, cv2.LINE_AA, 4)
    written = canvas > 0
    for (point,) in (line for line in fine if len(line) == 1):
        cv2.circle(canvas, point.tolist(), PEN_WIDTH * 16, 255, -1, cv2.LINE_AA, 4)
    points, n_points = _lone_points(canvas > 0, written)
    x, y = (low - MARGIN / zoom).tolist()
    size = (round(float(high[0] - low[0])), round(float(high[1] - low[1])))
    ink = canvas.astype(np.float32) / np.float32(255)
    return Drawing(ink, points, n_points, 1 / zoom, (x, y), size)


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
