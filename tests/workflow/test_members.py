from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.export import export as export_tables
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.ensemble import ensemble
from tenfold.workflow.result import Run
from tenfold.workflow.train import train

SMALL = ["batch=50", "epochs=1", "test_time_shift=0"]


@pytest.fixture(scope="module")
def some(digits: Dataset) -> Dataset:
    return digits.subset(np.arange(500))


@pytest.fixture(scope="module")
def table(some: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tables(some, tmp_path_factory.mktemp("table"))[0]


def trained(source: Dataset | Path, test: Dataset, out: Path, **values: int) -> Run:
    return train(
        source,
        test=test,
        settings=SMALL,
        validation=0,
        out=out,
        report=False,
        progress=False,
        **values,
    )


@pytest.fixture(scope="module")
def members(some: Dataset, questions: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(some, questions, tmp_path_factory.mktemp("runs") / "run", members=2)


def test_the_model_is_the_mean_of_its_members(members: Run, questions: Dataset) -> None:
    images = questions.images[:200]
    alone = [
        Model(members.folder.path / "members" / str(number) / "model.onnx").predict(images)
        for number in (1, 2)
    ]
    together = Model(members.folder.model_file).predict(images)
    mean = np.mean([answers.probabilities for answers in alone], axis=0)
    assert np.abs(together.probabilities - mean).max() < 1e-4
    assert np.abs(alone[0].probabilities - alone[1].probabilities).max() > 0.01


def test_their_disagreement_is_told(members: Run, questions: Dataset) -> None:
    told = members.metrics["members"]
    labels = [
        Model(members.folder.path / "members" / str(number) / "model.onnx")
        .predict(questions.images)
        .labels
        for number in (1, 2)
    ]
    assert told["disagreed"] == int((labels[0] != labels[1]).sum()) > 0
    assert told["accuracy"] == [float((one == questions.labels).mean()) for one in labels]
    assert f"disagreed on {told['disagreed']:,} of 500 pictures" in str(members)
    assert "2 networks, 1 epoch of 500 pictures" in str(members)


def test_the_first_member_is_the_run_without_members(
    members: Run, some: Dataset, questions: Dataset, tmp_path: Path
) -> None:
    single = trained(some, questions, tmp_path / "single")
    first = Model(members.folder.path / "members" / "1" / "model.onnx")
    ours = Model(single.folder.model_file).predict(questions.images).probabilities
    assert np.array_equal(first.predict(questions.images).probabilities, ours)


def test_folds_and_members_are_not_asked_for_at_once(
    some: Dataset, questions: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(TenfoldError, match="--folds and --members"):
        trained(some, questions, tmp_path / "run", folds=2, members=2)
    assert not (tmp_path / "run").exists()


def test_finished_runs_are_joined_as_members_are(
    table: Path, questions: Dataset, tmp_path: Path
) -> None:
    runs = [trained(table, questions, tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    both = trained(table, questions, tmp_path / "both", members=2)
    made = ensemble(runs, tmp_path / "joined.onnx")
    assert made.networks == 2
    joined = Model(made.path).predict(questions.images).probabilities
    assert np.array_equal(
        joined, Model(both.folder.model_file).predict(questions.images).probabilities
    )
    with pytest.raises(TenfoldError, match="two runs or more"):
        ensemble(runs[:1], tmp_path / "one.onnx")
    (runs[1].folder.path / "environment.json").write_text(
        (runs[1].folder.path / "environment.json").read_text().replace('"finished"', '"unfinished"')
    )
    with pytest.raises(TenfoldError, match="is not finished"):
        ensemble(runs, tmp_path / "two.onnx")
