from pathlib import Path

import msgspec
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.dataset_export import export_dataset as export_tables
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.models.compare import compare
from tenfold.workflow.models.ensemble import ensemble
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.train import train

SMALL = ["batch_size=50", "epochs=1", "test_time_shift=0"]


@pytest.fixture(scope="module")
def small_set(train_set: Dataset) -> Dataset:
    return train_set.subset(np.arange(500))


@pytest.fixture(scope="module")
def table(small_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tables(small_set, tmp_path_factory.mktemp("table"))[0]


def run_of(
    source: Dataset | Path,
    test: Dataset,
    out: Path,
    *,
    folds: int | None = None,
    members: int | None = None,
    seed: int | None = None,
) -> Run:
    return train(
        source,
        test=test,
        settings=SMALL,
        val_fraction=0,
        folds=folds,
        members=members,
        seed=seed,
        out=out,
        report=False,
        progress=False,
    )


@pytest.fixture(scope="module")
def members(small_set: Dataset, test_set: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_of(small_set, test_set, tmp_path_factory.mktemp("runs") / "run", members=2)


def test_the_model_is_the_mean_of_its_members(members: Run, test_set: Dataset) -> None:
    images = test_set.images[:200]
    alone = [
        Model(members.folder.subrun(f"members/{number}").model_file).predict(images)
        for number in (1, 2)
    ]
    together = Model(members.folder.model_file).predict(images)
    mean = np.mean([predictions.probabilities for predictions in alone], axis=0)
    assert np.abs(together.probabilities - mean).max() < 1e-4
    assert np.abs(alone[0].probabilities - alone[1].probabilities).max() > 0.01


def test_accuracy_and_disagreement_of_the_members_are_in_the_metrics(
    members: Run, test_set: Dataset
) -> None:
    scores = members.metrics["members"]
    labels = [
        Model(members.folder.subrun(f"members/{number}").model_file).predict(test_set.images).labels
        for number in (1, 2)
    ]
    assert scores["disagreed"] == int((labels[0] != labels[1]).sum()) > 0
    assert scores["accuracy"] == [float((one == test_set.labels).mean()) for one in labels]
    assert f"{scores['disagreed']:,} of 500 images" in str(members)
    assert "2 networks, 1 epoch of 500 images" in str(members)


def test_the_first_member_is_the_run_without_members(
    members: Run, small_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    single = run_of(small_set, test_set, tmp_path / "single")
    first = Model(members.folder.path / "members" / "1" / "model.onnx")
    ours = Model(single.folder.model_file).predict(test_set.images).probabilities
    assert np.array_equal(first.predict(test_set.images).probabilities, ours)


def test_folds_and_members_exclude_each_other(
    small_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(TenfoldError, match="--folds and --members"):
        run_of(small_set, test_set, tmp_path / "run", folds=2, members=2)
    assert not (tmp_path / "run").exists()


def test_an_ensemble_of_finished_runs_is_that_of_members(
    table: Path, test_set: Dataset, tmp_path: Path
) -> None:
    runs = [run_of(table, test_set, tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    both = run_of(table, test_set, tmp_path / "both", members=2)
    made = ensemble(runs, tmp_path / "joined.onnx")
    assert made.networks == 2
    assert made.size == made.path.stat().st_size
    joined = Model(made.path).predict(test_set.images).probabilities
    assert np.array_equal(
        joined, Model(both.folder.model_file).predict(test_set.images).probabilities
    )
    recipes = compare(made.path, runs[0].folder.path, test_set).recipes
    assert "members" in str(recipes.differences)  # it is not one run of the recipe
    with pytest.raises(TenfoldError, match="two runs or more"):
        ensemble(runs[:1], tmp_path / "one.onnx")
    unfinished = msgspec.structs.replace(runs[1].folder.environment(), finished=None)
    runs[1].folder.write_environment(unfinished)
    with pytest.raises(TenfoldError, match="is not finished"):
        ensemble(runs, tmp_path / "two.onnx")


def test_members_that_train_at_once_are_a_run_like_any_other(
    small_set: Dataset, test_set: Dataset, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = [*SMALL, "parallel_members=2"]
    run = train(
        table,
        test=test_set,
        settings=settings,
        val_fraction=0.2,
        members=3,
        epochs=2,
        out=out,
        report=False,
        progress=False,
    )
    assert run.recipe.parallel_members == 2
    places = [out / "members" / str(number) for number in (1, 2, 3)]
    kept = [(place / "checkpoint.safetensors").exists() for place in places]
    assert kept == [True, False, True]  # the second was trained with the first
    images = test_set.images[:200]
    alone = [Model(place / "model.onnx").predict(images) for place in places]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(alone[one].probabilities - alone[other].probabilities).max() > 0.01
    predictions_of_run = Model(run.folder.model_file).predict(images)
    mean = np.mean([predictions.probabilities for predictions in alone], axis=0)
    assert np.abs(predictions_of_run.probabilities - mean).max() < 1e-4
    assert run.history["val_accuracy"].null_count() == 0
    joined = ensemble([run, run], tmp_path / "joined.onnx")  # reads both checkpoints
    assert joined.networks == 6
    again = Model(joined.path).predict(images)
    assert np.abs(again.probabilities - mean).max() < 1e-4


def test_members_cannot_train_at_once_where_the_schedule_watches_each(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"plateau .*parallel_members=1\. Received: 2"):
        train(small_set, recipe="notebook", settings=["parallel_members=2"], members=2)
