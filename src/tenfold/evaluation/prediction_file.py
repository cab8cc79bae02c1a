"""Predictions that somebody made elsewhere, as a CSV or Parquet file: what its columns are."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.files import read_file
from tenfold.data.numbers import label_text, parse_number
from tenfold.errors import TenfoldError
from tenfold.run.tables import PREDICTION_COLUMNS, PROBABILITY

if TYPE_CHECKING:
    import polars as pl

PARQUET = b"PAR1"
MAX_BYTES = 2**29
IDS = ("id", "imageid", "image_id", "image", "file", "filename", "file_name", "row", "index", "")
PREDICTED = ("prediction", "predicted", "predicted_label", "pred", "y_pred")
LABELS = ("label", "class", "target", "digit", "y")  # what is predicted, where no other column is
TRUTH = ("label", "true", "true_label", "y_true", "target", "truth")
OF_CLASS = ("{}", "p_{}", "p{}", "prob_{}", "proba_{}", "probability_{}", "class_{}")

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """The columns of a file of predictions, n rows.

    Args:
        name: the file, as the user named it.
        columns: text [n] each, by its name.
        is_ours: whether it is a `predictions.parquet`, whose classes are numbered from 0.
    """

    name: str
    columns: dict[str, Texts]
    is_ours: bool

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def find(self, names: Sequence[str]) -> str | None:
        """Return the first column that is called so, capitals or not; None where there is none."""
        return next(iter(self.called(names)), None)

    def called(self, names: Sequence[str]) -> list[str]:
        """Return the columns that are called so, in the order of the names."""
        place = {column.strip().lower(): column for column in reversed(self.columns)}
        return [place[name.lower()] for name in names if name.lower() in place]

    def probability_columns(self, classes: Sequence[str]) -> list[str] | None:
        """Return a column a class, whose names say it; None where they do not all have one."""
        if self.is_ours:
            names = [name for name in self.columns if PROBABILITY.fullmatch(name)]
            return names if len(names) == len(classes) else None
        for pattern in OF_CLASS:
            names = [pattern.format(name) for name in classes]
            if all(name in self.columns for name in names):
                return names
        numbered = [f"p{index}" for index in range(len(classes))]
        return numbered if all(name in self.columns for name in numbered) else None

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Read a column of numbers, float64 [n].

        Raises:
            TenfoldError: where a value is none; it is named.
        """
        values = [parse_number(text) for text in self.columns[column].tolist()]
        if None in values:
            at = values.index(None)
            raise TenfoldError(
                f"{self.name}: column {column!r} must hold numbers. Received in row {at}: "
                f"{str(self.columns[column][at])!r}"
            )
        return np.array(values, np.float64)

    def split(self, wanted: str | None) -> tuple["PredictionFile", str | None]:
        """Take the rows of one split, where it has several: the one wanted, or else the test's.

        Raises:
            TenfoldError: where it has no such rows, or several splits and none is the test's.
        """
        column = self.find(["split"])
        if column is None:
            if wanted is not None:
                raise TenfoldError(f"{self.name}: has no column 'split', so no split {wanted!r}")
            return self, None
        splits = sorted(set(self.columns[column].tolist()))
        chosen = wanted or (splits[0] if len(splits) == 1 else "test")
        if chosen not in splits:
            raise TenfoldError(
                f"{self.name}: has the splits {', '.join(splits)}; say which, as "
                f"{self.name}:split={splits[0]}"
            )
        kept = self.columns[column] == chosen
        columns = {name: values[kept] for name, values in self.columns.items() if name != column}
        return PredictionFile(self.name, columns, self.is_ours), chosen


def read_prediction_file(path: Path, classes: Sequence[str]) -> PredictionFile:
    """Read a CSV, separated by commas, semicolons or tabs, or a Parquet file.

    Without a header, one column are labels, and as many columns as classes probabilities.

    Args:
        path: the file.
        classes: those of the images, to tell a header from numbers.

    Raises:
        TenfoldError: where it cannot be read, or has no rows or no columns.
    """
    content = read_file(path, "the predictions", MAX_BYTES)
    if content.startswith(PARQUET):
        columns, ours = _read_parquet(content, path)
    else:
        columns, ours = _read_csv(content, path, classes), False
    if not columns or not len(next(iter(columns.values()))):
        raise TenfoldError(f"{path}: holds no predictions")
    return PredictionFile(str(path), columns, ours)


def _read_parquet(content: bytes, path: Path) -> tuple[dict[str, Texts], bool]:
    import polars as pl

    try:
        table = pl.read_parquet(content)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0]
        raise TenfoldError(f"{path}: is cut or damaged: {reason}") from None
    ours = {*PREDICTION_COLUMNS, "probability"} <= set(table.columns)
    return {name: _texts(table[name]) for name in table.columns}, ours


def _texts(series: "pl.Series") -> Texts:
    return np.array([label_text(value) for value in series.to_list()], np.str_)


def _read_csv(content: bytes, path: Path, classes: Sequence[str]) -> dict[str, Texts]:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TenfoldError(f"{path}: is no table of predictions: {error}") from None
    if not rows:
        return {}
    header = [cell.strip() for cell in rows[0]]
    named = any(parse_number(cell) is None for cell in header) or set(header) == set(classes)
    if named:
        del rows[0]
    else:
        header = _header(len(header), classes, path)
    if len(set(header)) < len(header):
        raise TenfoldError(f"{path}: two of its columns have one name: {', '.join(header[:12])}")
    for at, row in enumerate(rows):
        if len(row) != len(header):
            raise TenfoldError(
                f"{path}: row {at} has {len(row)} cells, and {len(header)} columns are there"
            )
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {
        name: np.array([cell.strip() for cell in column], np.str_)
        for name, column in zip(header, columns, strict=True)
    }


def _header(count: int, classes: Sequence[str], path: Path) -> list[str]:
    if count == 1:
        return ["prediction"]
    if count == len(classes):
        return [f"p_{name}" for name in classes]
    raise TenfoldError(
        f"{path}: has no header, and {count} columns are neither labels (1) nor a probability for "
        f"each of {len(classes)} classes; give it a header, as ImageId,Label"
    )
