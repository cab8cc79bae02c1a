"""Read a Parquet file a few rows at a time, wherever it is, for sets larger than memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS
from tenfold.data.formats.csv_layout import MAX_EVIDENCE_ROWS, find_layout
from tenfold.data.formats.parquet import (
    image_column,
    label_and_id,
    list_column,
    panics_unprinted,
)
from tenfold.data.numbers import is_missing, label_text
from tenfold.data.remote import is_url, open_file
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

if TYPE_CHECKING:
    import polars as pl

NO_ID = "its id is missing"


class RowLayout(msgspec.Struct, frozen=True):
    """Which columns of a table are read.

    Args:
        kind: "encoded" images, a column of "lists" of pixels, or 784 columns of "pixels".
        images: the columns of the images.
        id: the column of their ids; None for the number of the row, from 0.
        notes: what was decided and why.
        columns: of "pixels", every column of the table: with others the pixels would be others.
        is_float: whether the pixels are floating-point numbers, and not integers.
    """

    kind: Literal["encoded", "lists", "pixels"]
    images: tuple[str, ...]
    id: str | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    is_float: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.images, *([self.id] if self.id else []))


def count_rows(path: str) -> int:
    """Count the rows of a file, by its footer. Raises TenfoldError where it is damaged."""
    import polars as pl

    with _damage(path):
        if is_url(path):
            with open_file(path) as file, missing_extra_named(path, "remote"):
                import pyarrow.parquet

                return int(pyarrow.parquet.ParquetFile(file).metadata.num_rows)
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def row_ranges(path: str, rows: int, part: int) -> list[tuple[int, int]]:
    """Divide a file into parts of about `part` rows.

    Of a file elsewhere a part is whole row groups, since each is fetched as a whole, unless a
    group is larger than four parts.
    """
    groups = [part] * (rows // part) + [rows % part] * (rows % part > 0)
    if is_url(path):
        groups = _row_groups(path)
    ranges: list[tuple[int, int]] = []
    start = end = 0
    for size in groups:
        if end > start and end + size - start > part:
            ranges.append((start, end))
            start = end
        end += size
        if size > 4 * part:
            cuts = [*range(start, end, part), end]
            ranges += pairwise(cuts)
            start = end
    return [*ranges, (start, end)] if end > start else ranges


def _row_groups(path: str) -> list[int]:
    with _damage(path), open_file(path) as file, missing_extra_named(path, "remote"):
        import pyarrow.parquet

        metadata = pyarrow.parquet.ParquetFile(file).metadata
        return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def read_rows(path: str, start: int, stop: int, layout: RowLayout | None = None) -> "pl.DataFrame":
    """Read the rows from `start` up to `stop`; no others are kept in memory.

    Args:
        path: the file.
        start: the number of the first row, from 0.
        stop: the number of the row after the last.
        layout: of which the columns are read; None for all columns.

    Raises:
        TenfoldError: where the file is damaged, or lacks a row, or has not the layout's columns.
    """
    import polars as pl

    with _damage(path):
        if is_url(path):
            table = _fetch(path, start, stop, layout)
        else:
            scan = pl.scan_parquet(path, glob=False)
            if layout is not None:
                _check_columns(path, scan.collect_schema().names(), layout)
                scan = scan.select(layout.read)
            table = scan.slice(start, stop - start).collect()
    if len(table) != stop - start:
        raise TenfoldError(
            f"{path}: has no rows {start + len(table):,}-{stop - 1:,} any more; begin anew"
        )
    return table


def _fetch(path: str, start: int, stop: int, layout: RowLayout | None) -> "pl.DataFrame":
    import polars as pl

    with open_file(path) as file, missing_extra_named(path, "remote"):
        import pyarrow as pa
        import pyarrow.parquet

        parquet = pyarrow.parquet.ParquetFile(file)
        if layout is not None:
            _check_columns(path, parquet.schema_arrow.names, layout)
        groups: list[int] = []
        before = first = 0
        for index in range(parquet.metadata.num_row_groups):
            size = parquet.metadata.row_group(index).num_rows
            if before < stop and before + size > start:
                first = before if not groups else first
                groups.append(index)
            before += size
        batches = []
        chosen = None if layout is None else list(layout.read)
        for batch in parquet.iter_batches(8192, row_groups=groups, columns=chosen):
            low, high = max(start - first, 0), min(stop - first, len(batch))
            if low < high:
                batches.append(batch.slice(low, high - low))
            first += len(batch)
        table = pl.from_arrow(pa.Table.from_batches(batches)) if batches else pl.DataFrame()
    assert isinstance(table, pl.DataFrame)
    return table


def find_columns(path: str, rows: int, options: ReadOptions) -> RowLayout:
    """Find the columns of images and ids, from the first rows of a file.

    Raises:
        TenfoldError: where it has no such columns.
    """
    sample = read_rows(path, 0, min(rows, MAX_EVIDENCE_ROWS))
    encoded, lists = image_column(sample), list_column(sample)
    column = encoded if encoded is not None else lists
    if column is not None:
        _, id_ = label_and_id(sample, options, path)
        if encoded is not None:
            return RowLayout("encoded", (column.name,), id_)
        return _with_numbers(sample, RowLayout("lists", (column.name,), id_), path)
    names = sample.columns
    evidence: list[list[str]] = [[] for _ in range(len(sample))]
    if len(names) == PIXELS + 1:
        evidence = [["" if is_missing(v) else str(v) for v in row] for row in sample.rows()]
    layout = find_layout(names, evidence, path, options)
    pixels = tuple(name for index, name in enumerate(names) if index not in layout.others)
    id_ = None if layout.id is None else names[layout.id]
    found = RowLayout("pixels", pixels, id_, layout.notes, tuple(names))
    return _with_numbers(sample, found, path)


def _with_numbers(table: "pl.DataFrame", layout: RowLayout, path: str) -> RowLayout:
    """Return a layout that says which kind of numbers the pixels of a table are."""
    array, _ = pixel_array(table, layout, path)
    return msgspec.structs.replace(layout, is_float=array.dtype.kind == "f")


def ids_of(table: "pl.DataFrame", layout: RowLayout, start: int) -> list[str | None]:
    """Return the id of each row: of its column, None where it has none; or its number, from 0."""
    if layout.id is None:
        return [str(start + row) for row in range(len(table))]
    return [None if value is None else label_text(value) for value in table[layout.id]]


def encoded_images(table: "pl.DataFrame") -> list[bytes | None]:
    """Return the image file of each row; None where there is none."""
    column = image_column(table)
    assert column is not None
    return column.to_list()


def pixel_array(
    table: "pl.DataFrame", layout: RowLayout, path: str
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return the pixels of each row, [n, pixels], and which rows have all of them.

    Raises:
        TenfoldError: where a column holds no numbers.
    """
    whole = np.ones(len(table), np.bool_)
    if layout.kind == "lists":
        column = table[layout.images[0]]
        lists = [_numbers(one) for one in column.to_list()]
        sizes = Counter(len(one) for one in lists if one is not None)
        size = sizes.most_common(1)[0][0] if sizes else 0
        good = [one for one in lists if one is not None and len(one) == size]
        whole &= np.array([one is not None and len(one) == size for one in lists], np.bool_)
        array = np.zeros(
            (len(table), size), np.result_type(*{one.dtype for one in good}) if good else np.uint8
        )
        array[whole] = good
        return _finite(array, whole)
    chosen = table.select(layout.images)
    wrong = next((one.name for one in chosen if not one.dtype.is_numeric()), None)
    if wrong is not None:
        raise TenfoldError(f"{path}: column {wrong!r} must hold numbers; convert it")
    for column in chosen:
        if column.null_count():
            whole &= column.is_not_null().to_numpy()
    return _finite(chosen.fill_null(0).to_numpy(), whole)


