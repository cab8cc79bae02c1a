"""Find the digits and marks of a page with the page network, in rows, cut out and normalised."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tenfold.ink.crop import crop_characters
from tenfold.ink.image import AnyImage, Luminance, decode
from tenfold.ink.normalise import MEAN_PEN_WIDTH
from tenfold.ink.page import Box, FoundDigit, FoundMark, Page, Preview, make_preview
from tenfold.ink.region import Region
from tenfold.ink.strokes import Drawing
from tenfold.model.page_characters import find_characters, is_digit, resized
from tenfold.model.page_network import CLASSES, N_DIGITS, OTHER, Characters, PageNetwork
from tenfold.model.page_rows import attach_marks, find_gaps, page_angle, sort_rows

TURNED = ("", "turned by 90 degrees", "turned upside down", "turned by 270 degrees")
CLEAR = 0.6  # a digit of at least this probability says which way up the page is
MIN_CLEAR = 0.5  # of the characters: with fewer, the page may lie on its side
BETTER = 1.5  # times as much evidence must another way up have
MIN_OTHER = 0.5  # a character that is no digit must be there at least so surely
MAX_MARK_DIGIT = 0.3  # what may be a digit with more than this probability is no mark
MIN_DIGIT = 0.15  # and one that may be a digit, be a digit so probably


@dataclass(frozen=True)
class _View:
    """A page that was turned by so many quarters, counter-clockwise, and what is on it."""

    quarters: int
    luminance: Luminance
    found: Characters

    def to_upright(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where boxes are before the page was turned."""
        height, width = self.luminance.shape
        for _ in range(self.quarters):
            left, top, right, bottom = boxes.T
            boxes = np.stack([height - bottom, left, height - top, right], 1)
            height, width = width, height
        return boxes


def find_page(
    network: PageNetwork, image: AnyImage, name: str = "image", region: Region | None = None
) -> Page:
    """Find the digits and marks of an image.

    Args:
        network: the page network.
        image: a path, bytes, a Pillow image or an array (see `tenfold.ink.image.decode`).
        name: the name used in errors.
        region: look at this rectangle of the upright image alone (see `region_edges`).

    Returns:
        The page; its boxes are in pixels of the whole upright image.

    Raises:
        TenfoldError: where the image cannot be read, or the region is not a part of it.
    """
    decoded = decode(image, name, region)
    view = _right_way_up(network, decoded.luminance)
    preview = make_preview(decoded.luminance, decoded.scale, decoded.corner)
    notes = decoded.notes
    if view.quarters:
        notes = (*notes, TURNED[view.quarters])
    return _page(view, decoded.size, notes, preview, decoded.scale, None)


def find_drawn_page(network: PageNetwork, drawing: Drawing) -> Page:
    """Find the digits and marks among strokes.

    Args:
        network: the page network.
        drawing: the strokes, drawn.

    Returns:
        The page; its boxes are in the strokes' own unit, rounded to integers.
    """
    found = find_characters(network, drawing.render, drawing.ink.shape)
    luminance = 255 * (1 - drawing.ink)
    preview = make_preview(luminance, drawing.scale, drawing.corner)
    view = _View(0, luminance, found)
    page = _page(view, drawing.size, (), preview, drawing.scale, MEAN_PEN_WIDTH)
    ignored = drawing.n_points - sum(mark.label in ".:" for mark in page.marks)
    if ignored <= 0:
        return page
    note = f"{ignored} point{'s' if ignored > 1 else ''} ignored"
    return replace(page, notes=(*page.notes, note))


def _right_way_up(network: PageNetwork, luminance: Luminance) -> _View:
    """Turn a page by quarters where its digits are hardly any as it is, and clear otherwise."""

    def look(quarters: int) -> _View:
        turned = np.ascontiguousarray(np.rot90(luminance, quarters))
        return _View(quarters, turned, find_characters(network, resized(turned), turned.shape))

    upright = look(0)
    characters = int((~upright.found.marks).sum())
    if characters < 3 or _clear(upright.found).sum() >= MIN_CLEAR * characters:
        return upright
    views = [upright, *(look(quarters) for quarters in (1, 2, 3))]
    evidence = [float(_clear(view.found).sum()) for view in views]
    best = int(np.argmax(evidence))
    return views[best] if evidence[best] > BETTER * evidence[0] + 1 else upright


def _clear(found: Characters) -> NDArray[np.bool_]:
    sure = found.probabilities.max(1, initial=0) * found.scores
    return np.asarray(is_digit(found) & ~found.marks & (sure >= CLEAR))


