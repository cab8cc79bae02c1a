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


@dataclass(frozen=True)
class Drawing:
    """Strokes drawn as ink.

    Args:
        ink: float32 [h, w] in 0-1.
        scale: units of the strokes for one pixel.
        corner: x and y of the drawing's upper left corner, in the strokes' unit.
        size: width and height of the strokes, in their unit.
    """

    ink: NDArray[np.float32]
    scale: float
    corner: tuple[float, float]
    size: tuple[int, int]


def draw_strokes(strokes: Strokes) -> Drawing:
    """Draw strokes with a thin pen on a canvas of their own extent.

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
        return Drawing(np.zeros((1, 1), np.float32), 1.0, (0.0, 0.0), (0, 0))
    low = np.min([line.min(0) for line in lines], axis=0)
    high = np.max([line.max(0) for line in lines], axis=0)
    longer_side = float((high - low).max())
    zoom = MAX_SIDE / longer_side if longer_side > 0 else 1.0
    width, height = np.ceil((high - low) * zoom).astype(int) + 2 * MARGIN + 1
    canvas = np.zeros((int(height), int(width)), np.uint8)
    for line in lines:
        # Sixteenths of a pixel, as OpenCV draws between pixels.
        points = np.rint(((line - low) * zoom + MARGIN) * 16).astype(np.int32)
        if len(points) == 1:
            cv2.circle(canvas, points[0].tolist(), PEN_WIDTH * 16, 255, -1, cv2.LINE_AA, 4)
        else:
            cv2.polylines(canvas, [points], False, 255, PEN_WIDTH, cv2.LINE_AA, 4)
    x, y = (low - MARGIN / zoom).tolist()
    size = (round(float(high[0] - low[0])), round(float(high[1] - low[1])))
    return Drawing(canvas.astype(np.float32) / np.float32(255), 1 / zoom, (x, y), size)


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
