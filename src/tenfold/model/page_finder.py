"""Find the digits and marks of a page with the page network, in rows, cut out and normalised."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tenfold.ink.crop import are_joined, crop_characters, ink_contrasts
from tenfold.ink.image import AnyImage, Luminance, decode
from tenfold.ink.normalise import MEAN_PEN_WIDTH
from tenfold.ink.page import Box, FoundDigit, FoundMark, Page, Preview, make_preview
from tenfold.ink.region import Region
from tenfold.ink.sheet import NOTE, Sheet, find_sheet
from tenfold.ink.single import find_single_drawn, find_single_ink
from tenfold.ink.strokes import Drawing
from tenfold.model.page_characters import (
    UNSURE,
    crossed,
    digit_probabilities,
    find_characters,
    is_digit,
    keep_once,
    of_one_size,
    resized,
)
from tenfold.model.page_network import (
    CLASSES,
    MAX_SIZE,
    N_DIGITS,
    OTHER,
    Characters,
    PageNetwork,
    join,
)
from tenfold.model.page_rows import attach_marks, find_gaps, page_angle, sort_rows
from tenfold.model.page_slashes import SLASH, as_slashes, date_slashes, may_be_slash

TURNED = ("", "turned by 90 degrees", "turned upside down", "turned by 270 degrees")
CLEAR = 0.6  # a digit of at least this probability says which way up the page is
POOR = 0.3  # where no row has a clear digit, the best has one of this probability at least
MIN_CLEAR = 0.5  # of the characters: with fewer, the page may lie on its side
TELLING = (2, 3, 4, 5)  # others are digits upside down as well, or on their side
MIN_TELLING, BETTER = 3, 1.5  # more digits, and times as many, must tell of another way up
ALONE = 0.6  # intersection over union of what was found and of all ink: they are one
MIN_OTHER = 0.5  # a character that is no digit must be there at least so surely
SMALL = 0.48  # of the height of a row's digits: an unclear character that is smaller is none
MAX_MARK = 3.0  # heights of a digit: from afar two rows look like a `=`
MIN_MARK = 0.45  # a mark that is there less surely is a `?`
MAX_MARK_DIGIT = 0.15  # what may be a digit with more than this probability is no mark
UNCLEAR_ONE = 0.5  # times as probable as it looks is a 1 that may be a slash
MARK_MARGIN = 0.2  # of a digit's height: marks that are nearer are one
FAINT = 0.45  # of the contrast of a page's sure digits: what is unsure and fainter is its paper's
MIN_DIGIT = 0.15  # and one that may be a digit, be a digit so probably


@dataclass(frozen=True)
class _View:
    """What was looked at: an image or the sheet in it, turned by quarters, and what is on it.

    Args:
        luminance: float32 [h, w], turned.
        found: what is on it.
        quarters: by how many it was turned, counter-clockwise.
        sheet: where it is in the image; None where it is all of the image.
        n_dropped: how many that look like digits are not in `found`, being of another size.
    """

    luminance: Luminance
    found: Characters
    quarters: int = 0
    sheet: Sheet | None = None
    n_dropped: int = 0

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return where boxes are in the image."""
        height, width = self.luminance.shape
        for _ in range(self.quarters):
            left, top, right, bottom = boxes.T
            boxes = np.stack([height - bottom, left, height - top, right], 1)
            height, width = width, height
        if self.sheet is None or not len(boxes):
            return boxes
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2).astype(np.float64)
        placed = self.sheet.to_image(corners).reshape(-1, 4, 2)
        return np.concatenate([placed.min(1), placed.max(1)], 1).astype(np.float32)


def find_page(
    network: PageNetwork, image: AnyImage, name: str = "image", region: Region | None = None
) -> Page:
    """Find the digits and marks of an image: of the sheet in it, where there is one.

    Args:
        network: the page network.
        image: a path, bytes, a Pillow image or an array (see `tenfold.ink.image.decode`).
        name: the name used in errors.
        region: look at this rectangle of the upright image alone (see `region_edges`), as it is.

    Returns:
        The page; its boxes are in pixels of the whole upright image.

    Raises:
        TenfoldError: where the image cannot be read, or the region is not a part of it.
    """
    decoded = decode(image, name, region)
    notes = decoded.notes
    if region is None:
        sheet = find_sheet(decoded.luminance)
        view = _right_way_up(network, decoded.luminance, sheet)
        if sheet is not None:
            notes = (*notes, NOTE)
        if view.quarters:
            notes = (*notes, TURNED[view.quarters])
    else:
        view = _look(network, decoded.luminance)
    preview = make_preview(decoded.luminance, decoded.scale, decoded.corner)
    page = _page(view, decoded.size, notes, preview, decoded.scale, None)
    return _or_alone(page, find_single_ink(decoded)) if _may_be_alone(page) else page


