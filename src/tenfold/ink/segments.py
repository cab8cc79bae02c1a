"""From a page's ink to single digits: pieces joined and cut, put in rows and in reading order."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ink.paper import Mask

JOIN_GAP = 0.2  # of a digit's height: the bar of a 5 is drawn nearer than that
SMALL = 0.55  # of a digit's height: a lower piece may be a part of a digit
SPECK = 0.3  # of a digit's height: a piece that is smaller both ways, alone, is a speck or a dot
WIDE = 1.2  # width over height from which two digits are looked for
MOST_PIECES = 2000  # on a page; the largest count where gravel makes more
NECK = 0.3  # of the height: digits that touch along more are not cut


@dataclass
class Segment:
    """The ink of one digit.

    Args:
        mask: bool [h, w], its ink within its box.
        x: left edge of the box, in pixels of the picture worked on.
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


def segments(mask: Mask, least: float = SMALL) -> list[Segment]:
    """Find the digits in a mask of ink, in no order.

    Args:
        mask: bool [h, w].
        least: what a digit's height must be, as a share of the page's digits'; of low and wide ones
            the width counts.
    """
    pieces = _pieces(mask)
    if not pieces:
        return []
    height = _digit_height(pieces)
    joined = _join(pieces, height)
    digits = [
        piece
        for piece in joined
        if piece.height >= least * height or max(piece.width, piece.height) >= 0.8 * height
    ]
    digits = [piece for piece in digits if piece.height >= SPECK * height]
    return [part for digit in digits for part in split_touching(digit, height)]


def whole(mask: Mask) -> list[Segment]:
    """Take all ink for one digit, but for far specks."""
    pieces = _pieces(mask)
    if not pieces:
        return []
    most = max(piece.height for piece in pieces)
    kept = [p for p in pieces if max(p.width, p.height) >= 0.12 * most]
    return [_union(kept)]


def _pieces(mask: Mask) -> list[Segment]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    least = max(3.0, 2e-6 * mask.size)
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest = 1 + np.argsort(-areas, kind="stable")[:MOST_PIECES]
    pieces = []
    for index in largest[areas[largest - 1] >= least].tolist():
        x, y, width, height, _area = stats[index].tolist()
        pieces.append(Segment(labels[y : y + height, x : x + width] == index, x, y))
    return pieces


def _digit_height(pieces: list[Segment]) -> float:
    """Estimate the height of a digit from the pieces' heights, weighed by their ink.

    The upper quartile: a digit in two pieces is taller than either.
    """
    heights = np.array([piece.height for piece in pieces])
    areas = np.array([np.count_nonzero(piece.mask) for piece in pieces])
    order = np.argsort(heights)
    place = int(np.searchsorted(np.cumsum(areas[order]), 0.75 * areas.sum()))
    return float(heights[order][min(place, len(order) - 1)])


def _join(pieces: list[Segment], height: float) -> list[Segment]:
    """Join the pieces of broken digits: a small one to what is near and under or above it."""
    boxes = sorted(pieces, key=lambda piece: -np.count_nonzero(piece.mask))
    edges = np.array([_edges(box) for box in boxes]).reshape(-1, 4)
    gone = np.zeros(len(boxes), np.bool_)
    joined = True
    while joined:  # what was too far before may be near what was joined meanwhile
        joined = False
        for small in range(len(boxes) - 1, -1, -1):
            if gone[small]:
                continue
            across = np.maximum(edges[:, 0], edges[small, 0]) - np.minimum(
                edges[:, 2], edges[small, 2]
            )
            down = np.maximum(edges[:, 1], edges[small, 1]) - np.minimum(
                edges[:, 3], edges[small, 3]
            )
            near = (np.maximum(across, down) <= JOIN_GAP * height) & ~gone
            near[small] = False
            gaps = [
                (gap, index)
                for index in np.flatnonzero(near).tolist()
                if _fit(boxes[small], boxes[index], height)
                and (gap := _gap(boxes[small], boxes[index])) <= JOIN_GAP * height
            ]
            if gaps:
                _, index = min(gaps)
                boxes[index] = _union([boxes[index], boxes[small]])
                edges[index] = _edges(boxes[index])
                gone[small] = joined = True
    return [box for box, is_gone in zip(boxes, gone, strict=True) if not is_gone]


def _edges(box: Segment) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _fit(one: Segment, other: Segment, height: float) -> bool:
    """Tell whether two near pieces make one digit: one is small, or they stand on each other."""
    left, right = min(one.x, other.x), max(one.x + one.width, other.x + other.width)
    top, bottom = min(one.y, other.y), max(one.y + one.height, other.y + other.height)
    if right - left > 1.25 * height or bottom - top > 1.6 * height:
        return False
    shared = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    stacked = shared >= 0.4 * min(one.width, other.width)
    if min(one.height, other.height) < SMALL * height:
        touching = shared > -0.1 * height
        return stacked or touching
    return stacked


