"""Folds: every training image is predicted by a network that has not seen it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.reliability.kill_resume import differences

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import score
from tenfold.model.file import Model, open_model
from tenfold.report.report_data import read_report_data
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.run.records import RunRequest
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.report import draw
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


@pytest.fixture(scope="module")
def small_set(train_set: Dataset) -> Dataset:
    return train_set.subset(np.arange(450))


@pytest.fixture(scope="module")
def arguments(small_set: Dataset, test_set: Dataset) -> Arguments:
    return {
        "source": small_set,
        "test": test_set.subset(np.arange(100)),
        "settings": ["batch_size=50", "test_time_shift=0"],
        "epochs": 2,
        "folds": 3,
        "threads": 1,
        "report": False,
        "progress": False,
    }


@pytest.fixture(scope="module")
def fold_run(tmp_path_factory: pytest.TempPathFactory, arguments: Arguments) -> Run:
    return train(**arguments, out=tmp_path_factory.mktemp("folds") / "run")


def plan_of(train_set: Dataset, *settings: str) -> Plan:
    request = RunRequest(working_directory="/data")
    return Plan(load_recipe("quick", settings), train_set, None, request)


def test_each_prediction_is_of_the_network_that_has_not_seen_the_image(
    fold_run: Run, small_set: Dataset
) -> None:
    table = fold_run.predictions
    rows = table.filter(table["split"] == "out_of_fold")
    assert rows["id"].to_list() == list(range(450))
    predicted = rows.select(f"p{index}" for index in range(10)).to_numpy()
    for number in (1, 2, 3):
        model = Model(fold_run.folder.subrun(f"folds/{number}").model_file)
        unseen = np.setdiff1d(np.arange(450), model.training_overlap(small_set))
        assert len(unseen) == 150
        np.testing.assert_allclose(
            predicted[unseen], model.predict(small_set.images[unseen]).probabilities, atol=1e-5
        )


def test_the_out_of_fold_score_is_in_the_metrics_the_report_and_the_card(
    fold_run: Run, small_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    table = fold_run.predictions
    rows = table.filter(table["split"] == "out_of_fold")
    correct = int((rows["prediction"] == rows["label"]).sum())
    scores = fold_run.metrics["out_of_fold"]
    assert (scores["n"], scores["correct"]) == (450, correct)
    assert fold_run.metrics["validation"] is None
    assert "out-of-fold accuracy" in str(fold_run)
    assert "of 450 (95 % interval " in str(fold_run)
    assert "3 networks, 2 epochs" in str(fold_run)
    run = RunFolder(Path(shutil.copytree(fold_run.folder.path, tmp_path / "run")))
    report_data = read_report_data(run, small_set, test_set.subset(np.arange(100)))
    page = draw(report_data, errors=6).read_text()
    percent = f"{100 * scores['accuracy']:.2f} %"
    assert percent in page
    assert percent in run.card_file.read_text()


def test_the_model_is_the_mean_of_all_networks_and_knows_all_their_images(
    fold_run: Run, small_set: Dataset, test_set: Dataset
) -> None:
    model = open_model(fold_run)
    assert len(model.training_overlap(small_set)) == 450
    images = test_set.images[:100]
    each = [
        Model(fold_run.folder.subrun(f"folds/{number}").model_file).predict(images).probabilities
        for number in (1, 2, 3)
    ]
    ours = model.predict(images).probabilities
    np.testing.assert_allclose(ours, np.mean(each, axis=0), atol=1e-5)
    scores = score(test_set.require_labels()[:100], ours, test_set.classes)
    assert fold_run.metrics["test"]["correct"] == scores.correct


def test_a_run_cut_short_within_a_fold_ends_as_if_it_never_had_been(
    fold_run: Run,
    arguments: Arguments,
    small_set: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_epoch, steps = Trainer.train_epoch, list[int]()

    def counted(trainer: Trainer) -> None:
        steps.append(trainer.progress.step)
        train_epoch(trainer)

    def limited(trainer: Trainer) -> None:
        if len(steps) == 3:
            raise KeyboardInterrupt
        counted(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", limited)
        with pytest.raises(KeyboardInterrupt, match=r"`tenfold resume .*run`"):
            train(**arguments, out=tmp_path / "run")
    assert not (tmp_path / "run" / "model.onnx").exists()
    monkeypatch.setattr(Trainer, "train_epoch", counted)
    done = resume(
        Run(RunFolder(tmp_path / "run")), source=small_set, test=arguments["test"], progress=False
    )
    assert steps == [0, 6, 0, 6, 0, 6]  # three folds of two epochs, none of them twice
    assert differences(done.folder, fold_run.folder) == []


def test_validation_images_are_not_those_that_a_fold_is_scored_on(small_set: Dataset) -> None:
    jobs = plan_of(small_set, "folds=3", "val_fraction=0.2").jobs()
    assert sorted(np.concatenate([job.held_out for job in jobs]).tolist()) == list(range(450))
    for job in jobs:
        together = np.concatenate([job.train, job.validation, job.held_out])
        assert sorted(together.tolist()) == list(range(450))
        assert len(job.validation) == 60
    assert len({job.recipe.seed for job in jobs}) == 3


def test_folds_that_cannot_be_are_refused_before_the_folder_is_made(
    small_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    assert main(["train", "mnist:test", "--allow-leak", "--folds", "1", "--out", run]) == 1
    message = capsys.readouterr().err
    assert "--folds " in message
    assert "Received: 1" in message
    few = small_set.subset(np.arange(100))
    zeros = int(few.class_counts[0])
    with pytest.raises(TenfoldError, match=rf"30 folds need 30 .*class '0' has {zeros}"):
        train(few, folds=30, out=run)
    assert not Path(run).exists()
