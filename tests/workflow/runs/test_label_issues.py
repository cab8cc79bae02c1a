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
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(trained.path, tmp_path / "trained")))


def answer_out_of_fold(run: RunFolder, digits: Dataset, wrong: list[int]) -> None:
    """Add sure answers to the digits, right but for some that are read as the next class."""
    answered = digits.require_labels().copy()
    answered[wrong] = (answered[wrong] + 1) % 10
    answers = np.full((len(digits), 10), 0.01, np.float32)
    answers[np.arange(len(digits)), answered] = 0.91
    table = prediction_table("out_of_fold", np.arange(len(digits)), digits.labels, answers)
    run.write_predictions(pl.concat([run.predictions(), table]))


def test_suspects_of_a_run_with_folds_are_kept_as_a_table(run: RunFolder, digits: Dataset) -> None:
    answer_out_of_fold(run, digits, [8, 1999, 70])
    save_label_issues(run)
    table = run.label_issues()
    assert sorted(table["row"].to_list()) == [8, 70, 1999]
    by_row = {row["row"]: row for row in table.to_dicts()}
    assert by_row[8]["given"] == str(digits.require_labels()[8])
    assert by_row[8]["likely"] == str((digits.require_labels()[8] + 1) % 10)
    assert by_row[8]["likely_probability"] == pytest.approx(0.91)
    assert f"3 labels are likely wrong: {run.label_issues_file}" in str(Run(run))


def test_folds_without_suspects_leave_an_empty_table(run: RunFolder, digits: Dataset) -> None:
    answer_out_of_fold(run, digits, [])
    save_label_issues(run)
    assert len(run.label_issues()) == 0
    assert "0 labels are likely wrong" in str(Run(run))


def test_run_without_folds_has_no_table(run: RunFolder) -> None:
    save_label_issues(run)
    assert not run.label_issues_file.exists()
    assert "likely wrong" not in str(Run(run))
