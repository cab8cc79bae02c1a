"""Find straight edges and the steps of light across them, in the logarithm of a small image."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.image import Luminance, downscale

SMALL_SIDE = 400  # pixels of the longer side: strokes of writing are then thinner than CLOSING
MIN_INK = 0.15  # of the logarithm, from ink to paper
CLOSING = 9  # pixels; closes strokes, not the sheet
DARKEST = 6.0  # of 255; added, so that the noise of black is not large in the logarithm
MAX_SEGMENTS, MAX_EDGES = 200, 48  # the longest
MIN_LENGTH = 0.08  # of the longer side
MIN_STEP = 0.06  # of the logarithm, from the table to the sheet: 6 %
REACH = (2.5, 4.5, 6.5)  # pixels to either side of an edge at which the step is measured
MAX_STEP = 0.9  # a larger step counts as this one

# Sums along a line, its first point, its direction.
Steps = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Lines = NDArray[np.float64]  # [n, 3]: a x + b y + c = 0, with a^2 + b^2 = 1


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


def line_through_point(across: float, down: float, x: float, y: float) -> NDArray[np.float64]:
    """Return the line through a point in a direction of length 1, float64 [3]."""
    return np.array((-down, across, down * x - across * y))


def find_lines(log: NDArray[np.float32]) -> Lines:
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
        line = line_through_point(across, down, *ends[first, 0])
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
    return line_through_point(*np.linalg.eigh(spread)[1][:, 1], *middle)


def sample(log: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sample at points [..., 2]; float32 [...]."""
    x, y = at.astype(np.float32).reshape(-1, 1, 2).transpose(2, 0, 1)
    sampled = cv2.remap(log, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32).reshape(at.shape[:-1])


def step_across(
    log: NDArray[np.float32], points: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return by how much `log` rises at points [n, 2] in the direction of a normal, float32 [n]."""
    step = np.zeros(len(points), np.float32)
    for distance in REACH:
        step += sample(log, points + distance * normal) - sample(log, points - distance * normal)
    return np.clip(step / len(REACH), -MAX_STEP, MAX_STEP)


def steps_along(log: NDArray[np.float32], line: NDArray[np.float64]) -> Steps:
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
    step = step_across(log, inner, normal)
    counts = np.zeros((2 * reach, 5))
    counts[within] = np.column_stack(
        [np.ones(len(inner)), step > MIN_STEP, step < -MIN_STEP, step, -step]
    )
    return np.cumsum(counts, axis=0), origin, direction
