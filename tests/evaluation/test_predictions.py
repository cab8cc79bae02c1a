import numpy as np
import polars as pl
import pytest

from tenfold.errors import TenfoldError
from tenfold.evaluation.predictions import prediction_table

IDS = np.array([7, 3])
PROBABILITIES = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)


def test_each_image_has_a_row_with_prediction_and_loss() -> None:
    table = prediction_table("validation", IDS, np.array([0, 0]), PROBABILITIES)
    assert table.schema == {
        "id": pl.Int64,
        "split": pl.String,
        "label": pl.Int64,
        "prediction": pl.Int64,
        "probability": pl.Float32,
        "p0": pl.Float32,
        "p1": pl.Float32,
        "loss": pl.Float32,
    }
    assert table.row(0)[:-1] == (7, "validation", 0, 1, 0.75, 0.25, 0.75)
    assert table["loss"].to_list() == pytest.approx([1.3863, 0], abs=1e-4)


def test_label_and_loss_are_null_without_labels_and_tables_concatenate() -> None:
    known = prediction_table("validation", IDS, np.array([0, 0]), PROBABILITIES)
    table = pl.concat([known, prediction_table("test", IDS, None, PROBABILITIES)])
    assert table["label"].to_list() == [0, 0, None, None]
    assert table["loss"].null_count() == 2
    assert table["split"].to_list() == ["validation"] * 2 + ["test"] * 2


def test_columns_of_different_length_are_rejected() -> None:
    with pytest.raises(TenfoldError, match=r"test: .*Received: \[1, 2\]"):
        prediction_table("test", IDS[:1], None, PROBABILITIES)
