"""Sort the characters of a page into rows, and marks and gaps between them."""

import numpy as np
from numpy.typing import NDArray

from tenfold.model.page_network import CLASSES, Characters

MIN_ANGLE, MAX_ANGLE = 2.0, 30.0  # degrees; a smaller rotation of the page is none
SAME_ROW = 0.55  # of a height: middles that are further apart are in different rows
MIN_GAP = 0.6  # of a height, and twice the row's own spacing: narrower is no gap
MARK_ASIDE = 1.6  # heights: a mark further to the side of a row is not in it
# Of a height, below the middle of what is beside it: a point that is higher may be a speck, or a
# part of a colon. 89 points and commas beside training digits are at 0.22 to 0.50; of 10 that
# nobody wrote 5 are higher.
POINTS, MIN_BELOW = [CLASSES.index(point) for point in ".,"], 0.22
MARK_ABOVE = 0.85  # heights: nor one further above or below its middle


def page_angle(found: Characters) -> float:
    """Estimate by how many degrees, clockwise, rows are rotated; 0 where it is little."""
    middles, heights = _middles(found), found.heights
    angles = []
    for middle, height in zip(middles, heights, strict=True):
        across, down = (middles - middle).T
        beside = (across > 0) & (across < 4 * height) & (np.abs(down) < 0.5 * across)
        if beside.any():
            nearest = np.argmin(np.where(beside, across + 2 * np.abs(down), np.inf))
            angles.append(np.degrees(np.arctan2(down[nearest], across[nearest])))
    angle = float(np.median(angles)) if len(angles) >= 3 else 0.0
    return angle if MIN_ANGLE <= abs(angle) <= MAX_ANGLE else 0.0


def sort_rows(found: Characters, angle: float) -> list[list[int]]:
    """Sort characters into rows, top to bottom, each left to right; return indices.

    A row goes on from its last characters, so that it may bend and rows may lean together.
    """
    x, y = _turned(_middles(found), angle).T
    heights = found.heights
    rows: list[list[int]] = []
    for index in np.argsort(x, kind="stable").tolist():
        best: tuple[float, list[int]] | None = None
        for row in rows:
            last = row[-3:]
            level = float(np.mean(y[last]))
            apart = abs(float(y[index]) - level)
            # What is above or below the last character is in another row.
            over = x[index] - x[row[-1]] < 0.25 * min(heights[index], heights[row[-1]])
            limit = SAME_ROW * max(float(heights[index]), float(np.median(heights[last])))
            if apart < (0.5 * limit if over else limit) and (best is None or apart < best[0]):
                best = apart, row
        if best is None:
            rows.append([index])
        else:
            best[1].append(index)
    return sorted(rows, key=lambda row: float(np.mean(y[row])))


def attach_marks(
    found: Characters, rows: list[list[int]], marks: Characters, angle: float
) -> list[tuple[int, int, int]]:
    """Place marks in rows.

    Returns:
        Of each mark that is in a row: its index, the row, and how many characters are before it.
    """
    places, heights = _turned(_middles(found), angle), found.heights
    placed = []
    for mark, middle in enumerate(_turned(_middles(marks), angle)):
        best: tuple[float, int] | None = None
        for number, row in enumerate(rows):
            across, down = np.abs(places[row] - middle).T / heights[row]
            far = float((across + down)[(across < MARK_ASIDE) & (down < MARK_ABOVE)].min(initial=9))
            if far < 9 and (best is None or far < best[0]):
                best = far, number
        if best is not None:
            before = int((places[rows[best[1]], 0] < middle[0]).sum())
            placed.append((mark, best[1], before))
    return sorted(placed, key=lambda one: (one[1], one[2], float(marks.boxes[one[0], 0])))


def is_raised(
    found: Characters, row: list[int], mark: Characters, before: int, angle: float
) -> bool:
    """Return whether a mark is a point or comma that stands higher than one is written.

    Args:
        found: the characters.
        row: which of them are in the mark's row, left to right.
        mark: the one mark.
        before: how many characters of the row are before it.
        angle: of the page, in degrees.
    """
    if mark.probabilities.argmax() not in POINTS:
        return False
    beside = found[np.array(row[max(before - 1, 0) : before + 1])]
    level = float(_turned(_middles(beside), angle)[:, 1].mean())
    below = float(_turned(_middles(mark), angle)[0, 1]) - level
    return below < MIN_BELOW * float(beside.heights.mean())


def find_gaps(found: Characters, row: list[int]) -> list[int]:
    """Return before which places of a row there is a gap between words."""
    if len(row) < 2:
        return []
    boxes, height = found.boxes[row], float(np.median(found.heights[row]))
    spaces = (boxes[1:, 0] - boxes[:-1, 2]) / height
    usual = float(np.median(np.maximum(spaces, 0)))
    if len(row) < 4:  # of two or three spaces the median may be a gap itself
        usual = float(np.maximum(spaces, 0).min())
    return [int(place) + 1 for place in np.flatnonzero(spaces > max(MIN_GAP, 2 * usual))]


def _middles(found: Characters) -> NDArray[np.float32]:
    return np.asarray((found.boxes[:, :2] + found.boxes[:, 2:]) / 2)


def _turned(points: NDArray[np.float32], angle: float) -> NDArray[np.float64]:
    """Rotate points [n, 2] back by the page's angle."""
    radians = np.radians(angle)
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    return np.asarray(points @ np.array([[cosine, -sine], [sine, cosine]]))
