"""Rows of whole runs: Tenfold's from its folder, Keras's from its log and submission."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.notebook import runs
from benchmarks.notebook.summary import summary

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder


def log(path: Path, epochs: list[int]) -> Path:
    lines = [json.dumps({"epoch": epoch, "seconds": 40.0}) for epoch in epochs]
    path.write_text("\n".join(lines) + "\n")
    return path


def run(kind: str, accuracy: float) -> dict[str, Any]:
    about = {"machine": {"cpu": "A"}, "threads": 2, "backend": "torch", "precision": "float32"}
    about |= {"settings": [], "n": 28_000, "seconds": 1200.0}
    return {"kind": kind, "accuracy": accuracy, **about}


def test_a_log_that_was_restarted_counts_with_its_newest_lines(tmp_path: Path) -> None:
    rows = runs.read_log(log(tmp_path / "log", [1, 2, *range(1, 31)]))
    assert [row["epoch"] for row in rows] == list(range(1, 31))


def test_an_unfinished_log_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="29 of 30 epochs"):
        runs.read_log(log(tmp_path / "log", list(range(1, 30))))


def test_a_submission_is_read_in_order_and_rejected_where_rows_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("ImageId,Label\n1,7\n2,0\n3,9\n")
    assert runs.read_submission(path, 3).tolist() == [7, 0, 9]
    with pytest.raises(SystemExit, match="ImageId 1-4"):
        runs.read_submission(path, 4)


def test_predictions_without_probabilities_have_errors_and_pairs_and_no_loss() -> None:
    classes = tuple(str(digit) for digit in range(10))
    found = runs.score_labels(np.array([4, 9, 4, 1]), np.array([9, 9, 9, 1]), classes)
    assert (found["n"], found["errors"], found["accuracy"]) == (4, 2, 0.5)
    assert found["confused"] == [{"true": "4", "predicted": "9", "count": 2}]
    assert "loss" not in found


def test_a_tenfold_row_scores_the_training_images_too(
    trained_run: RunFolder, train_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "load", lambda source: train_set)
    row = runs.tenfold_row(trained_run, [])
    assert json.loads(json.dumps(row)) == row
    assert (row["training"]["n"], row["validation"]["n"], row["n"]) == (1600, 400, 500)
    assert len(row["history"]) == row["epochs"] == 2
    test = trained_run.metrics().test
    assert test is not None
    assert row["accuracy"] == test.accuracy


def test_the_summary_compares_two_runs_or_more_of_each_by_welch() -> None:
    rows = [run("tenfold", 0.995), run("tenfold", 0.996), run("keras", 0.995), run("keras", 0.994)]
    text = summary(rows)
    assert "tenfold: 99.550 % (n = 2, sd 0.071" in text
    assert "tenfold - keras: +0.100 points (95 % interval -0.204 to +0.404" in text


def test_the_summary_says_where_there_are_too_few_runs() -> None:
    assert "too few for an interval" in summary([run("tenfold", 0.995), run("keras", 0.994)])
    assert summary([]) == ""


def test_an_unfinished_tenfold_run_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.toml").touch()
    resumed: list[Path] = []
    monkeypatch.setattr("tenfold.workflow.runs.resume.resume", resumed.append)
    with pytest.raises(TenfoldError, match=r"metrics\.json: is not there"):
        runs.run_tenfold(0, tmp_path, [])
    assert resumed == [tmp_path]
