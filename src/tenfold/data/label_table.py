"""Tables of labels beside images: a label a line, or names and labels, as CSV, text or JSON."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tenfold.data.numbers import parse_number
from tenfold.data.tree import name_list
from tenfold.errors import TenfoldError

LABEL_NAMES = {
    *("label", "labels", "class", "classes", "y", "target", "targets", "digit", "category"),
    *("symbol", "symbol_id", "character", "letter", "number", "class_id", "class_name"),
    *("label_id", "label_name", "category_id", "has_digit", "value", "answer", "ground_truth"),
}
_FILE_NAMES = {"file", "filename", "file_name", "image", "image_name", "img", "path", "name", "id"}
_MAX_CELLS = 64  # of a row; a table of pixels has more


@dataclass(frozen=True)
class LabelTable:
    """Rows of text, with the names of their columns if there are any.

    Args:
        where: the file's name, for errors.
        header: the names of the columns, or empty.
        rows: equally many cells each.
    """

    where: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def parse_table(content: bytes, where: str) -> LabelTable:
    """Parse a table of labels: JSON, or lines of cells with any of the usual separators.

    Raises:
        TenfoldError: where it is no such table.
    """
    try:
        text = content.decode(
            "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        )
        if "\0" in text:
            raise ValueError("a zero byte")
        is_json = text.lstrip()[:1] in "[{" and text.strip()
        rows = _json_rows(text) if is_json else _split_rows(text)
    except (ValueError, csv.Error, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(f"{where}: is not a table of labels ({reason})") from error
    if not rows:
        raise TenfoldError(f"{where}: is empty; give a label for each image")
    cells = len(rows[0])
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != cells), None)
    if wrong is not None:
        raise TenfoldError(
            f"{where}: row {wrong} must have {cells} cells, as the first. "
            f"Received: {len(rows[wrong - 1])}"
        )
    first = rows[0]
    if not _is_header(rows):
        return LabelTable(where, (), rows)
    return LabelTable(where, first, rows[1:])


def _json_rows(text: str) -> list[tuple[str, ...]]:
    """Lay out JSON as rows: a list of labels, of pairs or of objects, or objects a line.

    Objects are `{name: label}`, `{name: {"label": ...}}`, or columns, `{"file": [...], "label":
    [...]}`, whose values may also be objects, as pandas writes them.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(value, dict):
        value = _object_rows(value)
    if value and all(isinstance(row, dict) for row in value):
        names = list(value[0])
        value = [names, *([row.get(name, "") for name in names] for row in value)]
    rows = [row if isinstance(row, list) else [row] for row in value]
    if any(isinstance(cell, (list, dict)) or cell is None for row in rows for cell in row):
        raise ValueError("its values must be text or numbers")
    return [tuple(str(cell).strip() for cell in row) for row in rows]


def _object_rows(value: dict[str, Any]) -> list[Any]:
    cells = list(value.values())
    if cells and all(isinstance(cell, dict) for cell in cells):
        if any(name.lower() in LABEL_NAMES for name in value):
            columns = [[cell[key] for key in cells[0] if key in cell] for cell in cells]
        else:
            return [{"file": name, **cell} for name, cell in value.items()]
    elif cells and all(isinstance(cell, list) for cell in cells):
        columns = cells
    else:
        return [[name, label] for name, label in value.items()]
    if len({len(column) for column in columns}) > 1:
        raise ValueError("its columns differ in length")
    return [list(value), *map(list, zip(*columns, strict=True))]


def _split_rows(text: str) -> list[tuple[str, ...]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].startswith("#"):  # as `np.savetxt` writes a header
        lines[0] = lines[0].lstrip("# ")
        lines = lines if lines[0] else lines[1:]
    separator = _separator(lines[:50])
    if separator is None:
        return [tuple(line.split()) for line in lines]
    rows = csv.reader(lines, delimiter=separator, strict=True)
    return [tuple(cell.strip() for cell in row) for row in rows]


def _separator(lines: list[str]) -> str | None:
    """Return what separates the cells of some lines: a tab, semicolon, comma; None for spaces."""
    for separator in ("\t", ";", ","):
        counts = {line.count(separator) for line in lines}
        if 0 not in counts:
            return separator
    words = {len(line.split()) for line in lines}
    return None if len(words) == 1 else ","


def _is_header(rows: list[tuple[str, ...]]) -> bool:
    first = rows[0]
    if len(rows) > 1 and first[0].lower() in _FILE_NAMES:
        return True  # one-hot labels have the numbers of the classes for names
    if len(rows) < 2 or any(_is_number(cell) for cell in first):
        return False
    if any(cell.lower() in LABEL_NAMES for cell in first):
        return True
    return any(_is_number(cell) for cell in rows[1])


