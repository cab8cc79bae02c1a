from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.export import export as export_tables
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.models.ensemble import ensemble
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.train import train

SMALL = ["batch_size=50", "epochs=1", "test_time_shift=0"]


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
        val_fraction=0,
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


def test_members_that_learn_at_once_are_a_run_like_any_other(
    some: Dataset, questions: Dataset, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = [*SMALL, "parallel_members=2"]
    common = {"settings": settings, "val_fraction": 0.2, "report": False, "progress": False}
    run = train(table, test=questions, out=out, members=3, epochs=2, **common)  # type: ignore[arg-type]
    assert run.recipe.parallel_members == 2
    places = [out / "members" / str(number) for number in (1, 2, 3)]
    kept = [(place / "checkpoint.safetensors").exists() for place in places]
    assert kept == [True, False, True]  # the second learned with the first
    images = questions.images[:200]
    alone = [Model(place / "model.onnx").predict(images) for place in places]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(alone[one].probabilities - alone[other].probabilities).max() > 0.01
    whole = Model(run.folder.model_file).predict(images)
    mean = np.mean([answers.probabilities for answers in alone], axis=0)
    assert np.abs(whole.probabilities - mean).max() < 1e-4
    assert run.history["val_accuracy"].null_count() == 0
    joined = ensemble([run, run], tmp_path / "joined.onnx")  # takes up both checkpoints
    assert joined.networks == 6
    again = Model(joined.path).predict(images)
    assert np.abs(again.probabilities - mean).max() < 1e-4


def test_members_cannot_learn_at_once_where_each_is_watched(some: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"members cannot learn at once .* Received: 2"):
        train(some, recipe="notebook", settings=["parallel_members=2"], members=2)