def _gap(one: Segment, other: Segment) -> float:
    """Give the least distance between two pieces' ink, in pixels."""
    both = _frame([one, other])
    first, second = (_in_frame(piece, both) for piece in (one, other))
    distance = cv2.distanceTransform(1 - first.astype(np.uint8), cv2.DIST_L2, 3)
    return float(distance[second].min())


def _frame(group: list[Segment]) -> tuple[int, int, int, int]:
    left, top = min(p.x for p in group), min(p.y for p in group)
    right = max(p.x + p.width for p in group)
    bottom = max(p.y + p.height for p in group)
    return left, top, right - left, bottom - top


def _in_frame(piece: Segment, frame: tuple[int, int, int, int]) -> Mask:
    left, top, width, height = frame
    mask = np.zeros((height, width), np.bool_)
    y, x = piece.y - top, piece.x - left
    mask[y : y + piece.height, x : x + piece.width] = piece.mask
    return mask


def _union(group: list[Segment]) -> Segment:
    frame = _frame(group)
    mask = np.zeros((frame[3], frame[2]), np.bool_)
    for piece in group:
        mask |= _in_frame(piece, frame)
    notes = list(dict.fromkeys(note for piece in group for note in piece.notes))
    if len(group) > 1 and "broken strokes: joined" not in notes:
        notes.append("broken strokes: joined")
    return Segment(mask, frame[0], frame[1], notes)


def split_touching(digit: Segment, height: float) -> list[Segment]:
    """Cut digits that touch, at the thinnest place between them, where that is clear.

    Args:
        digit: what may be several.
        height: of the page's digits, in pixels: a flat 4 is wide for its own height alone.
    """
    if digit.width < WIDE * max(digit.height, height):
        return [digit]
    ink = digit.mask.sum(0).astype(np.float32)
    ink = cv2.blur(ink[None, :], (max(1, digit.height // 20) | 1, 1))[0]
    margin = round(0.3 * digit.height)
    inner = ink[margin : digit.width - margin]
    if not inner.size or inner.min() > NECK * digit.height:
        return [digit]
    # The thinnest column, and among equals the one that leaves parts of a digit's width.
    count = max(2, round(digit.width / (0.75 * digit.height)))
    ideal = np.abs((np.arange(len(inner)) + margin) / digit.width * count % 1 - 0.5)
    column = margin + int(np.argmin(inner / digit.height + 0.3 * (0.5 - ideal)))
    parts = []
    for start, end in ((0, column), (column, digit.width)):
        mask = digit.mask[:, start:end]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return [digit]
        cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        x, y = digit.x + start + int(columns[0]), digit.y + int(rows[0])
        parts.append(Segment(cut, x, y, [*digit.notes, "two digits touch: split"]))
    if min(part.height for part in parts) < SMALL * digit.height:
        return [digit]  # a tail or a flag, no digit
    return [piece for part in parts for piece in split_touching(part, height)]


def page_angle(digits: list[Segment]) -> float:
    """Estimate by how many degrees, clockwise, a page's rows are turned; 0 from too few digits."""
    angles = []
    for one in digits:
        x, y = one.centre
        right = [
            (other.centre[0] - x, other.centre[1] - y)
            for other in digits
            if 0 < other.centre[0] - x < 4 * one.height
            and abs(other.centre[1] - y) < 0.5 * (other.centre[0] - x)
        ]
        if right:
            across, down = min(right, key=lambda step: step[0] + 2 * abs(step[1]))
            angles.append(np.degrees(np.arctan2(down, across)))
    return float(np.median(angles)) if len(angles) >= 3 else 0.0


def reading_order(digits: list[Segment], angle: float) -> list[list[int]]:
    """Put digits in rows, top to bottom, and each row left to right; indices into `digits`."""
    turn = np.radians(-angle)
    cosine, sine = float(np.cos(turn)), float(np.sin(turn))
    places = np.array(
        [
            (x * cosine - y * sine, x * sine + y * cosine)
            for x, y in (digit.centre for digit in digits)
        ]
    ).reshape(-1, 2)
    heights = np.array([digit.height for digit in digits], np.float64)
    rows: list[list[int]] = []
    for index in np.argsort(places[:, 1]).tolist():
        for row in reversed(rows):
            middle = float(np.mean(places[row, 1]))
            if abs(places[index, 1] - middle) < 0.5 * max(heights[index], np.median(heights[row])):
                row.append(index)
                break
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: float(places[index, 0])) for row in rows]


def turned(strength: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """Turn a cut-out back by `angle` degrees, with room for its corners."""
    height, width = strength.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    matrix[0, 2] += (side - width) / 2
    matrix[1, 2] += (side - height) / 2
    return np.asarray(cv2.warpAffine(strength, matrix, (side, side)), np.float32)
