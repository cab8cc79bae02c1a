import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.predictions import prediction_table
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.label_issues import save_label_issues
from tenfold.workflow.runs.result import Run


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "trained")))


def out_of_fold(run: RunFolder, train_set: Dataset, wrong: list[int]) -> pl.DataFrame:
    """Add sure predictions of the images, some of them wrong by a class."""
    labels = train_set.require_labels()
    predicted = labels.copy()
    predicted[wrong] = (predicted[wrong] + 1) % 10
    probabilities = np.full((len(labels), 10), 0.01, np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.91
    table = prediction_table("out_of_fold", np.arange(len(labels)), labels, probabilities)
    return pl.concat([run.predictions(), table])


def test_label_issues_of_a_run_with_folds_are_kept_as_a_table(
    run: RunFolder, train_set: Dataset
) -> None:
    predictions = out_of_fold(run, train_set, [8, 1999, 70])
    save_label_issues(run, predictions, train_set.classes)
    table = run.label_issues()
    assert sorted(table["row"].to_list()) == [8, 70, 1999]
    by_row = {row["row"]: row for row in table.to_dicts()}
    assert by_row[8]["given"] == str(train_set.require_labels()[8])
    assert by_row[8]["likely"] == str((train_set.require_labels()[8] + 1) % 10)
    assert by_row[8]["likely_probability"] == pytest.approx(0.91)
    assert f"3 labels are likely wrong: {run.label_issues_file}" in str(Run(run))


def test_folds_without_label_issues_leave_an_empty_table(
    run: RunFolder, train_set: Dataset
) -> None:
    save_label_issues(run, out_of_fold(run, train_set, []), train_set.classes)
    assert len(run.label_issues()) == 0
    assert "0 labels are likely wrong" in str(Run(run))


def test_a_run_without_folds_has_no_table(run: RunFolder, train_set: Dataset) -> None:
    save_label_issues(run, run.predictions(), train_set.classes)
    assert not run.label_issues_file.exists()
    assert "likely wrong" not in str(Run(run))
