"""Detect which columns of a table are pixels and which is the label, by name or by evidence."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, SIDE
from tenfold.data.label_table import column_index
from tenfold.data.numbers import is_missing, parse_number
from tenfold.data.source_name import AS_IT_IS, ReadOptions
from tenfold.errors import TenfoldError

LABEL_NAMES = {"label", "labels", "class", "classes", "y", "target", "digit", "category"}
ID_NAMES = {"id", "imageid", "image_id", "filename", "file_name", "file", "path"}
_ID_NAME = re.compile(r"(.*[^a-z])?(id|uuid|guid|key|name)|.*[a-z]I[dD]|img|image")
_LABEL_WORD = re.compile(r"label|class|digit|symbol|categor|target|char|letter|truth")
_ROW_NUMBER_NAMES = {"", "index", "unnamed: 0"}  # pandas' index, which names no image

_DECIMAL = re.compile(r"[+-]?([0-9]*\.[0-9]|[0-9.]+e|nan|inf).*", re.IGNORECASE)
# On 30 and more rows of MNIST and Fashion-MNIST the label explains 1.2 times as much as the next
# column, 1.4-1.8 times on 130. Without a label among the columns, as where all rows are of one
# class, the best pixel reached 1.3 times the next one, and none of those was the first or last.
MIN_EVIDENCE_ROWS = 30
MIN_LEAD, MIN_LEAD_INSIDE = 1.15, 1.4
MAX_EVIDENCE_ROWS = 200
# A label has few values for its rows; a pixel in the middle of the digits has over a hundred.
_MAX_VALUES = 100


@dataclass(frozen=True)
class Layout:
    """How the columns of a table are laid out.

    Args:
        names: of all columns, for errors; their numbers from 1 where they have none.
        label: the index of the label's column, or None where there is none.
        header: whether the first line has the names.
        decimal: whether the first row's pixels are written as decimal numbers.
        undecided: whether one of 785 columns of numbers is the label, which all rows must tell.
        notes: what was detected and by which evidence, a sentence each.
        id: the index of the column with the images' ids, or None where there is none.
        dropped: the index of a column of row numbers, which is not read, or None.
    """

    names: tuple[str, ...]
    label: int | None
    header: bool
    decimal: bool
    undecided: bool
    notes: tuple[str, ...] = ()
    id: int | None = None
    dropped: int | None = None

    @property
    def others(self) -> list[int]:
        """The indices of the columns that are no pixels, in order."""
        return sorted({i for i in (self.label, self.id, self.dropped) if i is not None})


def find_layout(
    first: list[str],
    rows: list[list[str]],
    source: str,
    options: ReadOptions = AS_IT_IS,
    sampled: bool = True,
) -> Layout:
    """Detect the layout of a table from its first line and some rows after it.

    Args:
        first: the cells of the first line.
        rows: the cells of rows that follow, for evidence.
        source: the name used in errors.
        options: which columns have the label and the id, where they were named.
        sampled: whether the rows are from all over the table; where they are its first, values
            among numbers do not decide: a table may be sorted by its labels.

    Raises:
        TenfoldError: where the columns are not 784 pixels, at most one label and at most one id,
            or not in order.
    """
    named = _is_header(first)
    # 0, 0.1, 0.2, ...: pandas took a row for a header, and made its names unique
    mangled = not named and bool(rows) and _count_decimals(first) > 1
    mangled = mangled and not _count_decimals(rows[0])
    names = tuple(first) if named else tuple(str(index + 1) for index in range(len(first)))
    notes: tuple[str, ...] = ()
    if mangled:
        notes = ("the first line, a row that was mangled into column names, was skipped",)
    elif not named:
        rows = [first, *rows]
        notes = ("the table has no header",)
    decimal = bool(rows) and _count_decimals(rows[0]) > 1
    label, id_, dropped, said = _named_columns(names, named, options, source)
    notes = (*notes, *said)
    if label is not None and id_ is None and options.label_column is None:
        values = [row[label] for row in rows if len(row) == len(names)]
        named_label = names[label].lower() in LABEL_NAMES
        if not named_label and len(values) >= MIN_EVIDENCE_ROWS and len(set(values)) == len(values):
            note = f"column {label + 1}, {names[label]!r}, is different in each row: the id"
            label, id_, notes = None, label, (*notes, note)
    count = len(names) - len({label, id_, dropped} - {None})
    undecided = False
    if label is None and count == PIXELS + 1 and id_ is None and dropped is None:
        label, evidence = _text_column(rows), "it is the only one with text"
        undecided = label is None and not sampled
        if label is None and sampled:
            label, evidence = label_by_evidence(_values(rows))
        if label is not None:
            notes = (*notes, f"column {label + 1} is used as the label: {evidence}")
    elif count != PIXELS:
        raise _count_error(count, names, named, source, {label, id_, dropped})
    if named and not undecided:
        kept = [index for index in range(len(names)) if index not in (label, id_, dropped)]
        fault = order_fault([names[index] for index in kept])
        if fault is not None:
            column = kept[fault[0]]
            raise TenfoldError(
                f"{source}: header, column {column + 1} must be {fault[1][:40]}; put the "
                f"columns in order. Received: {names[column][:40]!r}"
            )
        if label is not None and label > (id_ == 0) and not notes:
            notes = (f"the label is column {label + 1}, {names[label][:40]!r}",)
    return Layout(names, label, named or mangled, decimal, undecided, notes, id_, dropped)


def _named_columns(
    names: tuple[str, ...], named: bool, options: ReadOptions, source: str
) -> tuple[int | None, int | None, int | None, tuple[str, ...]]:
    """Find the columns of label, id and row numbers by their names; return notes too.

    A column that was asked for may be absent where exactly the pixels are left: a test set has no
    labels.
    """
    header = names if named else ()
    found: list[int | None] = []
    notes: tuple[str, ...] = ()
    for wanted, what in ((options.label_column, "label"), (options.id_column, "id")):
        try:
            index = None
            if wanted is not None:
                index = column_index(wanted, header, len(names), source, what)
        except TenfoldError:
            if len(names) > PIXELS + 1:
                raise
            notes = (*notes, f"there is no column {wanted!r} ({what})")
        found.append(index)
    label, id_ = found
    if not named:
        return label, id_, None, notes
    lower = [name.lower() for name in names]
    surplus = len(names) - PIXELS - sum(index is not None for index in found)
    if id_ is None and surplus > 0:
        ids = [index for index, name in enumerate(lower) if name in ID_NAMES and index != label]
        id_ = ids[0] if len(ids) == 1 else None
    numbers = [i for i, name in enumerate(lower) if name in _ROW_NUMBER_NAMES and i not in found]
    dropped = numbers[0] if len(numbers) == 1 and surplus > 0 and numbers[0] != id_ else None
    if dropped is not None:
        notes = (*notes, f"column {dropped + 1}, {names[dropped]!r}, numbers the rows: left out")
    if label is None and options.label_column is None:
        rest = [index for index in range(len(names)) if index not in (id_, dropped)]
        of_rest = label_column(tuple(names[index] for index in rest))
        label = None if of_rest is None else rest[of_rest]
    if label is not None and id_ is None and options.label_column is None:
        name, plain = names[label], lower[label]
        is_id = _ID_NAME.fullmatch(name if "I" in name else plain)
        if is_id and not _LABEL_WORD.search(plain):
            label, id_ = None, label
    return label, id_, dropped, notes


def label_column(names: tuple[str, ...]) -> int | None:
    """Find the column named as labels are, or the one first or last whose name is unlike others."""
    labels = [index for index, name in enumerate(names) if name.lower() in LABEL_NAMES]
    if len(labels) == 1:
        return labels[0]
    if len(names) == PIXELS + 1:
        stems = [re.sub(r"[0-9]+", "0", name) for name in names]
        common = Counter(stems).most_common(1)[0]
        others = [index for index, stem in enumerate(stems) if stem != common[0]]
        if len(others) == 1 and others[0] in (0, PIXELS):
            return others[0]
    return None


def order_fault(names: list[str]) -> tuple[int, str] | None:
    """Find the first of 784 pixel columns that is out of order, and what it should be named.

    Valid are a common stem with numbers that go up by one, and `1x1`, `1x2`, ..., `28x28`.
    """
    grid = re.fullmatch(r"(.*?)([01])(x|_|,)([01])", names[0])
    if grid and grid[2] == grid[4] and re.fullmatch(r".*?[0-9]+\D+[0-9]+", names[1]):
        stem, start, between = grid[1], int(grid[2]), grid[3]
        wanted = [
            f"{stem}{start + index // SIDE}{between}{start + index % SIDE}"
            for index in range(PIXELS)
        ]
    else:
        match = re.fullmatch(r"(.*?)([0-9]{1,9})", names[0])
        if match is None:
            return 0, "pixel0"
        wanted = [f"{match[1]}{int(match[2]) + index}" for index in range(PIXELS)]
    # pixel001 is as good as pixel1
    pairs = zip(names, wanted, strict=True)
    return next(
        (
            (index, right)
            for index, (name, right) in enumerate(pairs)
            if _without_leading_zeros(name) != right
        ),
        None,
    )


def _without_leading_zeros(name: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", name)


def _is_header(cells: list[str]) -> bool:
    """Return whether the first line has names rather than an image."""
    if sum(not _is_number(cell) for cell in cells) > 1:
        return True
    numbers = [int(cell) if re.fullmatch(r"[0-9]{1,9}", cell) else -1 for cell in cells]
    steps = sum(after == before + 1 for before, after in pairwise(numbers))
    return steps >= PIXELS - 2


def _count_decimals(cells: list[str]) -> int:
    return sum(_DECIMAL.fullmatch(cell) is not None for cell in cells)


def _count_error(
    count: int, names: tuple[str, ...], header: bool, source: str, known: set[int | None]
) -> TenfoldError:
    if count in (3 * PIXELS, 3 * PIXELS + 1):
        return TenfoldError(
            f"{source}: has {count:,} columns, three for each pixel of 28x28 in colour; convert "
            f"them to greyscale first, {PIXELS} columns"
        )
    if count < 100:
        return TenfoldError(
            f"{source}: the first line must be the header label,pixel0,...,pixel{PIXELS - 1} or a "
            f"row of {PIXELS} pixels, with a label or without. Received: {count} columns, "
            f"{','.join(names)[:40]!r}"
        )
    if header and count > PIXELS:
        stems = [re.sub(r"[0-9]+", "0", name) for name in names]
        common = Counter(stems).most_common(1)[0][0]
        extra = [i for i, stem in enumerate(stems) if stem != common and i not in known]
        if 0 < len(extra) <= count - PIXELS:
            columns = ", ".join(f"{names[i][:40]!r} ({i + 1})" for i in extra[:8])
            return TenfoldError(
                f"{source}: has columns that are neither pixels nor label nor id: {columns}; leave "
                "them out, or name them with --label-column or --id-column"
            )
    which = f", pixel0-pixel{PIXELS - 1} ({SIDE} x {SIDE})" if header else " and at most one label"
    return TenfoldError(f"{source}: needs {PIXELS} pixel columns{which}. Received: {count:,}")


def _text_column(rows: list[list[str]]) -> int | None:
    """Return the index of the only column in which there is text, if there is one."""
    rows = [row for row in rows if len(row) == PIXELS + 1]
    texts = [
        index for index in range(PIXELS + 1) if any(not _is_number(row[index]) for row in rows)
    ]
    return texts[0] if len(texts) == 1 else None


def _values(rows: list[list[str]]) -> NDArray[np.float64]:
    cells = [[_value(cell) for cell in row] for row in rows if len(row) == PIXELS + 1]
    return np.array(cells, np.float64).reshape(-1, PIXELS + 1)


def label_by_evidence(table: NDArray[np.float64]) -> tuple[int, str]:
    """Choose the label's column among 785 of numbers; return its index and the evidence.

    Args:
        table: [rows, 785], of rows from all over the table.
    """
    if len(table) >= MIN_EVIDENCE_ROWS:
        explained = explained_variance(table)
        best, second = np.argsort(-explained)[:2]
        lead = explained[best] / max(explained[second], 1e-9)
        if explained[best] > 0 and lead >= (MIN_LEAD if best in (0, PIXELS) else MIN_LEAD_INSIDE):
            return int(best), (
                f"its values explain {100 * explained[best]:.0f} % of the variance of {len(table)} "
                f"images, those of no other column more than {100 * explained[second]:.0f} %"
            )
    if len(table) and not np.ptp(table[:, 0]) and np.ptp(table[:, PIXELS]):
        return PIXELS, "its values vary, and those of the first column do not"
    if (
        len(table) > 1
        and not table[:, 0].any()
        and table[0, PIXELS]
        and not np.ptp(table[:, PIXELS])
    ):
        return PIXELS, "all its values are one that no corner of an image has in all of them"
    return 0, "by convention, since its values do not distinguish it from pixels"


def _value(cell: str) -> float:
    number = parse_number(cell) or 0.0
    return number if abs(number) < 1e9 else 0.0


def _is_number(cell: str) -> bool:
    return is_missing(cell) or parse_number(cell) is not None


def explained_variance(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each column, what share of the others' variance its values explain (epsilon^2).

    Images of one class are alike, so grouping by the label explains much; adjusted for how many
    groups there are, grouping by a pixel explains little. Columns with too many values get 0.
    """
    count, columns = table.shape
    centred = table - table.mean(axis=0)
    total = (centred**2).sum(axis=0)
    shares = np.zeros(columns)
    for column in range(columns):
        values, group = np.unique(table[:, column], return_inverse=True)
        if not 2 <= len(values) <= min(_MAX_VALUES, count // 2):
            continue
        membership = np.zeros((len(values), count))
        membership[group, np.arange(count)] = 1
        sums = membership @ centred
        between = (sums**2 / membership.sum(axis=1, keepdims=True)).sum(axis=0)
        between_others = between.sum() - between[column]
        total_others = total.sum() - total[column]
        if total_others > 0:
            within = (total_others - between_others) / (count - len(values))
            shares[column] = (between_others - (len(values) - 1) * within) / total_others
    return shares


def split_line(line: bytes) -> list[str]:
    """Split a line into its cells. Raises ValueError or csv.Error where it is no line of a CSV."""
    text = line.decode("utf-8-sig").rstrip("\r\n")
    if "\0" in text:
        raise ValueError("a zero byte")
    return [cell.strip() for cell in next(csv.reader([text]), [""])] or [""]
