"""Find the four straight edges that bound a sheet of paper."""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.edges import (
    MIN_LENGTH,
    MIN_STEP,
    Lines,
    SmallLog,
    Steps,
    find_lines,
    line_through_point,
    sample,
    step_across,
    steps_along,
)

MAX_LINES = 16  # those with the largest steps
UNSUPPORTED = 0.5  # what a pixel of side without a step costs, in steps
MIN_SUPPORT, MIN_TOTAL_SUPPORT = 0.6, 0.8  # of each side's visible pixels, and of all sides'
EVEN = 0.35  # of the median step, what most of each side has
MIN_INKED = 0.0005  # of the sheet; a bar that is drawn has no ink on it
MIN_FLAT = 0.8  # of the sheet, without its ink
MIN_BRIGHTNESS = 0.6  # of the image's brightest part: paper that is in the light
MIN_BRIGHT = 0.1  # of the sheet; the rest may be in the shadow
MAX_TRIED = 20  # of the quadrilaterals, the best first
MIN_AREA, MIN_WIDTH = 0.08, 0.2  # of the image, of its shorter side
MAX_BEYOND = 0.3  # of the image's side: how far out of it a corner may be
SEARCH = 5  # pixels to either side in which an edge is refined


@dataclass(frozen=True)
class Quadrilateral:
    """Four lines, each a side, in clockwise order.

    Args:
        lines: float64 [4, 3].
        visible: which of them are edges of the sheet; the others are the image's own border.
    """

    lines: Lines
    visible: tuple[bool, bool, bool, bool]

    @property
    def corners(self) -> NDArray[np.float64]:
        """Where each side meets the one before it, float64 [4, 2]."""
        return meet(np.roll(self.lines, 1, axis=0), self.lines)


def meet(one: Lines, other: Lines) -> NDArray[np.float64]:
    """Return where lines meet, float64 [n, 2]; far away where they are parallel."""
    crossing = np.cross(one, other)
    depth = crossing[:, 2:]
    return crossing[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)


def find_quadrilateral(image: SmallLog) -> Quadrilateral | None:
    """Find the sheet's four sides; None where no four bound a sheet clearly."""
    log = image.log
    lines = find_lines(log)
    if len(lines) < 2:
        return None
    height, width = log.shape
    border = np.array([(0, 1, 0), (-1, 0, width - 1), (0, -1, height - 1), (1, 0, 0)], np.float64)
    steps = [steps_along(log, line) for line in lines]
    order = np.argsort([-abs(sums[-1, 3]) for sums, _, _ in steps], kind="stable")[:MAX_LINES]
    lines, steps = np.concatenate([lines[order], border]), [steps[index] for index in order]
    candidates, corners = _candidates(lines, (width, height))
    if not len(candidates):
        return None
    is_border = candidates >= len(order)
    score = _score(candidates, corners, steps, lines, is_border, max(log.shape))
    bright = log > float(np.percentile(log, 99)) + np.log(MIN_BRIGHTNESS)
    flat = np.abs(np.gradient(log)).max(0) < MIN_STEP
    for best in np.argsort(-score, kind="stable")[: min(MAX_TRIED, int((score > 0).sum()))]:
        visible = tuple((~is_border[best]).tolist())
        found = Quadrilateral(lines[candidates[best]], visible)
        within = _within(log.shape, corners[best])
        if (
            flat[within].mean() >= MIN_FLAT
            and bright[within].mean() >= MIN_BRIGHT
            and image.ink[within].mean() >= MIN_INKED
            and _is_even(log, found)
        ):
            return found
    return None


def _score(
    candidates: NDArray[np.int64],
    corners: NDArray[np.float64],
    steps: list[Steps],
    lines: Lines,
    is_border: NDArray[np.bool_],
    longer_side: int,
) -> NDArray[np.float64]:
    """Return the steps that each candidate has along its sides; -inf where they bound no sheet."""
    supported, inside, height_of_step = (np.zeros(candidates.shape) for _ in range(3))
    middles = corners.mean(axis=1)
    for number, (sums, origin, direction) in enumerate(steps):
        which, side = np.nonzero(candidates == number)
        ends = [corners[which, side], corners[which, (side + 1) % 4]]
        along = np.sort([(end - origin) @ direction for end in ends], axis=0)
        start, stop = np.clip(np.rint(along).astype(int), 0, len(sums) - 1)
        passed = sums[stop] - sums[start]
        left = np.column_stack([middles[which], np.ones(len(which))]) @ lines[number] > 0
        inside[which, side] = passed[:, 0]
        supported[which, side] = np.where(left, passed[:, 1], passed[:, 2])
        height_of_step[which, side] = np.where(left, passed[:, 3], passed[:, 4])
    share = np.where(is_border, 1, supported / np.maximum(inside, 1)).min(1)
    total, length = supported.sum(1), inside.sum(1)
    good = (share >= MIN_SUPPORT) & (total >= MIN_TOTAL_SUPPORT * length)
    good &= np.where(is_border, np.inf, inside).min(1) >= MIN_LENGTH * longer_side
    # Two sides prove less than four: they must be whole, and long.
    good &= ((~is_border).sum(1) >= 3) | ((share > 0.9) & (total > 0.8 * longer_side))
    score = height_of_step.sum(1) - UNSUPPORTED * (length - total)
    return np.where(good, score, -np.inf)