def _is_number(cell: str) -> bool:
    return parse_number(cell) is not None


def label_index(table: LabelTable, key: int | None, wanted: str | None) -> int:
    """Find the column of the labels.

    Args:
        table: the table.
        key: the column of the images' names, or None.
        wanted: its name, or its number from 1, or None.

    Raises:
        TenfoldError: where it cannot be told.
    """
    columns = len(table.rows[0]) if table.rows else len(table.header)
    if wanted is not None:
        return column_index(wanted, table.header, columns, table.where, "label")
    others = [index for index in range(columns) if index != key]
    if len(others) == 1:
        return others[0]
    named = [
        index
        for index, name in enumerate(table.header)
        if name.lower() in LABEL_NAMES and index != key
    ]
    if named:
        return named[0]
    names = table.header or [f"{number} ({cell!r})" for number, cell in enumerate(table.rows[0], 1)]
    raise TenfoldError(
        f"{table.where}: which column has the labels? Name it with --label-column. "
        f"Received: {name_list([str(name) for name in names])}"
    )


def column_index(wanted: str, names: Sequence[str], columns: int, where: str, what: str) -> int:
    """Find a column by its name, or by its number from 1.

    Raises:
        TenfoldError: where there is none.
    """
    if wanted in names:
        return list(names).index(wanted)
    lower = [name.lower() for name in names]
    if wanted.lower() in lower:
        return lower.index(wanted.lower())
    if wanted.isdecimal() and 1 <= int(wanted) <= columns:
        return int(wanted) - 1
    has = f"columns {name_list(list(names))}" if names else f"no header and {columns} columns"
    raise TenfoldError(
        f"{where}: has no column {wanted!r} (--{what}-column); name one of its columns, or its "
        f"number from 1. Received: {has}"
    )


def name_column(table: LabelTable, names: Sequence[str], wanted: str | None) -> int | None:
    """Find the column with the names of image files; None where there is none."""
    columns = len(table.rows[0]) if table.rows else 0
    if wanted is not None:
        return column_index(wanted, table.header, columns, table.where, "id")
    texts = [name.lower() in LABEL_NAMES for name in table.header] or [False] * columns
    for way in _WAYS:  # the strictest first: labels are numbers as names may be
        known = {way(name) for name in names}
        if len(known) < len(names):
            continue
        for index in range(columns if columns > 1 else 0):
            listed = {way(_key(row[index])) for row in table.rows}
            least = _MIN_LISTED * min(len(known), len(table.rows))
            if not texts[index] and len(listed & known) >= least:
                return index
    return None


def labels_by_name(
    table: LabelTable, key: int, label: int, names: Sequence[str]
) -> list[str | None]:
    """Look up the label of each image file; None where the table does not list it.

    A name may be in the table with or without folders and suffix, and as its number.

    Raises:
        TenfoldError: where the table gives an image two labels.
    """
    best: list[str | None] = [None] * len(names)
    for way in _WAYS:
        keys = [way(name) for name in names]
        if len(set(keys)) < len(keys):
            continue
        wanted = set(keys)
        found: dict[str, str] = {}
        for row in table.rows:
            name = way(_key(row[key]))
            if found.setdefault(name, row[label]) != row[label] and name in wanted:
                raise TenfoldError(
                    f"{table.where}: gives {row[key]!r} two labels, {found[name]!r} and "
                    f"{row[label]!r}; keep one"
                )
        looked_up = [found.get(each) for each in keys]
        if sum(label is not None for label in looked_up) > sum(one is not None for one in best):
            best = looked_up
        if None not in best:
            break
    return best


def _key(cell: str) -> str:
    """Return a name as it is in a tree: `../hasy-data/a.png` and `.\\a.png` are in folders too."""
    return re.sub(r"^(\.{1,2}/)+", "", cell.replace("\\", "/"))


def _base(name: str) -> str:
    return PurePosixPath(name).name


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _number(name: str) -> str:
    digits = re.findall(r"[0-9]+", _stem(name))
    return str(int(digits[0])) if len(digits) == 1 and len(digits[0]) <= 18 else name


# How a name in a table may be that of an image: as it is, without folders, without suffix, as the
# one number that is in it.
_WAYS = (str, _base, _stem, _number)
_MIN_LISTED = 0.5  # of the images, or of the rows, for a column to hold names