def _page(
    view: _View,
    size: tuple[int, int],
    notes: tuple[str, ...],
    preview: Preview,
    scale: float,
    pen: float | None,
) -> Page:
    """Sort what was found into rows, and cut the digits out; `scale` and the preview place them."""
    characters, marks = _likely(view.found)
    angle = page_angle(characters)
    if angle:
        notes = (*notes, f"rotated by {-angle:.0f} degrees")
    rows, unread = _readable(characters, sort_rows(characters, angle))
    if unread:
        notes = (*notes, f"rows without a clear digit: {unread} characters not read")
    placed = attach_marks(characters, rows, marks, angle)
    if placed:
        notes = (*notes, f"marks beside digits: {len(placed)}")
    corner = np.tile(np.asarray(preview.corner, np.float32), 2)

    def boxes_of(some: Characters) -> list[Box]:
        edges = view.to_upright(some.boxes) * np.float32(scale) + corner
        return [Box.of(*edge) for edge in edges.tolist()]

    order = [index for row in rows for index in row]
    cropped = crop_characters(view.luminance, characters.boxes, order, angle, pen)
    boxes, evidence = boxes_of(characters), _evidence(characters)
    found = [
        FoundDigit(crop.image, boxes[index], row, (*notes, *crop.notes), evidence=evidence[index])
        for crop, index, row in zip(
            cropped, order, (n for n, row in enumerate(rows) for _ in row), strict=True
        )
    ]
    first = np.cumsum([0, *(len(row) for row in rows)])
    mark_boxes, sure = boxes_of(marks), marks.probabilities.max(1, initial=0)
    labels = marks.probabilities.argmax(1)
    found_marks = [
        FoundMark(
            CLASSES[labels[mark]],
            float(sure[mark]),
            mark_boxes[mark],
            row,
            int(first[row]) + before,
        )
        for mark, row, before in placed
    ]
    gaps = _gaps(characters, rows, [(row, before) for _, row, before in placed], boxes)
    every = sorted([*found_marks, *gaps], key=lambda mark: mark.before)
    return Page(tuple(found), size, notes, preview, tuple(every))


def _readable(characters: Characters, rows: list[list[int]]) -> tuple[list[list[int]], int]:
    """Return the rows with a clear digit, or else the best row; and how many characters are left.

    Letters, the grain of the paper and the edges of things make rows without any.
    """
    digit = _digit_probability(characters)
    best = max(rows, key=lambda row: float(digit[row].max()), default=None)
    kept = [row for row in rows if row is best or digit[row].max() >= CLEAR]
    return kept, sum(map(len, rows)) - sum(map(len, kept))


def _likely(found: Characters) -> tuple[Characters, Characters]:
    """Return the characters and the marks that are worth an answer.

    Whether a stroke is a 1 or a slash is decided by its class, whichever it was found as.
    """
    digit = found.probabilities[:, :N_DIGITS].sum(1)
    best = found.probabilities.argmax(1)
    is_mark = (best >= N_DIGITS) & (best < OTHER) & (digit < MAX_MARK_DIGIT)
    likely = (found.scores >= MIN_OTHER) | (_digit_probability(found) >= MIN_DIGIT)
    marks = found[is_mark & (found.scores >= MIN_OTHER)]
    return found[~is_mark & ~found.marks & likely], marks


def _digit_probability(found: Characters) -> NDArray[np.float32]:
    return np.asarray(found.probabilities[:, :N_DIGITS].max(1, initial=0) * found.scores)


def _evidence(found: Characters) -> NDArray[np.float32]:
    """Return how probable each digit is, and, last, that it is none, float32 [n, 11]."""
    digits = found.probabilities[:, :N_DIGITS] * np.sqrt(found.scores)[:, None]
    return np.column_stack([digits, 1 - digits.sum(1)]).astype(np.float32)


def _gaps(
    found: Characters, rows: list[list[int]], marked: list[tuple[int, int]], boxes: list[Box]
) -> list[FoundMark]:
    """Return the gaps between words, but for those that have a mark in them."""
    gaps, first = [], 0
    for number, row in enumerate(rows):
        for place in find_gaps(found, row):
            if (number, place) in marked:
                continue
            one, other = boxes[row[place - 1]], boxes[row[place]]
            left, top = one.x + one.width, min(one.y, other.y)
            foot = max(one.y + one.height, other.y + other.height)
            box = Box.of(left, top, max(left, other.x), foot)
            gaps.append(FoundMark(" ", 1.0, box, number, first + place))
        first += len(row)
    return gaps
