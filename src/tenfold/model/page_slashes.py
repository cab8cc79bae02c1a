"""A stroke between digits: a 1 or a slash, by its look and by the date that it may stand in."""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from tenfold.model.page_network import CLASSES, N_DIGITS, Characters

ONE, SLASH = CLASSES.index("1"), CLASSES.index("/")
# A 1 between digits that may be a slash is unclear: 25/11 read as 25111 is worse than a ?. On
# synthetic dates and amounts of training digits it may be one in 31 of 36 slashes that were taken
# for a 1, and in 11 of 181 ones.
MIN_SLASH = 0.12
MIN_SECOND = 0.03  # of a date of which the other slash is sure, and of a tall stroke
# Times the tallest digit of the row: of 60 dates 44 are right with it and 34 without; of 60 numbers
# with 1s just where a date has slashes 30, with and without.
TALL = 1.06
SHORT, YEAR = (1, 2), (2, 4)  # digits of day and month, and of a year
MAX_DATE = 10  # digits and slashes


def may_be_slash(found: Characters, rows: list[list[int]]) -> NDArray[np.bool_]:
    """Return which 1s between digits may be a slash, bool [n]."""
    between = np.isin(np.arange(len(found)), [index for row in rows for index in row[1:-1]])
    return between & _looks_like(found, MIN_SLASH)


def date_slashes(
    found: Characters, rows: list[list[int]], slashes: Sequence[tuple[int, int]]
) -> list[int]:
    """Find the 1s that are the slashes of a date, such as 25/11/2026 or 2026/11/25.

    Five digits that may have a slash in the middle say nothing; that a row may have two, just where
    a date has them, or one where a date with another that is sure has it, does.

    Args:
        found: the characters.
        rows: of these, the indices of each row, left to right.
        slashes: of each mark that is one, its row, and how many characters are before it.

    Returns:
        Indices of characters.
    """
    likely, possible = _looks_like(found, MIN_SLASH), _looks_like(found, MIN_SECOND)
    chosen: list[int] = []
    for number, row in enumerate(rows):
        sure = [place for one, place in slashes if one == number]
        if len(sure) > 1 or len(row) + len(sure) > MAX_DATE:
            continue
        between = range(1, len(row) - 1)
        unclear = {place for place in between if likely[row[place]]}
        if digits := [index for index in row if not possible[index]]:
            tall = TALL * found.heights[digits].max()
            unclear |= {
                place
                for place in between
                if possible[row[place]] and found.heights[row[place]] >= tall
            }
        places = [place for place in between if place in unclear or (sure and possible[row[place]])]
        fits = [
            some
            for some in combinations(places, 2 - len(sure))
            if unclear <= set(some) and _is_date(len(row), some, sure)
        ]
        if len(fits) == 1:
            chosen += [row[place] for place in fits[0]]
    return chosen


def as_slashes(ones: Characters) -> Characters:
    """Return characters as the slashes that they are, each as sure as it is a 1 or one."""
    probabilities = np.zeros_like(ones.probabilities)
    probabilities[:, SLASH] = ones.probabilities[:, [ONE, SLASH]].sum(1)
    return Characters(ones.boxes, probabilities, ones.scores, np.ones(len(ones), np.bool_))


def _looks_like(found: Characters, least: float) -> NDArray[np.bool_]:
    is_one = found.probabilities[:, :N_DIGITS].argmax(1) == ONE
    return np.asarray(is_one & (found.probabilities[:, SLASH] >= least))


def _is_date(n_characters: int, taken: Sequence[int], sure: Sequence[int]) -> bool:
    """Return whether a row has the digits of a date.

    Args:
        n_characters: of the row, with those that are taken for slashes.
        taken: which of them are.
        sure: before which of them there is a slash beside these.
    """
    edges = [-1, *taken, n_characters]
    groups: list[int] = []
    for low, high in pairwise(edges):
        cuts = [low + 1, *(place for place in sure if low < place <= high), high]
        groups += [end - start for start, end in pairwise(cuts)]
    if len(groups) != 3:
        return False
    first, middle, last = groups
    small = middle in SHORT
    return small and ((first in SHORT and last in YEAR) or (first == YEAR[1] and last in SHORT))
