"""Segment a page's ink into digits: join and split components, find rows and reading order."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.paper import Mask

MAX_GAP = 0.2  # of a digit's height: the bar of a 5 is nearer than that to the rest
MIN_DIGIT_HEIGHT = 0.55  # of a digit's height: a lower component may be a part of a digit
MAX_SPECK = 0.3  # of a digit's height: a component smaller both ways, alone, is a speck or a dot
MIN_TOUCHING_ASPECT = 1.2  # width over height from which two touching digits are looked for
MAX_COMPONENTS = 2000  # on a page; the largest are kept where gravel makes more
MAX_NECK = 0.3  # of the height: digits that touch along more are not split


@dataclass
class Segment:
    """The ink of one digit.

    Args:
        mask: bool [h, w], its ink within its box.
        x: left edge of the box, in pixels of the downscaled image.
        y: top edge.
        notes: what was done.
    """

    mask: Mask
    x: int
    y: int
    notes: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Width of the box, in pixels."""
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        """Height of the box, in pixels."""
        return int(self.mask.shape[0])

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, x and y."""
        return self.x + self.width / 2, self.y + self.height / 2


def find_segments(mask: Mask, min_height: float = MIN_DIGIT_HEIGHT) -> list[Segment]:
    """Find the digits in a mask of ink, in no order.

    Args:
        mask: bool [h, w].
        min_height: the least height of a digit, as a fraction of the page's digits'; of low and
            wide ones the width counts.
    """
    components = _components(mask)
    if not components:
        return []
    height = _digit_height(components)
    joined = _join(components, height)
    digits = [
        segment
        for segment in joined
        if segment.height >= min_height * height
        or max(segment.width, segment.height) >= 0.8 * height
    ]
    digits = [segment for segment in digits if segment.height >= MAX_SPECK * height]
    return [part for digit in digits for part in split_touching(digit, height)]


def single_segment(mask: Mask) -> list[Segment]:
    """Take all ink for one digit, but for specks."""
    components = _components(mask)
    if not components:
        return []
    tallest = max(component.height for component in components)
    kept = [c for c in components if max(c.width, c.height) >= 0.12 * tallest]
    return [_union(kept)]


def _components(mask: Mask) -> list[Segment]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    min_area = max(3.0, 2e-6 * mask.size)
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest = 1 + np.argsort(-areas, kind="stable")[:MAX_COMPONENTS]
    components = []
    for index in largest[areas[largest - 1] >= min_area].tolist():
        x, y, width, height, _area = stats[index].tolist()
        components.append(Segment(labels[y : y + height, x : x + width] == index, x, y))
    return components


def _digit_height(components: list[Segment]) -> float:
    """Estimate the height of a digit from the components' heights, weighted by their ink.

    The upper quartile: a digit in two components is taller than either.
    """
    heights = np.array([component.height for component in components])
    areas = np.array([np.count_nonzero(component.mask) for component in components])
    order = np.argsort(heights)
    quartile = int(np.searchsorted(np.cumsum(areas[order]), 0.75 * areas.sum()))
    return float(heights[order][min(quartile, len(order) - 1)])


def _join(components: list[Segment], height: float) -> list[Segment]:
    """Join the components of broken digits: a small one to one that is near and below or above."""
    segments = sorted(components, key=lambda component: -np.count_nonzero(component.mask))
    edges = np.array([_edges(segment) for segment in segments]).reshape(-1, 4)
    merged = np.zeros(len(segments), np.bool_)
    changed = True
    while changed:  # a component too far before may be near what was joined meanwhile
        changed = False
        for small in range(len(segments) - 1, -1, -1):
            if merged[small]:
                continue
            across = np.maximum(edges[:, 0], edges[small, 0]) - np.minimum(
                edges[:, 2], edges[small, 2]
            )
            down = np.maximum(edges[:, 1], edges[small, 1]) - np.minimum(
                edges[:, 3], edges[small, 3]
            )
            near = (np.maximum(across, down) <= MAX_GAP * height) & ~merged
            near[small] = False
            gaps = [
                (gap, index)
                for index in np.flatnonzero(near).tolist()
                if _can_join(segments[small], segments[index], height)
                and (gap := _gap(segments[small], segments[index])) <= MAX_GAP * height
            ]
            if gaps:
                _, index = min(gaps)
                segments[index] = _union([segments[index], segments[small]])
                edges[index] = _edges(segments[index])
                merged[small] = changed = True
    return [segment for segment, gone in zip(segments, merged, strict=True) if not gone]


def _edges(segment: Segment) -> tuple[int, int, int, int]:
    return segment.x, segment.y, segment.x + segment.width, segment.y + segment.height


def _can_join(one: Segment, other: Segment, height: float) -> bool:
    """Return whether two near components may be one digit: one is small, or they are stacked."""
    left, right = min(one.x, other.x), max(one.x + one.width, other.x + other.width)
    top, bottom = min(one.y, other.y), max(one.y + one.height, other.y + other.height)
    if right - left > 1.25 * height or bottom - top > 1.6 * height:
        return False
    overlap = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    stacked = overlap >= 0.4 * min(one.width, other.width)
    if min(one.height, other.height) < MIN_DIGIT_HEIGHT * height:
        adjacent = overlap > -0.1 * height
        return stacked or adjacent
    return stacked


def _gap(one: Segment, other: Segment) -> float:
    """Return the least distance between the ink of two components, in pixels."""
    frame = _frame([one, other])
    first, second = (_mask_in_frame(segment, frame) for segment in (one, other))
    distance = cv2.distanceTransform(1 - first.astype(np.uint8), cv2.DIST_L2, 3)
    return float(distance[second].min())


def _frame(group: list[Segment]) -> tuple[int, int, int, int]:
    left, top = min(s.x for s in group), min(s.y for s in group)
    right = max(s.x + s.width for s in group)
    bottom = max(s.y + s.height for s in group)
    return left, top, right - left, bottom - top


def _mask_in_frame(segment: Segment, frame: tuple[int, int, int, int]) -> Mask:
    left, top, width, height = frame
    mask = np.zeros((height, width), np.bool_)
    y, x = segment.y - top, segment.x - left
    mask[y : y + segment.height, x : x + segment.width] = segment.mask
    return mask


def _union(group: list[Segment]) -> Segment:
    frame = _frame(group)
    mask = np.zeros((frame[3], frame[2]), np.bool_)
    for segment in group:
        mask |= _mask_in_frame(segment, frame)
    notes = list(dict.fromkeys(note for segment in group for note in segment.notes))
    if len(group) > 1 and "broken strokes: joined" not in notes:
        notes.append("broken strokes: joined")
    return Segment(mask, frame[0], frame[1], notes)


def split_touching(digit: Segment, height: float) -> list[Segment]:
    """Split digits that touch, at the thinnest place between them, where that is clear.

    Args:
        digit: a segment that may be several digits.
        height: of the page's digits, in pixels: a flat 4 is wide for its own height alone.
    """
    if digit.width < MIN_TOUCHING_ASPECT * max(digit.height, height):
        return [digit]
    ink = digit.mask.sum(0).astype(np.float32)
    ink = cv2.blur(ink[None, :], (max(1, digit.height // 20) | 1, 1))[0]
    margin = round(0.3 * digit.height)
    inner = ink[margin : digit.width - margin]
    if not inner.size or inner.min() > MAX_NECK * digit.height:
        return [digit]
    # The thinnest column, and among equals the one that leaves parts of a digit's width.
    count = max(2, round(digit.width / (0.75 * digit.height)))
    from_middle = np.abs((np.arange(len(inner)) + margin) / digit.width * count % 1 - 0.5)
    column = margin + int(np.argmin(inner / digit.height + 0.3 * (0.5 - from_middle)))
    parts = []
    for start, end in ((0, column), (column, digit.width)):
        mask = digit.mask[:, start:end]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return [digit]
        crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        x, y = digit.x + start + int(columns[0]), digit.y + int(rows[0])
        parts.append(Segment(crop, x, y, [*digit.notes, "two digits touch: split"]))
    if min(part.height for part in parts) < MIN_DIGIT_HEIGHT * digit.height:
        return [digit]  # a tail or a flag, no digit
    return [digit for part in parts for digit in split_touching(part, height)]


def page_angle(digits: list[Segment]) -> float:
    """Estimate by how many degrees, clockwise, a page's rows are rotated; 0 from too few digits."""
    angles = []
    for one in digits:
        x, y = one.centre
        to_the_right = [
            (other.centre[0] - x, other.centre[1] - y)
            for other in digits
            if 0 < other.centre[0] - x < 4 * one.height
            and abs(other.centre[1] - y) < 0.5 * (other.centre[0] - x)
        ]
        if to_the_right:
            across, down = min(to_the_right, key=lambda step: step[0] + 2 * abs(step[1]))
            angles.append(np.degrees(np.arctan2(down, across)))
    return float(np.median(angles)) if len(angles) >= 3 else 0.0


def reading_order(digits: list[Segment], angle: float) -> list[list[int]]:
    """Sort digits into rows, top to bottom, each left to right; return indices into `digits`."""
    radians = np.radians(-angle)
    cosine, sine = float(np.cos(radians)), float(np.sin(radians))
    centres = np.array(
        [
            (x * cosine - y * sine, x * sine + y * cosine)
            for x, y in (digit.centre for digit in digits)
        ]
    ).reshape(-1, 2)
    heights = np.array([digit.height for digit in digits], np.float64)
    rows: list[list[int]] = []
    for index in np.argsort(centres[:, 1]).tolist():
        for row in reversed(rows):
            middle = float(np.mean(centres[row, 1]))
            if abs(centres[index, 1] - middle) < 0.5 * max(heights[index], np.median(heights[row])):
                row.append(index)
                break
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: float(centres[index, 0])) for row in rows]


def rotated(strength: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """Rotate a crop back by `angle` degrees, padded for its corners."""
    height, width = strength.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    matrix[0, 2] += (side - width) / 2
    matrix[1, 2] += (side - height) / 2
    return np.asarray(cv2.warpAffine(strength, matrix, (side, side)), np.float32)
