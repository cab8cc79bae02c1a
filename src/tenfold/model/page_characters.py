"""Find the characters of a whole page: the page network at every scale, each place once."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model.page_network import (
    CLASSES,
    MAX_SIZE,
    MIN_SIZE,
    N_DIGITS,
    OTHER,
    Characters,
    PageNetwork,
    join,
)

Grey = NDArray[np.float32]
SIGNS = [CLASSES.index(sign) for sign in "-=+"]
MAX_SIDE = 1600  # pixels of the longer side at the finest scale
MAX_ENLARGED = 2.0  # nothing is looked at larger than that: there is no more in it
MIN_SIDE = 24  # pixels of the longer side at the coarsest scale: one digit fills it
SMALL_SIDE = 500  # pixels of the longer side
MIN_SCORE = 0.3
# On a photo of 12 megapixels digits of 28 pixels are 11 tall at the finest scale: of 50 none was
# seen, and 9 of 50 of 40 pixels. Where there is ink of that size, it is looked at closer, in up to
# twice the time of all scales.
CLOSER = 2.0
SMALL_HEIGHTS = (5.0, 22.0)  # pixels at the finest scale
SMALL_CONTRAST = 25.0  # of 255, to the mean of so many pixels of paper around
SMALL_AROUND = 45
# A line of writing has so many parts, each at most so many heights from the next, not so much
# higher or lower, nor taller, and no wider.
MIN_LINE, LINE_GAP, LINE_SHIFT, LINE_RATIO, MAX_WIDTH = 5, 1.5, 0.4, 1.8, 2.0
SEEN_MARGIN = 4  # pixels around what was found that are its ink or its blur
STRIP = 600  # pixels of its height
# So many characters' width of such parts, beside what was found, and of that, which leaves bits: on
# photos of 100 digits 0 to 7, and 35 to 72 without a margin.
MIN_SMALL, LEFT_OVER = 3, 0.05
MAX_JOINED = 12  # characters that touch make one part; what is longer is a line
MIN_SEEN = 0.5
SAME = 0.5  # intersection over union, or over the smaller box: it is one character
INSIDE = 0.75
# What is so many times smaller or larger than the page's digits has to be sure of itself.
MAX_RATIO, SURE, LIKELY = 2.2, 0.85, 0.6
MAX_CHARACTERS = 8000  # looks at characters, on a page of any kind; of more, the surest
# Of 51 characters that were nothing of their own, on 255 amounts of cheques, 8 had a sign across;
# of the unsure digits that were right none. What lies in a surer one's box is kept: it may be a 1
# that touches (of 150 triples that touch 15 were accepted and wrong without it, 11 with it).
UNSURE = 0.7
CROSSED = 0.5  # of a character's width: a sign of that width in its box is what is there
MARK_REACH = 2.0  # heights of a digit: a mark further from every character is none


def scales(size: tuple[int, int], finest: float = MAX_ENLARGED) -> list[float]:
    """Return the scales at which a page of this size (height, width) is looked at, finest first."""
    longer = max(size)
    scale = min(finest, MAX_SIDE / longer)
    found = [scale]
    while longer * scale / _step(longer * scale) >= MIN_SIDE:
        scale /= _step(longer * scale)
        found.append(scale)
    return found


def _step(side: float) -> float:
    """Return how much larger a scale is than the next: where that costs nothing, less."""
    return 2.0 if side > SMALL_SIDE else 2**0.5


def find_characters(
    network: PageNetwork,
    render: Callable[[float], Grey],
    size: tuple[int, int],
    finest: float = MAX_ENLARGED,
) -> tuple[Characters, bool]:
    """Find the characters of a page.

    Args:
        network: finds them at one scale.
        render: returns the page at a scale, float32 [h, w] in 0-255.
        size: height and width of the page at scale 1.
        finest: no scale is larger.

    Returns:
        What was found, each once, in pixels of the page at scale 1, and whether there is writing
        left that is too small to be read.
    """
    every = scales(size, finest)
    parts = []
    for scale in every:
        found = network.find(render(scale))
        found = found[found.scores >= MIN_SCORE]
        tall = found.heights
        # The finest scale has what is smaller still, the coarsest what is larger.
        low = MIN_SIZE * (0.6 if scale == every[0] else 0.95)
        high = MAX_SIZE * (1.5 if scale == every[-1] else 1.0)
        fits = (tall >= low) & (tall <= high) & ~found.marks
        characters = keep_once(found[fits])
        marks = _near(found[found.marks], characters)
        parts += [characters.scaled(1 / scale), marks.scaled(1 / scale)]
    found, too_small = keep_once(join(parts)), False
    if every[0] < finest:
        grey = render(every[0])
        # What is smaller there may be a word of small digits.
        large = found[found.heights * every[0] >= MIN_SIZE]
        region = _small_writing(grey, large.scaled(every[0]))
        if region is not None:
            closer = _find_closer(network, render(CLOSER * every[0]), region)
            found = keep_once(join([found, closer.scaled(1 / (CLOSER * every[0]))]))
            too_small = _has_line(_small_parts(grey, found.scaled(every[0])))
    return found, too_small


def _small_writing(grey: Grey, found: Characters) -> tuple[int, int, int, int] | None:
    """Return where ink is that may be digits too small for the network; None where hardly any is.

    Args:
        grey: the page at its finest scale, float32 [h, w].
        found: what was found there.

    Returns:
        Left, top, right and bottom.
    """
    left, top, width, height = _small_parts(grey, found)
    n_seen = int(_seen(found).sum())
    if np.ceil(width / height).sum() < MIN_SMALL + LEFT_OVER * n_seen:
        return None
    around = int(2 * SMALL_HEIGHTS[1])
    low = np.maximum(np.stack([left, top], 1).min(0) - around, 0)
    high = np.stack([left + width, top + height], 1).max(0) + around
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _seen(found: Characters) -> NDArray[np.bool_]:
    return np.asarray(digit_probabilities(found) >= MIN_SEEN)


def _small_parts(grey: Grey, found: Characters) -> NDArray[np.int32]:
    """Find connected ink of the size of small digits, outside of what was surely found.

    Args:
        grey: the page at its finest scale, float32 [h, w].
        found: what was found there.

    Returns:
        Left, top, width and height of each part, int32 [4, n].
    """
    seen = _seen(found)
    paper = np.ones(grey.shape, np.float32)
    margin = np.array([-SEEN_MARGIN, -SEEN_MARGIN, SEEN_MARGIN, SEEN_MARGIN])
    edges = np.maximum(found.boxes[seen].astype(int) + margin, 0)
    for left, top, right, bottom in edges.tolist():
        paper[top : bottom + 1, left : right + 1] = 0
    # Without the found ink in the mean, which made ink of the paper beside it.
    size = (SMALL_AROUND, SMALL_AROUND)
    local = cv2.blur(grey * paper, size) / np.maximum(cv2.blur(paper, size), 1e-3)
    ink = ((np.abs(grey - local) > SMALL_CONTRAST) & (paper > 0)).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(ink)
    width, height = parts[1:, 2:4].T
    small = (height >= SMALL_HEIGHTS[0]) & (height <= SMALL_HEIGHTS[1])
    small &= width <= MAX_JOINED * height
    return np.asarray(parts[1:, :4][small].T)


def _has_line(parts: NDArray[np.int32]) -> bool:
    """Return whether parts stand beside each other as the characters of a line do.

    Bits of larger digits, of lines and of edges hardly do: of 40 photos and scans 10 have three
    such parts somewhere, and two a line: a grid of 1,150 digits, and a chequered tablecloth.

    Args:
        parts: left, top, width and height of each, int32 [4, n].
    """
    left, top, width, height = parts[:, parts[2] <= MAX_WIDTH * parts[3]].astype(np.float32)
    order = np.argsort(left)[:MAX_CHARACTERS]
    left, middle, height = left[order], (top + height / 2)[order], height[order]
    right = left + width[order]
    n_followed = np.zeros(len(order), np.int64)  # how many stand behind one, in a line
    for one in range(len(order) - 1, -1, -1):
        last = np.searchsorted(left, right[one] + LINE_GAP * height[one])
        others = slice(one + 1, int(last))
        beside = np.abs(middle[others] - middle[one]) <= LINE_SHIFT * height[one]
        beside &= np.abs(np.log(height[others] / height[one])) <= np.log(LINE_RATIO)
        if beside.any():
            n_followed[one] = 1 + n_followed[others][beside].max()
    return bool((n_followed >= MIN_LINE - 1).any())


def _find_closer(network: PageNetwork, grey: Grey, region: tuple[int, int, int, int]) -> Characters:
    """Look at a part of a page that is rendered `CLOSER`, in strips: memory stays what it was."""
    left, top, right, bottom = (round(CLOSER * edge) for edge in region)
    shared = round(2 * MAX_SIZE)  # a character is whole in one of two strips
    parts = []
    for start in range(top, max(bottom - shared, top + 1), STRIP):
        end = min(start + STRIP + shared, bottom)
        found = network.find(np.ascontiguousarray(grey[start:end, left:right]))
        tall, (upper, lower) = found.heights, found.boxes[:, [1, 3]].T
        fits = (tall >= 0.6 * MIN_SIZE) & (tall <= MAX_SIZE) & (found.scores >= MIN_SCORE)
        whole = ((upper > 0) | (start == top)) & ((lower < end - start) | (end == bottom))
        characters = keep_once(found[fits & whole & ~found.marks])
        marks = _near(found[fits & whole & found.marks], characters)
        here = join([characters, marks])
        corner = np.array([left, start, left, start], np.float32)
        parts.append(replace(here, boxes=here.boxes + corner))
    return join(parts)


def of_one_size(found: Characters) -> tuple[Characters, int]:
    """Drop what is far from the size of the page's digits, unless it is sure to be one.

    The size is where most of the evidence is: the grain of paper and the edges of things look a
    little like characters at a scale of their own.

    Returns:
        What is left, and how many that look like digits were dropped.
    """
    digits = is_digit(found) & ~found.marks
    if not digits.any():
        return found, 0
    worth = (found.scores * found.probabilities.max(1)) ** 4 * digits
    tall = np.log(np.maximum(found.heights, 1))
    near = np.abs(tall[:, None] - tall[digits][None]) < np.log(1.5)
    support = near @ worth[digits]
    size = tall[np.argmax(np.where(digits, support, -1))]
    other_size = np.abs(tall - size) > np.log(MAX_RATIO)
    certainty = digits * found.scores * found.probabilities.max(1)
    kept = ~other_size | (certainty >= SURE) | found.marks
    return found[kept], int((certainty[~kept] >= LIKELY).sum())


def resized(grey: Grey) -> Callable[[float], Grey]:
    """Return what renders an image at a scale."""

    def render(scale: float) -> Grey:
        size = [max(1, round(side * scale)) for side in grey.shape]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(grey, (size[1], size[0]), interpolation=how), np.float32)

    return render


def _near(marks: Characters, characters: Characters) -> Characters:
    """Keep the marks beside a character of this scale."""
    if not len(marks) or not len(characters):
        return marks[np.zeros(len(marks), np.bool_)]
    gaps = np.maximum(
        characters.boxes[None, :, :2] - marks.boxes[:, None, 2:],
        marks.boxes[:, None, :2] - characters.boxes[None, :, 2:],
    ).max(2)
    return marks[(gaps <= MARK_REACH * characters.heights[None]).any(1)]


def keep_once(found: Characters, margin: float = 0.0) -> Characters:
    """Of those that are one, keep the surest, with the mean probabilities of all.

    The same character at another scale is a second look at it.

    Args:
        found: characters or marks.
        margin: by how many pixels their boxes are larger than given, on each side.
    """
    worth = found.scores * (0.5 + 0.5 * found.probabilities.max(1, initial=0))
    worth = worth * np.where(found.probabilities.argmax(1) == OTHER, 0.8, 1.0)
    order = np.argsort(-worth, kind="stable")[:MAX_CHARACTERS]
    marks = found.marks[order]
    boxes = found.boxes[order] + np.array([-margin, -margin, margin, margin], np.float32)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    probabilities = found.probabilities.copy()
    gone = np.zeros(len(order), np.bool_)
    for place in range(len(order)):
        if gone[place]:
            continue
        kept.append(int(order[place]))
        low = np.maximum(boxes[place, :2], boxes[:, :2])
        high = np.minimum(boxes[place, 2:], boxes[:, 2:])
        inner = np.prod(np.maximum(high - low, 0), axis=1)
        union = areas + areas[place] - inner
        small = np.minimum(areas, areas[place])
        same = (inner > SAME * union) & ~gone
        same[place] = True  # also where its box, cut off at the edge, has no area
        looks = order[same]
        probabilities[order[place]] = np.average(
            found.probabilities[looks], axis=0, weights=found.scores[looks] ** 3
        )
        # A part of a character is none; a mark may well stand within the box of one that leans.
        gone |= same | ((inner > INSIDE * small) & (marks == marks[place]))
    return replace(found, probabilities=probabilities)[np.array(kept, np.int64)]


def is_digit(found: Characters) -> NDArray[np.bool_]:
    """Return of which a digit is the most probable class, bool [n]."""
    return np.asarray(found.probabilities.argmax(1) < N_DIGITS)


def digit_probabilities(found: Characters) -> NDArray[np.float32]:
    """Return how probable the most probable digit of each is, float32 [n]."""
    return np.asarray(found.probabilities[:, :N_DIGITS].max(1, initial=0) * found.scores)


def crossed(found: Characters, marks: Characters) -> NDArray[np.bool_]:
    """Return which unsure characters are a sign that was found as a mark too, bool [n].

    Args:
        found: the characters.
        marks: the marks.
    """
    signs = marks[np.isin(marks.probabilities.argmax(1), SIGNS)]
    sides = _shared(found.boxes, signs.boxes)
    widths = (found.boxes[:, 2] - found.boxes[:, 0])[:, None]
    low = signs.heights[None] <= found.heights[:, None]  # rows look like a `=` from afar
    over = (sides[..., 0] > CROSSED * widths) & (sides[..., 1] > 0) & low
    return np.asarray((digit_probabilities(found) < UNSURE) & over.any(1))


def _shared(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return width and height of what each box shares with each other, [n, m, 2]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0))
