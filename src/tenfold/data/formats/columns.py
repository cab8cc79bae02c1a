"""A table in memory, column by column: which are pixels, which the label, and their numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_layout import MAX_EVIDENCE_ROWS, find_layout
from tenfold.data.numbers import checked_ids, is_missing, label_text, parse_column
from tenfold.data.pixels import labels_of, other_classes, to_images
from tenfold.data.source_name import AS_IT_IS, ReadOptions
from tenfold.errors import TenfoldError


def from_columns(
    columns: dict[str, NDArray[Any]], where: str, source: str, options: ReadOptions = AS_IT_IS
) -> Dataset:
    """Make a Dataset of columns of pixels, and at most one of labels and one of ids.

    Rows in which every cell is empty are left out, with a note.

    Args:
        columns: the values of each column, [rows], numbers or text.
        where: the table, for errors.
        source: the name of the set.
        options: which columns have the label and the id, where they were named.

    Raises:
        TenfoldError: where the columns are no such ones, or a cell is empty or no number; the
            message names column and row, from 0.
    """
    names = list(columns)
    rows = len(next(iter(columns.values()), ()))
    chosen = np.arange(rows)
    if rows > MAX_EVIDENCE_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(rows, MAX_EVIDENCE_ROWS, replace=False))
    evidence = [[] for _ in chosen] if len(names) != PIXELS + 1 else _cells(columns, chosen)
    layout = find_layout(names, evidence, where, options)
    label = None if layout.label is None else names[layout.label]
    others = {names[index] for index in layout.others}
    pixels = {name: columns[name] for name in names if name not in others}
    numbers = {name: _numbers(column, name, where) for name, column in pixels.items()}
    kept, notes = _filled_rows(numbers, None if label is None else columns[label])
    table = np.column_stack([column[kept] for column in numbers.values()])
    if table.dtype.kind == "f" and np.isnan(table).any():
        row, column = np.argwhere(np.isnan(table))[0]
        raise TenfoldError(
            f"{where}: column {list(pixels)[column]!r}, row {np.flatnonzero(kept)[row]} is empty; "
            "fill it with 0-255"
        )
    images, converted = to_images(table, where)
    notes = (*layout.notes, *notes, *converted)
    dataset = Dataset(images, None, source=source, notes=notes)
    if layout.id is not None:
        ids, said = checked_ids([label_text(v) for v in columns[names[layout.id]][kept]], where)
        notes = (*notes, *said)
        dataset = replace(dataset, ids=ids, id_name=names[layout.id], notes=notes)
    if label is None:
        return dataset
    given = columns[label][kept]
    labels, classes = labels_of(given, len(images), f"{where}: column {label!r}")
    return replace(dataset, labels=labels, classes=classes, notes=(*notes, *other_classes(classes)))


def _cells(columns: dict[str, NDArray[Any]], rows: NDArray[np.int64]) -> list[list[str]]:
    parts = [column[rows].tolist() for column in columns.values()]
    return [["" if is_missing(v) else str(v) for v in row] for row in zip(*parts, strict=True)]


def _numbers(column: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    if column.dtype.kind in "iufb":
        return column
    numbers, fault = parse_column(column)
    if fault is not None:
        raise TenfoldError(
            f"{where}: column {name!r}, row {fault} must be a number. "
            f"Received: {str(column[fault])[:40]!r}"
        )
    whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers.astype(np.int64) if whole else numbers


def _filled_rows(
    numbers: dict[str, NDArray[Any]], label: NDArray[Any] | None
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Find the rows in which any cell is filled; return a note on the others."""
    rows = len(next(iter(numbers.values())))
    empty = np.ones(rows, np.bool_)
    for column in numbers.values():
        empty &= np.isnan(column) if column.dtype.kind == "f" else False
        if not empty.any():
            return ~empty, ()
    if label is not None:
        empty &= np.array([is_missing(value) for value in label], np.bool_)
    count = int(empty.sum())
    note = f"{count:,} empty row{'s were' if count > 1 else ' was'} left out"
    return ~empty, (note,) if count else ()