def find_drawn_page(network: PageNetwork, drawing: Drawing) -> Page:
    """Find the digits and marks among strokes.

    Args:
        network: the page network.
        drawing: the strokes, drawn, with more than points.

    Returns:
        The page; its boxes are in the strokes' own unit, rounded to integers.
    """
    # The smallest stroke of some size is as tall as the smallest digit, at most.
    finest = MAX_SIZE / max(drawing.smallest_stroke, 1.0)
    looks = find_characters(network, drawing.render, drawing.ink.shape, finest)
    found, n_dropped = of_one_size(looks)
    luminance = 255 * (1 - drawing.ink)
    preview = make_preview(luminance, drawing.scale, drawing.corner)
    view = _View(luminance, found, n_dropped=n_dropped)
    page = _page(view, drawing.size, (), preview, drawing.scale, MEAN_PEN_WIDTH)
    if _may_be_alone(page):
        page = _or_alone(page, find_single_drawn(drawing))
    ignored = drawing.n_points - sum(mark.label in ".:" for mark in page.marks)
    if ignored <= 0:
        return page
    note = f"{ignored} point{'s' if ignored > 1 else ''} ignored"
    digits = tuple(replace(digit, notes=(*digit.notes, note)) for digit in page.digits)
    return replace(page, digits=digits, notes=(*page.notes, note))


def _or_alone(page: Page, single: Page) -> Page:
    """Take all ink for one digit where the page network found no other.

    It knows digits by their neighbours, and how large they are: a stroke alone may be a 1 or a part
    of something. Where it found nothing, or one digit in two parts, the classifier decides alone.
    What it takes the one digit for is kept: of two digits that touch it may see one box, and the
    classifier be sure of the larger. Of 300 touching pairs of training digits 7 are accepted and
    wrong by both for 9 by the classifier, each less sure of itself.
    """
    if not single.digits:
        return page
    alone = single.digits[0].box
    found = np.array(
        [(d.box.x, d.box.y, d.box.x + d.box.width, d.box.y + d.box.height) for d in page.digits]
    )
    if len(found):
        low, high = found[:, :2].min(0), found[:, 2:].max(0)
        inner = np.minimum(high, (alone.x + alone.width, alone.y + alone.height))
        shared = np.prod(np.maximum(inner - np.maximum(low, (alone.x, alone.y)), 0))
        if shared < ALONE * (np.prod(high - low) + alone.width * alone.height - shared):
            return page
    evidence = page.digits[0].evidence if len(page.digits) == 1 else None
    digits = (replace(single.digits[0], evidence=evidence), *single.digits[1:])
    notes = tuple(dict.fromkeys((*page.notes, *single.notes)))
    return replace(single, digits=digits, notes=notes)


def _may_be_alone(page: Page) -> bool:
    """Return whether one digit was found, or one in two unclear parts, and no mark beside it."""
    evidence = [digit.evidence[:-1].max() for digit in page.digits if digit.evidence is not None]
    signs = any(mark.label != " " for mark in page.marks)
    return not signs and (len(evidence) <= 1 or (len(evidence) == 2 and max(evidence) < CLEAR))


def _look(
    network: PageNetwork, luminance: Luminance, quarters: int = 0, sheet: Sheet | None = None
) -> _View:
    turned = np.ascontiguousarray(np.rot90(luminance, quarters))
    found, n_dropped = of_one_size(find_characters(network, resized(turned), turned.shape))
    return _View(turned, found, quarters, sheet, n_dropped)


def _right_way_up(network: PageNetwork, luminance: Luminance, sheet: Sheet | None) -> _View:
    """Turn a page by quarters where its digits are hardly any as it is, and clear otherwise."""
    straight = luminance if sheet is None else sheet.straighten(luminance)
    upright = _look(network, straight, 0, sheet)
    characters = int((~upright.found.marks).sum())
    if characters < MIN_TELLING or _clear(upright.found).sum() >= MIN_CLEAR * characters:
        return upright
    views = [upright, *(_look(network, straight, quarters, sheet) for quarters in (1, 2, 3))]
    telling = [_telling(view.found) for view in views]
    best = int(np.argmax(telling))
    return views[best] if telling[best] >= BETTER * telling[0] + MIN_TELLING else upright


def _clear(found: Characters) -> NDArray[np.bool_]:
    sure = found.probabilities.max(1, initial=0) * found.scores
    return np.asarray(is_digit(found) & ~found.marks & (sure >= CLEAR))


def _telling(found: Characters) -> int:
    """Return how many clear digits are of those that are none upside down or on their side."""
    return int(np.isin(found.probabilities[_clear(found)].argmax(1), TELLING).sum())


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
    marks = marks[~_is_stroke(marks, characters, view.luminance)]
    characters, faint = _without_faint(characters, view.luminance)
    angle = page_angle(characters)
    if angle:
        notes = (*notes, f"rotated by {-angle:.0f} degrees")
    rows, unread = _readable(characters, sort_rows(characters, angle))
    unread += view.n_dropped + faint
    if unread:
        notes = (*notes, f"no clear digits: {unread} characters not read")
    characters, rows, marks = _with_dates(characters, rows, marks, angle)
    placed = attach_marks(characters, rows, marks, angle)
    if placed:
        notes = (*notes, f"marks beside digits: {len(placed)}")
    corner = np.tile(np.asarray(preview.corner, np.float32), 2)

    def boxes_of(some: Characters) -> list[Box]:
        edges = view.to_image(some.boxes) * np.float32(scale) + corner
        return [Box.of(*edge) for edge in edges.tolist()]

    order = [index for row in rows for index in row]
    cropped = crop_characters(view.luminance, characters.boxes, order, angle, pen)
    boxes, evidence = boxes_of(characters), _evidence(characters, rows)
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
            bool(marks.scores[mark] >= MIN_MARK),
        )
        for mark, row, before in placed
    ]
    gaps = _gaps(characters, rows, [(row, before) for _, row, before in placed], boxes)
    every = sorted([*found_marks, *gaps], key=lambda mark: mark.before)
    return Page(tuple(found), size, notes, preview, tuple(every), unread)


