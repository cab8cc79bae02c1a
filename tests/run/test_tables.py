"""`history.csv`, `predictions.parquet` and `label_issues.csv`."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.errors import TenfoldError
from tenfold.evaluation.predictions import prediction_table
from tenfold.run import tables
from tenfold.run.folder import RunFolder
from tenfold.run.records import EpochRecord

RECORDS = [
    EpochRecord(1, 1.5, 1066.7, 0.02, 1.25, 0.625, 0.75, 0.875),
    EpochRecord(2, 1.25, 1280.0, 1e-05, 0.5, 0.9),
]


def test_curves_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    tables.write_csv(file, tables.history_table(RECORDS))
    table = tables.read_history(file)
    assert [EpochRecord(**row) for row in table.to_dicts()] == RECORDS
    assert table["val_accuracy"].to_list() == [0.875, None]
    assert file.read_text().splitlines()[0].split(",") == list(EpochRecord.__struct_fields__)


def test_curves_without_a_number_keep_their_types(tmp_path: Path) -> None:
    """An empty column says nothing of its type, and a loss of 1 looks like a whole number."""
    file = tmp_path / "history.csv"
    record = EpochRecord(1, 1.0, 1.0, 1.0, 1.0, 1.0)
    for records in ([], [record]):
        written = tables.history_table(records)
        tables.write_csv(file, written)
        assert tables.read_history(file).schema == written.schema
        assert written.schema == {
            name: pl.Int64 if name == "epoch" else pl.Float64 for name in written.columns
        }


def test_a_run_has_a_row_an_epoch(trained_run: RunFolder) -> None:
    table = trained_run.history()
    assert table["epoch"].to_list() == [1, 2]
    assert table.null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize("spoil", ["", "epoch,loss\n1,0.5\n", "a\n\0\n", "epoch,loss\n1,low\n"])
def test_a_history_that_is_damaged_is_named_in_one_line(spoil: str, tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_text(spoil)
    with pytest.raises(TenfoldError) as caught:
        tables.read_history(file)
    assert str(caught.value).startswith(f"{file}: is ")
    assert "\n" not in str(caught.value)


def test_predictions_are_read_back_as_they_were_written(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    table, file = trained_run.predictions(), tmp_path / "predictions.parquet"
    tables.write_parquet(file, table)
    assert tables.read_predictions(file).equals(table)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]
    tables.write_parquet(file, table.drop("p0"))
    with pytest.raises(TenfoldError, match=r"predictions\.parquet: .*'p0'"):
        tables.read_predictions(file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TenfoldError, match=r"predictions\.parquet: is cut or damaged") as caught:
        tables.read_predictions(file)
    assert "\n" not in str(caught.value)


def test_class_names_that_are_digits_stay_texts(tmp_path: Path) -> None:
    file = tmp_path / "label_issues.csv"
    table = pl.DataFrame({"row": [7], "given": ["3"], "likely": ["08"], "probability": [0.5]})
    tables.write_csv(file, table)
    assert tables.read_label_issues(file).equals(table)
    file.write_bytes(b"")
    with pytest.raises(TenfoldError, match=r"label_issues\.csv: is cut or damaged"):
        tables.read_label_issues(file)


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("id", pl.lit("zero"), "column 'id' holds String"),
        ("id", pl.lit(-1, pl.Int64), "column 'id' goes from -1"),
        ("split", pl.lit(1, pl.Int64), "column 'split' holds Int64"),
        ("label", pl.lit(10, pl.Int64), "column 'label' goes from 10"),
        ("prediction", pl.lit(-1, pl.Int64), "column 'prediction' goes from -1"),
        ("prediction", pl.lit(None, pl.Int64), "column 'prediction' has an empty cell"),
        ("p3", pl.lit(5.0, pl.Float32), "column 'p3' goes from 5.0"),
        ("p3", pl.lit(float("nan"), pl.Float32), "column 'p3' goes from"),
        ("p3", pl.lit("a"), "column 'p3' holds String"),
    ],
)
def test_predictions_of_another_type_or_range_are_named(
    column: str, value: pl.Expr, named: str, tmp_path: Path
) -> None:
    probabilities = np.full((3, 10), 0.1, np.float32)
    table = prediction_table("test", np.arange(3), np.array([0, 1, 2]), probabilities)
    file = tmp_path / "predictions.parquet"
    tables.write_parquet(file, table)
    assert tables.read_predictions(file).equals(table)
    tables.write_parquet(file, table.with_columns(value.alias(column)))
    with pytest.raises(TenfoldError, match=named) as caught:
        tables.read_predictions(file)
    assert str(caught.value).startswith(f"{file}: is not a table of a run")
