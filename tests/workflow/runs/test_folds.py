"""Folds: every training picture is answered by a network that has not seen it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.kills import differences

from tenfold.cli import main
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import score
from tenfold.model.file import Model, open_model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.report import draw
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


@pytest.fixture(scope="module")
def some(digits: Dataset) -> Dataset:
    return digits.subset(np.arange(450))


@pytest.fixture(scope="module")
def how(some: Dataset, questions: Dataset) -> Arguments:
    return {
        "source": some,
        "test": questions.subset(np.arange(100)),
        "settings": ["batch_size=50", "test_time_shift=0"],
        "epochs": 2,
        "folds": 3,
        "threads": 1,
        "report": False,
        "progress": False,
    }


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory, how: Arguments) -> Run:
    return train(**how, out=tmp_path_factory.mktemp("folds") / "run")


def plan_of(digits: Dataset, *settings: str) -> Plan:
    return Plan(load_recipe("quick", settings), digits, None, None, False, 6, None)


def test_each_answer_is_of_the_network_that_has_not_seen_the_picture(
    folded: Run, some: Dataset
) -> None:
    table = folded.predictions
    rows = table.filter(table["split"] == "out_of_fold")
    assert rows["id"].to_list() == list(range(450))
    said = rows.select(f"p{index}" for index in range(10)).to_numpy()
    for number in (1, 2, 3):
        model = Model(folded.folder.part(f"folds/{number}").model_file)
        unseen = np.setdiff1d(np.arange(450), model.seen(some))
        assert len(unseen) == 150
        np.testing.assert_allclose(
            said[unseen], model.predict(some.images[unseen]).probabilities, atol=1e-5
        )


def test_the_out_of_fold_score_is_told_everywhere(
    folded: Run, some: Dataset, questions: Dataset, tmp_path: Path
) -> None:
    table = folded.predictions
    rows = table.filter(table["split"] == "out_of_fold")
    right = int((rows["prediction"] == rows["label"]).sum())
    scores = folded.metrics["out_of_fold"]
    assert (scores["n"], scores["correct"]) == (450, right)
    assert folded.metrics["validation"] is None
    assert "of 450 (95 % interval " in str(folded)
    assert "out-of-fold accuracy" in str(folded)
    assert "3 networks, 2 epochs of all but a fold of 450 pictures" in str(folded)
    run = RunFolder(Path(shutil.copytree(folded.folder.path, tmp_path / "run")))
    page = draw(run, some, questions.subset(np.arange(100)), 6).read_text()
    assert "each of the 450 training pictures was answered by the one network" in page
    assert "The mean of 3 networks" in run.card_file.read_text()
    assert "- Out of fold: " in run.card_file.read_text()


def test_the_model_is_all_networks_and_knows_all_their_pictures(
    folded: Run, some: Dataset, questions: Dataset
) -> None:
    model = open_model(folded)
    assert len(model.seen(some)) == 450
    images = questions.images[:100]
    each = [
        Model(folded.folder.part(f"folds/{number}").model_file).predict(images).probabilities
        for number in (1, 2, 3)
    ]
    ours = model.predict(images).probabilities
    np.testing.assert_allclose(ours, np.mean(each, axis=0), atol=1e-5)
    said = score(questions.require_labels()[:100], ours, questions.classes)
    assert folded.metrics["test"]["correct"] == said.correct


def test_a_run_cut_short_within_a_fold_ends_as_if_it_never_had_been(
    folded: Run, how: Arguments, some: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch, epochs = Trainer.epoch, []

    def limited(trainer: Trainer) -> None:
        if len(epochs) == 3:
            raise KeyboardInterrupt
        epochs.append(trainer.step)
        epoch(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", limited)
        with pytest.raises(KeyboardInterrupt, match=r"`tenfold resume .*run` goes on"):
            train(**how, out=tmp_path / "run")
    assert not (tmp_path / "run" / "model.onnx").exists()
    monkeypatch.setattr(Trainer, "epoch", lambda trainer: (epochs.append(0), epoch(trainer)))
    done = resume(tmp_path / "run", source=some, test=how["test"], progress=False)
    assert len(epochs) == 6  # three folds of two epochs, none of them twice
    assert differences(done.folder, folded.folder) == []


def test_what_is_watched_while_training_is_not_what_is_judged(some: Dataset) -> None:
    parts = plan_of(some, "folds=3", "val_fraction=0.2").parts()
    assert sorted(np.concatenate([part.left_out for part in parts]).tolist()) == list(range(450))
    for part in parts:
        together = np.concatenate([part.train, part.validation, part.left_out])
        assert sorted(together.tolist()) == list(range(450))
        assert len(part.validation) == 60
    assert len({part.recipe.seed for part in parts}) == 3


def test_folds_that_cannot_be_are_said_before_there_is_a_folder(
    some: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    assert main(["train", "mnist:test", "--allow-leak", "--folds", "1", "--out", run]) == 1
    assert "--folds must be at least 2. Received: 1" in capsys.readouterr().err
    few = some.subset(np.r_[np.flatnonzero(some.require_labels() == 3)[:2], 0:100])
    with pytest.raises(TenfoldError, match=r"30 folds need 30 pictures of each class, and class"):
        train(few, folds=30, out=run)
    assert not Path(run).exists()