def _readable(characters: Characters, rows: list[list[int]]) -> tuple[list[list[int]], int]:
    """Return the rows with a clear digit, or else the best row; and how many characters are left.

    Letters, the grain of the paper and the edges of things make rows without any; and unclear
    characters much smaller than the digits of their row, which are its paper's.
    """
    digit, tall = digit_probabilities(characters), characters.heights
    best = max(rows, key=lambda row: float(digit[row].max()), default=None)
    kept = []
    for row in rows:
        if digit[row].max() >= (POOR if row is best else CLEAR):
            weight = digit[row] >= min(CLEAR, float(digit[row].max()))
            usual = float(np.median(tall[row][weight]))
            clear = (digit[row] >= CLEAR) | (tall[row] >= SMALL * usual)
            kept.append([index for index, keep in zip(row, clear, strict=True) if keep])
    return kept, sum(map(len, rows)) - sum(map(len, kept))


def _with_dates(
    characters: Characters, rows: list[list[int]], marks: Characters, angle: float
) -> tuple[Characters, list[list[int]], Characters]:
    """Make marks of the characters that are the slashes of a date."""
    slashes = marks[marks.probabilities.argmax(1) == SLASH]
    placed = [place for _, *place in attach_marks(characters, rows, slashes, angle)]
    found = date_slashes(characters, rows, [(row, before) for row, before in placed])
    if not found:
        return characters, rows, marks
    kept = np.ones(len(characters), np.bool_)
    kept[found] = False
    moved = np.cumsum(kept) - 1
    rows = [[int(moved[index]) for index in row if kept[index]] for row in rows]
    return characters[kept], rows, join([marks, as_slashes(characters[~kept])])


def _likely(found: Characters) -> tuple[Characters, Characters]:
    """Return the characters and the marks that are worth an answer.

    Whether a stroke is a 1 or a slash is decided by its class, whichever it was found as. What most
    looks like a mark and is much smaller than the digits is one: a thick point is a small 0, too.
    """
    digit = found.probabilities[:, :N_DIGITS].sum(1)
    best = found.probabilities.argmax(1)
    tall = found.heights[_clear(found)]
    small = found.heights < SMALL * (np.median(tall) if len(tall) else 0)
    is_mark = (best >= N_DIGITS) & (best < OTHER) & (small | (digit < MAX_MARK_DIGIT))
    likely = (found.scores >= MIN_OTHER) | (digit_probabilities(found) >= MIN_DIGIT)
    characters = found[~is_mark & likely]
    marks = found[is_mark & (found.heights <= MAX_MARK * np.median(tall)) if len(tall) else is_mark]
    # The boxes of a thin stroke, found twice, need not overlap.
    margin = MARK_MARGIN * float(np.median(characters.heights)) if len(characters) else 0.0
    marks = keep_once(marks, margin)
    return characters[~crossed(characters, marks)], marks


def _is_stroke(
    marks: Characters, characters: Characters, luminance: Luminance
) -> NDArray[np.bool_]:
    """Return which marks are less sure than a digit that they are ink of, bool [m]."""
    unsure = np.flatnonzero(marks.scores < MIN_MARK)
    sure = characters[digit_probabilities(characters) >= UNSURE]
    is_stroke = np.zeros(len(marks), np.bool_)
    is_stroke[unsure] = are_joined(luminance, marks.boxes[unsure], sure.boxes)
    return is_stroke


def _without_faint(characters: Characters, luminance: Luminance) -> tuple[Characters, int]:
    """Drop what is unsure and much fainter than the page's digits: what is printed on the paper.

    Returns:
        What is left, and how many were dropped that are more probably a digit than none.
    """
    sure = digit_probabilities(characters)
    unsure = sure < UNSURE
    if unsure.all() or not unsure.any():
        return characters, 0
    contrasts = ink_contrasts(luminance, characters.boxes)
    faint = unsure & (contrasts < FAINT * np.median(contrasts[~unsure]))
    return characters[~faint], int((faint & (sure >= MIN_OTHER)).sum())


def _evidence(found: Characters, rows: list[list[int]]) -> NDArray[np.float32]:
    """Return how probable each digit is, and, last, that it is none, float32 [n, 11]."""
    digits = found.probabilities[:, :N_DIGITS] * np.sqrt(found.scores)[:, None]
    digits[may_be_slash(found, rows)] *= UNCLEAR_ONE
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
