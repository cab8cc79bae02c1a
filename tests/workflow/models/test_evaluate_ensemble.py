"""What each member adds to an ensemble, from real networks and from predictions made by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.models.ensemble import ensemble
from tenfold.workflow.models.evaluate_ensemble import evaluate_ensemble
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def table(train_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 training images as a file."""
    path: Path = tmp_path_factory.mktemp("table") / "few.npz"
    np.savez(path, x=train_set.images[:600], y=train_set.require_labels()[:600])
    return path


@pytest.fixture(scope="module")
def runs(table: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three networks that differ in their seed; unsure images get test-time augmentation."""
    place: Path = tmp_path_factory.mktemp("runs")
    for seed in range(3):
        train(
            table,
            val_fraction=0,
            settings=["batch_size=64", "threads=1"],
            epochs=2,
            seed=seed,
            out=place / str(seed),
            report=False,
            progress=False,
        )
    return [str(place / str(seed)) for seed in range(3)]


def test_it_predicts_as_the_joined_files_do(
    runs: list[str], test_set: Dataset, tmp_path: Path
) -> None:
    found = evaluate_ensemble(runs, test_set)
    whole = Model(ensemble(runs, tmp_path / "all.onnx").path).predict(test_set.images)
    assert (whole.probabilities.max(axis=1) < 0.8).any()  # so that views are averaged
    assert np.abs(found.probabilities - whole.probabilities).max() < 1e-4
    rest = Model(ensemble(runs[1:], tmp_path / "rest.onnx").path).predict(test_set.images)
    assert np.array_equal(found.predictions_without[0], rest.labels)
    for run, own in zip(runs, found.member_predictions, strict=True):
        assert np.array_equal(own, Model(Path(run) / "model.onnx").predict(test_set.images).labels)


def test_the_counts_are_those_of_the_predictions(runs: list[str], test_set: Dataset) -> None:
    found = evaluate_ensemble(runs, test_set)
    wrong = found.member_predictions != test_set.labels
    assert [member.errors for member in found.members] == wrong.sum(axis=1).tolist()
    assert found.members[1].errors_without == int(
        (found.predictions_without[1] != test_set.labels).sum()
    )
    assert found.all_wrong.tolist() == np.flatnonzero(wrong.all(axis=0)).tolist()
    assert 0 < len(found.all_wrong) < found.scores.errors + 10
    for member in found.members:
        assert member.removes == member.errors_without - found.scores.errors
    pair = found.pairs[2]
    assert (pair.first, pair.second) == (1, 2)
    assert pair.differ == int((found.member_predictions[1] != found.member_predictions[2]).sum())
    both, either = (wrong[1] & wrong[2]).sum(), (wrong[1] | wrong[2]).sum()
    assert pair.shared_errors == both / either


def test_a_run_of_several_networks_has_as_many_members(
    table: Path, test_set: Dataset, tmp_path: Path
) -> None:
    run = train(
        table, val_fraction=0, settings=["steps=3"], members=2, out=tmp_path / "run",
        report=False, progress=False,
    )  # fmt: skip
    found = evaluate_ensemble([run.folder.path], test_set)
    assert [name[-2:] for name in found.names] == ["#1", "#2"]
    assert np.abs(
        found.probabilities - Model(run.folder.model_file).predict(test_set.images).probabilities
    ).max() < 1e-4  # fmt: skip


def test_the_command_reports_writes_and_draws(
    runs: list[str], test_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "test.npz"
    np.savez(images, x=test_set.images, y=test_set.require_labels())
    page, out = tmp_path / "page.html", tmp_path / "all.onnx"
    words = ["ensemble", *runs, "--test", str(images), "--page", str(page), "-o", str(out)]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["file"] == {"path": str(out), "networks": 3, "size": out.stat().st_size}
    found = printed["evaluation"]
    assert found["n"] == 500
    assert len(found["members"]) == len(found["pairs"]) == 3
    assert found["oracle"]["correct"] == 500 - len(found["all_wrong"])
    html = page.read_text()
    rows = {int(row.replace(",", "")) for row in re.findall(r"reason-line\">row ([\d,]+)", html)}
    assert rows == set(found["all_wrong"])
    assert html.count("<p>nearest training images") == len(rows)
    assert main(["ensemble", *runs, "--test", str(images)]) == 0
    text = capsys.readouterr().out
    assert f"every member misreads {len(rows)} of 500" in text


def test_what_it_refuses(
    runs: list[str], train_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = train_set.subset(np.arange(590, 650))
    with pytest.raises(TenfoldError, match=r"10 of the 60 images .* --allow-leak"):
        evaluate_ensemble(runs, seen)
    found = evaluate_ensemble(runs, seen, allow_leak=True)
    assert "contaminated: a member was trained on 10 of them" in str(found)
    assert found.label_issues is None
    with pytest.raises(TenfoldError, match="two networks or more"):
        evaluate_ensemble(runs[:1], train_set.subset(np.arange(700, 800)))
    assert main(["ensemble", *runs]) == 1
    assert "-o FILE" in capsys.readouterr().err
    assert main(["ensemble", *runs, "-o", str(tmp_path / "e.onnx"), "--page", "p.html"]) == 1
    assert "--page: is for a report" in capsys.readouterr().err
    assert not (tmp_path / "e.onnx").exists()
