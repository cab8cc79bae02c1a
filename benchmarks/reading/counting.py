"""The one way of counting what was read: rows of digits against the rows of the truth.

Rows are aligned by least edits, in their order; then the characters of aligned rows are. `?` in a
row that was read is a rejected mark, and other characters that are no digits are marks that the
reader does not take for digits. So each digit of the truth is one of

- right: the same digit was read and accepted;
- wrong: another digit was read and accepted;
- rejected: `?` was read;
- missed: nothing was read, or a mark that is no digit;

and each digit that was read where the truth has none is an accepted extra, which counts as wrong.
`?` in the truth is a mark that is no digit: `?`, any other mark or nothing is right there and
counts as nothing; a digit is an accepted extra. A string is one image with all its rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Self

DIGITS = frozenset("0123456789")
UNKNOWN = "?"

# One step of an alignment: what the truth has and what was read, None where one has nothing.
Pair = tuple[str | None, str | None]
# The cost of an alignment as one number: of those with the fewest edits, the one with the most
# digits right, then that with the most rejected. Good for strings of fewer than 10,000 digits.
EDIT, RIGHT, REJECTED = 100_000_000, 10_000, 1


@dataclass(frozen=True)
class Counts:
    """What became of the digits and the strings of the truth.

    Args:
        n: digits in the truth.
        right: read and accepted as what they are.
        wrong: read and accepted as another digit.
        rejected: read as `?`.
        missed: not read.
        extra: accepted digits where the truth has none.
        extra_rejected: `?` where the truth has nothing; no error of a digit.
        strings: images.
        strings_right: read as the truth has them, all digits accepted and nothing else read.
        strings_wrong: accepted whole, something was read and nothing rejected, and not right.
    """

    n: int = 0
    right: int = 0
    wrong: int = 0
    rejected: int = 0
    missed: int = 0
    extra: int = 0
    extra_rejected: int = 0
    strings: int = 0
    strings_right: int = 0
    strings_wrong: int = 0

    @property
    def accepted_wrong(self) -> int:
        """Digits that were accepted and are wrong, extras among them."""
        return self.wrong + self.extra

    def __add__(self, other: Self) -> Self:
        return type(self)(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            }
        )

    def to_dict(self) -> dict[str, int]:
        """Return every count by its name, `accepted_wrong` first."""
        return {"accepted_wrong": self.accepted_wrong} | asdict(self)


def parse_rows(text: str) -> tuple[str, ...]:
    """Split a truth into its rows, which `|` parts; none where it is empty."""
    return tuple(text.split("|")) if text else ()


def count_strings(strings: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Counts:
    """Add up the counts of many strings.

    Args:
        strings: the rows of the truth and the rows read, of each.
    """
    return sum((count(truth, read) for truth, read in strings), Counts())


def count(truth: Sequence[str], read: Sequence[str]) -> Counts:
    """Count one string.

    Args:
        truth: its rows; digits, and `?` for a mark that is no digit.
        read: the rows that were read; `?` for a rejected mark, any other character that is no
            digit for a mark that the reader does not take for one.

    Raises:
        ValueError: where the truth has anything but digits and `?`.
    """
    for row in truth:
        if strange := set(row) - DIGITS - {UNKNOWN}:
            raise ValueError(
                f"truth: only digits and ? are allowed. Received: {sorted(strange)} in {row!r}"
            )
    # A mark that is no digit is as good as nothing, wherever it is.
    kept = ("".join(c for c in row if c in DIGITS or c == UNKNOWN) for row in read)
    rows = [row for row in kept if row]
    pairs = [
        pair
        for truth_row, read_row in align_rows(truth, rows)
        for pair in align(truth_row or "", read_row or "")
    ]
    digits = [(one, other) for one, other in pairs if one is not None and one != UNKNOWN]
    rest = [other for one, other in pairs if one is None or one == UNKNOWN]
    found = Counts(
        n=len(digits),
        right=sum(one == other for one, other in digits),
        wrong=sum(other in DIGITS and one != other for one, other in digits if other),
        rejected=sum(other == UNKNOWN for _, other in digits),
        missed=sum(other is None for _, other in digits),
        extra=sum(other in DIGITS for other in rest if other),
        extra_rejected=sum(pair == (None, UNKNOWN) for pair in pairs),
        strings=1,
    )
    right = found.right == found.n and not found.extra and not found.extra_rejected
    accepted_whole = bool(rows) and not any(UNKNOWN in row for row in rows)
    return found + Counts(strings_right=int(right), strings_wrong=accepted_whole and not right)


def align_rows(truth: Sequence[str], read: Sequence[str]) -> list[Pair]:
    """Pair the rows of the truth with those read by least edits, both in their order.

    Returns:
        Pairs (row of the truth, row read); None where a row has no partner.
    """
    return _align(truth, read, _row_cost)[1]


def align(truth: str, read: str) -> list[Pair]:
    """Pair the characters of one row with those read by least edits.

    Returns:
        Pairs (character of the truth, character read); None where a character has no partner.
    """
    return _align(truth, read, _character_cost)[1]


def _align(
    truth: Sequence[str], read: Sequence[str], cost: Callable[[str | None, str | None], int]
) -> tuple[int, list[Pair]]:
    """Return the least cost and its pairs (Needleman and Wunsch 1970)."""
    best = [[0] * (len(read) + 1) for _ in range(len(truth) + 1)]
    for i, one in enumerate(truth):
        best[i + 1][0] = best[i][0] + cost(one, None)
    for j, other in enumerate(read):
        best[0][j + 1] = best[0][j] + cost(None, other)
    absent = [cost(None, other) for other in read]
    for i, one in enumerate(truth):
        above, here, gone = best[i], best[i + 1], cost(one, None)
        for j, other in enumerate(read):
            here[j + 1] = min(above[j] + cost(one, other), above[j + 1] + gone, here[j] + absent[j])
    pairs: list[Pair] = []
    i, j = len(truth), len(read)
    while i or j:
        if i and j and best[i][j] == best[i - 1][j - 1] + cost(truth[i - 1], read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and best[i][j] == best[i - 1][j] + cost(truth[i - 1], None):
            i -= 1
            pairs.append((truth[i], None))
        else:
            j -= 1
            pairs.append((None, read[j]))
    return best[-1][-1], pairs[::-1]


def _character_cost(truth: str | None, read: str | None) -> int:
    if truth == UNKNOWN:
        return EDIT if read is not None and read in DIGITS else 0
    if truth == read:
        return -RIGHT
    return EDIT - REJECTED if truth and read == UNKNOWN else EDIT


@lru_cache(maxsize=65_536)
def _row_cost(truth: str | None, read: str | None) -> int:
    return _align(truth or "", read or "", _character_cost)[0]