def _finite(
    array: NDArray[np.generic], whole: NDArray[np.bool_]
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    if array.dtype.kind == "f":
        whole = whole & np.isfinite(array).all(axis=1)
        array[~whole] = 0
    elif array.dtype.kind == "O":
        raise TenfoldError("pixels must be numbers, all cells of one type")
    return array, whole


def _numbers(pixels: Any) -> NDArray[np.generic] | None:
    """Return a list of pixels, or of rows of them, as one array; None where one is missing."""
    try:
        array = np.asarray(pixels).reshape(-1)
    except ValueError:  # rows of several lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def _check_columns(path: str, names: Sequence[str], layout: RowLayout) -> None:
    """Raise TenfoldError where a table is not of one kind with that of which the layout is."""
    lacking = set(layout.read).difference(names)
    extra = set(names).difference(layout.columns) if layout.columns else set()
    if lacking or extra:
        what = f"no column {min(lacking)!r}" if lacking else f"a column {min(extra)!r}"
        which = "has" if lacking else "has not"
        raise TenfoldError(
            f"{path}: has {what}, which the first file {which}; give files of one kind"
        )


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """Turn what polars and pyarrow raise for a damaged file into one line."""
    import polars as pl

    try:
        with panics_unprinted():
            yield
    except (TenfoldError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise TenfoldError(f"{path}: there is no such file any more") from error
    except (Exception, pl.exceptions.PanicException) as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{path}: is not Parquet, or damaged or truncated ({reason}); copy it again"
        ) from error