def _is_even(log: NDArray[np.float32], found: Quadrilateral) -> bool:
    """Return whether the steps along the sides are alike, as those of a pattern are not."""
    corners, sides = found.corners, []
    middle = corners.mean(axis=0)
    height, width = log.shape
    for side in (side for side in range(4) if found.visible[side]):
        start, stop = corners[side], corners[(side + 1) % 4]
        points = start + np.linspace(0.02, 0.98, 100)[:, None] * (stop - start)
        points = points[((points >= 0) & (points < (width, height))).all(1)]
        inwards = found.lines[side, :2] * np.sign(found.lines[side] @ [*middle, 1])
        sides.append(step_across(log, points, inwards))
    typical = float(np.median(np.concatenate(sides)))
    return all(float((side > EVEN * typical).mean()) >= MIN_SUPPORT for side in sides)


def _within(shape: tuple[int, ...], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the pixels of a quadrilateral, but for its margin; bool [h, w]."""
    middle = corners.mean(axis=0)
    within = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(within, np.rint(middle + 0.9 * (corners - middle)).astype(np.int32), 1)
    return within > 0


def refine_sides(image: SmallLog, found: Quadrilateral) -> Quadrilateral:
    """Move each visible side to where the light changes most, by a robust fit."""
    log, lines = image.log, found.lines.copy()
    corners = found.corners
    middle = corners.mean(axis=0)
    height, width = log.shape
    offsets = np.arange(-SEARCH - 1, SEARCH + 2)
    for side in (side for side in range(4) if found.visible[side]):
        start, stop = corners[side], corners[(side + 1) % 4]
        share = np.linspace(0.03, 0.97, 120)[:, None]
        points = start + share * (stop - start)
        inwards = lines[side, :2] * np.sign(lines[side] @ [*middle, 1])
        at = points[:, None] + offsets[:, None] * inwards
        values = sample(log, at)
        rise = values[:, 2:] - values[:, :-2]
        place = np.argmax(rise, axis=1)
        peak = points + offsets[1:-1][place][:, None] * inwards
        kept = rise[np.arange(len(rise)), place] > MIN_STEP / 2
        kept &= ((peak >= 2) & (peak <= np.array([width - 3, height - 3]))).all(1)
        if kept.sum() >= 20:
            fit = cv2.fitLine(peak[kept].astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01)
            lines[side] = line_through_point(*np.asarray(fit, np.float64).ravel())
    return Quadrilateral(lines, found.visible)


def _candidates(
    lines: Lines, size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the quadrilaterals that may be a sheet in perspective.

    Args:
        lines: float64 [n, 3]; the last four are the image's borders.
        size: width and height of the image.

    Returns:
        Indices of their lines, int64 [k, 4], clockwise, and their corners, float64 [k, 4, 2]:
        each where a line meets the one before it.
    """
    count = len(lines)
    angles = np.arctan2(lines[:, 1], lines[:, 0]) % np.pi
    pairs = np.array(list(combinations(range(count), 2)))
    turn = np.abs(angles[pairs[:, 0]] - angles[pairs[:, 1]])
    pairs = pairs[np.minimum(turn, np.pi - turn) < np.radians(35)]
    first, second = (chosen.ravel() for chosen in np.triu_indices(len(pairs), 1))
    chosen = np.concatenate([pairs[first], pairs[second]], axis=1)[:, [0, 2, 1, 3]]
    borders = (chosen >= count - 4).sum(1)
    distinct = (np.diff(np.sort(chosen, axis=1), axis=1) > 0).all(1)
    chosen = chosen[distinct & (borders <= 2)]
    corners = meet(
        lines[np.roll(chosen, 1, axis=1)].reshape(-1, 3), lines[chosen].reshape(-1, 3)
    ).reshape(-1, 4, 2)
    beyond = MAX_BEYOND * max(size)
    near = ((corners > -beyond) & (corners < np.array(size) + beyond)).all((1, 2))
    chosen, corners = chosen[near], corners[near]
    sides = np.roll(corners, -1, axis=1) - corners
    following = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    clockwise, anticlockwise = (turns > 0).all(1), (turns < 0).all(1)
    chosen[anticlockwise] = chosen[anticlockwise][:, ::-1]
    # Reversed, a corner is where a line meets the one that was behind it.
    corners[anticlockwise] = np.roll(corners[anticlockwise][:, ::-1], 1, axis=1)
    lengths = np.linalg.norm(sides, axis=2)
    sines = np.abs(turns) / np.maximum(lengths * np.roll(lengths, -1, axis=1), 1e-9)
    x, y = corners[..., 0], corners[..., 1]
    area = 0.5 * np.abs((x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1))
    good = (clockwise | anticlockwise) & (sines.min(1) > np.sin(np.radians(50)))
    good &= area >= MIN_AREA * size[0] * size[1]
    good &= lengths.min(1) > MIN_WIDTH * min(size)
    return chosen[good], corners[good]
