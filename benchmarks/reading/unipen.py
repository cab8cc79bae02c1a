"""Isolated characters of UNIPEN as strokes, and their writers parted into two halves.

UNIPEN's train_r01_v07, categories 1a-1d (Unipen Foundation, CC BY 4.0): digits, and other
characters that a reader of digits has to reject. One half of the writers may be trained on; the
other half tests. A writer of the test half is in no training set, with digits or with others.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.reading.handwriting import find_file, shared_folder
from tenfold.errors import TenfoldError

FILE = "unipen.npz"
# Characters that look like a digit when they stand alone.
LIKE_DIGITS = frozenset("OoDQIl|!/'iZzSsBbqg")
Strings = npt.NDArray[np.str_]
Integers = npt.NDArray[np.int32]
Stroke = npt.NDArray[np.float64]  # [n, 2]: x to the right, y downwards


@dataclass(frozen=True, eq=False)
class Characters:
    """Isolated characters, each as the strokes that wrote it.

    Args:
        points: int16 [points, 2], x to the right and y downwards; the larger side of a character
            is about 1,000.
        stroke_ends: int [strokes], where each stroke ends in `points`.
        first_strokes: int [n + 1], the first stroke of each character.
        labels: str [n], one character each; a few are wrong.
        writers: int [n], one space of ids for digits and others.
        sites: str [n], where it was collected.
    """

    points: npt.NDArray[np.int16]
    stroke_ends: Integers
    first_strokes: Integers
    labels: Strings
    writers: Integers
    sites: Strings

    def __len__(self) -> int:
        return len(self.labels)

    def strokes(self, index: int) -> list[Stroke]:
        """Return the strokes of one character: a list of float64 [n, 2].

        Args:
            index: of the character, 0 to `len` - 1.
        """
        first, last = int(self.first_strokes[index]), int(self.first_strokes[index + 1])
        starts = np.concatenate([[0], self.stroke_ends])[first : last + 1]
        return [
            self.points[start:end].astype(np.float64)
            for start, end in itertools.pairwise(starts.tolist())
        ]


@dataclass(frozen=True, eq=False)
class Unipen:
    """UNIPEN's isolated digits, and its capitals, small letters and symbols.

    Args:
        digits: labelled 0-9.
        others: any other character.
        without: a site of which nothing may be trained on; "" for none.
    """

    digits: Characters
    others: Characters
    without: str = ""

    def test_writers(self) -> frozenset[int]:
        """Return the ids of the writers that test."""
        parts = (self.digits, self.others)
        return split_writers(
            np.concatenate([part.writers for part in parts]),
            np.concatenate([part.sites for part in parts]),
            np.concatenate([part.labels for part in parts]),
        )

    def halves(self, characters: Characters) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the indices of the characters to train on, and of those to test on.

        Args:
            characters: `digits` or `others` of this object.
        """
        test = np.isin(characters.writers, list(self.test_writers()))
        kept = ~np.isin(characters.writers, self._writers_left_out())
        return np.flatnonzero(~test & kept), np.flatnonzero(test)

    def _writers_left_out(self) -> Integers:
        """Return who wrote anything at the site that is left out, int [writers]."""
        parts = (self.digits, self.others)
        return np.concatenate([part.writers[part.sites == self.without] for part in parts])


def split_writers(writers: Integers, sites: Strings, labels: Strings) -> frozenset[int]:
    """Choose half of the writers of each site for testing, with about half of the digits.

    The writers of a site are paired by how many digits they wrote (then other characters, then
    id), and one of each pair tests. The pairs that differ most are decided first; the half with
    fewer digits so far gets the writer with more. So the ten writers who wrote nearly half of the
    digits are five in each half.

    Args:
        writers: int [n], who wrote each character.
        sites: str [n]; a writer belongs to the site with most of their characters.
        labels: str [n]; 0-9 are digits.

    Returns:
        The ids of the writers of the test half; it has the smaller half of a site with an odd
        number of writers, or the larger.
    """
    digits: Counter[int] = Counter()
    all_of: dict[int, Counter[str]] = {}
    for writer, site, label in zip(writers.tolist(), sites.tolist(), labels.tolist(), strict=True):
        digits[writer] += label in "0123456789"
        all_of.setdefault(writer, Counter())[site] += 1
    by_site: dict[str, list[int]] = {}
    for writer, counted in sorted(all_of.items()):
        by_site.setdefault(min(counted, key=lambda site: (-counted[site], site)), []).append(writer)
    pairs = [pair for _, some in sorted(by_site.items()) for pair in _pairs(some, digits, all_of)]
    pairs.sort(key=lambda pair: (-(digits[pair[0]] - digits[pair[-1]] * (len(pair) > 1)), pair))
    test: set[int] = set()
    n_test = n_train = alone = 0
    for pair in pairs:
        more, *less = pair
        n_more, n_less = digits[more], sum(digits[writer] for writer in less)
        # Of those that are left over, every other one tests where the digits do not decide.
        into_test = n_test < n_train or (n_test == n_train and alone % 2 == 0)
        alone += not less
        test.update([more] if into_test else less)
        n_test += n_more if into_test else n_less
        n_train += n_less if into_test else n_more
    return frozenset(test)


def _pairs(
    writers: list[int], digits: Counter[int], all_of: dict[int, Counter[str]]
) -> Iterator[tuple[int, ...]]:
    order = sorted(writers, key=lambda writer: (-digits[writer], -all_of[writer].total(), writer))
    for place in range(0, len(order), 2):
        yield tuple(order[place : place + 2])


def load_unipen(without: str = "") -> Unipen:
    """Load UNIPEN's isolated characters.

    Args:
        without: a site of which nothing may be trained on; "" for none.

    Raises:
        TenfoldError: where the file is not in the repository and not among the shared data.
    """
    path = find_file(FILE)
    if path is None:
        raise TenfoldError(
            f"handwriting/{FILE} is not in the repository. Set TENFOLD_SHARED_DATA to a folder "
            f"that has handwriting/{FILE}. Received: {shared_folder().parent}"
        )
    with np.load(path) as stored:
        return Unipen(_characters(stored, "digits"), _characters(stored, "others"), without)


def _characters(stored: Any, name: str) -> Characters:
    return Characters(
        stored[f"{name}_points"],
        stored[f"{name}_stroke_ends"],
        stored[f"{name}_sample_strokes"],
        stored[f"{name}_labels"],
        stored[f"{name}_writers"],
        stored[f"{name}_sites"],
    )
