"""The tables of a run: history, predictions, label issues and occlusion maps."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import PIXELS
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.run.records import EpochRecord

if TYPE_CHECKING:
    import polars as pl

PROBABILITY = re.compile(r"p\d{1,4}")
SLACK = 1e-3  # of a probability in float32
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
        TenfoldError: where the file is cut or damaged, a column is missing or of another type, or
            a value is out of its range.
    """
    table = _with_columns(file, _read_parquet(file), PREDICTION_COLUMNS)
    _check_predictions(file, table)
    return table


def _check_predictions(file: Path, table: "pl.DataFrame") -> None:
    """Raise TenfoldError where a column is not of the type and in the range of what is written."""
    import polars as pl

    names = [name for name in table.columns if PROBABILITY.fullmatch(name)]
    last = len(names) - 1
    ranges = {"id": 2**63 - 1, "label": last, "prediction": last} | dict.fromkeys(names, 1 + SLACK)
    for name in ("split", *ranges):
        kind = pl.Float32 if name in names else pl.String if name == "split" else pl.Int64
        column = table[name]
        if column.dtype != kind:
            raise _out_of_form(file, f"column {name!r} holds {column.dtype}, not {kind}")
        if name != "label" and column.null_count():
            raise _out_of_form(file, f"column {name!r} has an empty cell")
        values = column.drop_nulls().to_numpy()
        # NaN is not within the range either
        if name in ranges and not ((values >= 0) & (values <= ranges[name])).all():
            least, most = values.min(), values.max()
            raise _out_of_form(file, f"column {name!r} goes from {least} to {most}")


def _out_of_form(file: Path, what: str) -> TenfoldError:
    return TenfoldError(
        f"{file}: is not a table of a run: {what}; copy the run again, or train anew"
    )


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


def read_occlusion(file: Path) -> "pl.DataFrame":
    """Read the occlusion maps, a row an error.

    Raises:
        TenfoldError: where the file is cut or damaged, or a column is missing, of another type or
            not of finite numbers.
    """
    import polars as pl

    schema = occlusion_schema()
    table = _with_columns(file, _read_parquet(file), schema)
    for name, kind in schema.items():
        if table[name].dtype != kind or table[name].null_count():
            raise _out_of_form(file, f"column {name!r} is not {kind} in each row")
    values = table["map"].explode()
    if values.null_count() or not values.cast(pl.Float64).is_finite().all():
        raise _out_of_form(file, "column 'map' is not of finite numbers")
    return table


def occlusion_schema() -> "dict[str, pl.DataType]":
    """The columns of `occlusion.parquet`.

    `id`, `split`, `label` and `prediction` as in `predictions.parquet`; `model`, the sha256 of the
    model file that was asked; `map`, the 28 x 28 values row by row.
    """
    import polars as pl

    return {
        "id": pl.Int64(),
        "split": pl.String(),
        "label": pl.Int64(),
        "prediction": pl.Int64(),
        "model": pl.String(),
        "map": pl.Array(pl.Float32, PIXELS),
    }


def _read_parquet(file: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(read_file(file, "the table"))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(file, error) from None


def _read_csv(file: Path, types: "Mapping[str, type[pl.DataType]]") -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_csv(read_file(file, "the table"), schema_overrides=types)
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
