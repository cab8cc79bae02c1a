"""The tables of a run: `history.csv`, `predictions.parquet` and `label_issues.csv`."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.run.records import EpochRecord

if TYPE_CHECKING:
    import polars as pl

PREDICTION_COLUMNS = {"id", "split", "label", "prediction", "p0"}  # every prediction table has them


def read_history(file: Path) -> "pl.DataFrame":
    """Read the learning curves, a row an epoch.

    Raises:
        TenfoldError: where the file is cut or damaged, or a column is missing.
    """
    schema = _history_schema()
    return _with_columns(file, _read_csv(file, schema), schema)


def history_table(records: Sequence[EpochRecord]) -> "pl.DataFrame":
    """Lay the learning curves out as a table, a row an epoch."""
    import polars as pl

    rows = [msgspec.to_builtins(record) for record in records]
    return pl.DataFrame(rows, schema=_history_schema())


def write_csv(file: Path, table: "pl.DataFrame") -> None:
    """Write a table as CSV, whole or not at all."""
    with atomic_write(file) as stream:
        stream.write(table.write_csv().encode())


def read_predictions(file: Path) -> "pl.DataFrame":
    """Read the predictions, a row an image.

    Raises:
        TenfoldError: where the file is cut or damaged, or a column is missing.
    """
    import polars as pl

    try:
        table = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(file, error) from None
    return _with_columns(file, table, PREDICTION_COLUMNS)


def write_parquet(file: Path, table: "pl.DataFrame") -> None:
    """Write a table as Parquet, whole or not at all."""
    content = io.BytesIO()  # straight to a full disk, polars would fail in words of its own
    table.write_parquet(content)
    with atomic_write(file) as stream:
        stream.write(content.getvalue())


def read_label_issues(file: Path) -> "pl.DataFrame":
    """Read the labels that are likely wrong, the most likely first.

    Raises:
        TenfoldError: where the file is cut or damaged.
    """
    import polars as pl

    texts = {"given": pl.String, "likely": pl.String}  # class names, also where they are digits
    return _read_csv(file, texts)


def _read_csv(file: Path, types: "Mapping[str, type[pl.DataType]]") -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_csv(file, schema_overrides=types)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: BaseException) -> TenfoldError:
    reason = str(error).splitlines()[0]
    return TenfoldError(f"{file}: is cut or damaged: {reason}; copy the run again, or train anew")


def _with_columns(file: Path, table: "pl.DataFrame", names: Iterable[str]) -> "pl.DataFrame":
    missing = [name for name in sorted(names) if name not in table.columns]
    if missing:
        raise TenfoldError(f"{file}: is not a table of a run: column {missing[0]!r} is missing")
    return table


def _history_schema() -> "dict[str, type[pl.DataType]]":
    import polars as pl

    names = EpochRecord.__struct_fields__
    return {name: pl.Int64 if name == "epoch" else pl.Float64 for name in names}
