"""Find the four straight edges that bound a sheet of paper, in the logarithm of a small image."""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.image import Luminance, downscale

SMALL_SIDE = 400  # pixels of the longer side: strokes of writing are then thinner than CLOSING
MIN_SIDE = 240  # of the image's shorter side, in pixels: a smaller one is a crop of a line
MIN_INK = 0.15  # of the logarithm, from ink to paper
CLOSING = 9  # pixels; closes strokes, not the sheet
DARKEST = 6.0  # of 255; added, so that the noise of black is not large in the logarithm
MAX_SEGMENTS = 200
MAX_EDGES, MAX_LINES = 48, 16  # the longest, and of those the ones with the largest steps
MIN_LENGTH = 0.08  # of the longer side
MIN_STEP = 0.06  # of the logarithm, from the table to the sheet: 6 %
REACH = (2.5, 4.5, 6.5)  # pixels to either side of an edge at which the step is measured
MAX_STEP = 0.9  # a larger step counts as this one
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

# Sums along a line, its first point, its direction.
Steps = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Lines = NDArray[np.float64]  # [n, 3]: a x + b y + c = 0, with a^2 + b^2 = 1


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


@dataclass(frozen=True)
class SmallLog:
    """The logarithm of a small image without its ink.

    Args:
        log: float32 [h, w].
        ink: bool [h, w], where ink was.
        scale: pixels of the image for one.
    """

    log: NDArray[np.float32]
    ink: NDArray[np.bool_]
    scale: float


def small_log(luminance: Luminance) -> SmallLog:
    """Return the logarithm of a small image without its ink."""
    small = downscale(luminance, SMALL_SIDE)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (CLOSING, CLOSING))
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    logs = [np.log(np.asarray(grey, np.float32) + np.float32(DARKEST)) for grey in (small, closed)]
    return SmallLog(logs[1], logs[1] - logs[0] > MIN_INK, max(luminance.shape) / max(small.shape))


def meet(one: Lines, other: Lines) -> NDArray[np.float64]:
    """Return where lines meet, float64 [n, 2]; far away where they are parallel."""
    crossing = np.cross(one, other)
    depth = crossing[:, 2:]
    return crossing[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)


def find_quadrilateral(image: SmallLog) -> Quadrilateral | None:
    """Find the sheet's four sides; None where no four bound a sheet clearly."""
    log = image.log
    lines = _lines(log)
    if len(lines) < 2:
        return None
    height, width = log.shape
    border = np.array([(0, 1, 0), (-1, 0, width - 1), (0, -1, height - 1), (1, 0, 0)], np.float64)
    steps = [_steps_along(log, line) for line in lines]
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
        sides.append(_step(log, points, inwards))
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
        values = _sample(log, at)
        rise = values[:, 2:] - values[:, :-2]
        place = np.argmax(rise, axis=1)
        peak = points + offsets[1:-1][place][:, None] * inwards
        kept = rise[np.arange(len(rise)), place] > MIN_STEP / 2
        kept &= ((peak >= 2) & (peak <= np.array([width - 3, height - 3]))).all(1)
        if kept.sum() >= 20:
            fit = cv2.fitLine(peak[kept].astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01)
            lines[side] = _line(*np.asarray(fit, np.float64).ravel())
    return Quadrilateral(lines, found.visible)


def _line(across: float, down: float, x: float, y: float) -> NDArray[np.float64]:
    return np.array((-down, across, down * x - across * y))


def _lines(log: NDArray[np.float32]) -> Lines:
    """Find the longest straight edges, joined of segments, float64 [n, 3]."""
    low, high = float(log.min()), float(log.max())
    if high - low < MIN_STEP:
        return np.zeros((0, 3))
    grey = np.rint((log - low) * (255 / (high - low))).astype(np.uint8)
    segments = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD, 0.8).detect(grey)[0]
    if segments is None:
        return np.zeros((0, 3))
    ends = np.asarray(segments, np.float64).reshape(-1, 2, 2)
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    order = np.argsort(-lengths)
    order = order[lengths[order] >= 0.02 * max(log.shape)][:MAX_SEGMENTS]
    ends, lengths = ends[order], lengths[order]
    joined: list[tuple[float, NDArray[np.float64]]] = []
    free = np.ones(len(ends), np.bool_)
    for first in range(len(ends)):
        if not free[first]:
            continue
        across, down = (ends[first, 1] - ends[first, 0]) / lengths[first]
        line = _line(across, down, *ends[first, 0])
        for _ in range(2):  # the line of what is on it, and once more
            near = free & (np.abs(ends @ line[:2] + line[2]).max(1) < 3)
            if not near.any():
                break
            line = _line_through(ends[near], lengths[near])
        near[first] = True
        free &= ~near
        joined.append((float(lengths[near].sum()), line))
    joined.sort(key=lambda entry: -entry[0])
    long = [line for length, line in joined if length >= MIN_LENGTH * max(log.shape)]
    return np.array(long[:MAX_EDGES]).reshape(-1, 3)


def _line_through(ends: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a line to segments, each weighted by its length, by least squares."""
    weights = lengths / lengths.sum()
    middle = weights @ ends.mean(axis=1)
    away = ends - middle
    # The mean over a segment of the square of what is linear along it.
    spread = np.einsum("n,nki,nkj->ij", weights / 6, away, away)
    spread += np.einsum("n,ni,nj->ij", weights / 6, away.sum(1), away.sum(1))
    return _line(*np.linalg.eigh(spread)[1][:, 1], *middle)


def _sample(log: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sample at points [..., 2]; float32 [...]."""
    x, y = at.astype(np.float32).reshape(-1, 1, 2).transpose(2, 0, 1)
    sampled = cv2.remap(log, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32).reshape(at.shape[:-1])


def _step(
    log: NDArray[np.float32], points: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return by how much `log` rises at points [n, 2] in the direction of a normal, float32 [n]."""
    step = np.zeros(len(points), np.float32)
    for distance in REACH:
        step += _sample(log, points + distance * normal) - _sample(log, points - distance * normal)
    return np.clip(step / len(REACH), -MAX_STEP, MAX_STEP)


def _steps_along(log: NDArray[np.float32], line: NDArray[np.float64]) -> Steps:
    """Count, pixel by pixel along a line, where it is in the image and where it is an edge.

    Returns:
        Cumulative sums float64 [n, 5]: pixels in the image; those whose positive side is brighter
        and those whose negative side is; the steps of either; the point of the first pixel; the
        line's direction.
    """
    height, width = log.shape
    normal, direction = line[:2], np.array([line[1], -line[0]])
    reach = int(np.hypot(height, width)) + 1
    nearest = np.array([width / 2, height / 2])
    nearest = nearest - (nearest @ normal + line[2]) * normal
    origin = nearest - reach * direction
    points = origin + np.arange(2 * reach)[:, None] * direction
    x, y = points.T
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    inner = points[within]
    step = _step(log, inner, normal)
    counts = np.zeros((2 * reach, 5))
    counts[within] = np.column_stack(
        [np.ones(len(inner)), step > MIN_STEP, step < -MIN_STEP, step, -step]
    )
    return np.cumsum(counts, axis=0), origin, direction


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
