import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.predictions import prediction_table
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
from tenfold.run.folder import RunFolder
from tenfold.run.records import LabelIssuesRecord
from tenfold.workflow.runs.label_issues import save_label_issues
from tenfold.workflow.runs.result import Run

WRONG = list(range(0, 2000, 20))


@pytest.fixture
def run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "trained")))


@pytest.fixture(scope="module")
def probabilities(train_set: Dataset) -> np.ndarray:
    """Predictions of a good model, the shipped one."""
    return Model(SHIPPED, threads=1).predict(train_set.images).probabilities


def out_of_fold(
    run: RunFolder, train_set: Dataset, probabilities: np.ndarray, wrong: list[int]
) -> pl.DataFrame:
    """Add the predictions of the images, some of whose labels are wrong by a class."""
    labels = train_set.require_labels().copy()
    labels[wrong] = (labels[wrong] + 1) % 10
    table = prediction_table("out_of_fold", np.arange(len(labels)), labels, probabilities)
    return pl.concat([run.predictions(), table])


def with_record(run: RunFolder, record: LabelIssuesRecord | None) -> Run:
    return Run(run, record=msgspec.structs.replace(run.metrics(), label_issues=record))


def test_label_issues_of_a_run_with_folds_are_kept_as_a_table(
    run: RunFolder, train_set: Dataset, probabilities: np.ndarray
) -> None:
    predictions = out_of_fold(run, train_set, probabilities, WRONG)
    record = save_label_issues(run, predictions, train_set.classes)
    assert record is not None
    assert 90 <= record.n <= 100
    assert record.unjudged == ()
    table = run.label_issues()
    assert len(table) == record.n
    assert set(table["row"].to_list()) <= set(WRONG)
    row = table.to_dicts()[3]
    right = int(train_set.require_labels()[row["row"]])
    assert (row["given"], row["likely"]) == (str((right + 1) % 10), str(right))
    assert row["likely_probability"] == pytest.approx(probabilities[row["row"], right], abs=1e-6)
    assert row["wrong_probability"] > 0.5
    text = str(with_record(run, record))
    assert re.search(rf"{record.n} labels are likely wrong \(expected precision \d+ %\): ", text)
    assert f": {run.label_issues_file}" in text
    assert "not judged" not in text


def test_folds_without_label_issues_leave_an_empty_table(
    run: RunFolder, train_set: Dataset, probabilities: np.ndarray
) -> None:
    record = save_label_issues(
        run, out_of_fold(run, train_set, probabilities, []), train_set.classes
    )
    assert len(run.label_issues()) == 0
    assert "0 labels are likely wrong: " in str(with_record(run, record))


def test_networks_that_err_too_often_are_said_to_judge_nothing(
    run: RunFolder, train_set: Dataset, probabilities: np.ndarray
) -> None:
    turned = np.roll(probabilities, 1, axis=1)
    turned[::2] = probabilities[::2]  # every other prediction is wrong
    record = save_label_issues(run, out_of_fold(run, train_set, turned, []), train_set.classes)
    assert record is not None
    text = str(with_record(run, record))
    assert "0 labels are likely wrong" in text
    assert "not judged" in text
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in text


def test_a_run_without_folds_has_no_table(run: RunFolder, train_set: Dataset) -> None:
    assert save_label_issues(run, run.predictions(), train_set.classes) is None
    assert not run.label_issues_file.exists()
    assert "likely wrong" not in str(Run(run))
