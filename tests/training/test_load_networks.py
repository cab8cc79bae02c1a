"""The networks of a run, loaded from its checkpoints, predict as its model files do."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder
from tenfold.training.fit import load_networks
from tenfold.training.inference import predict_probabilities
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def runs(
    trained_run: RunFolder, small_set: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunFolder]:
    """Runs of one network, of two folds, and of three members, two of which train at once."""
    folder = tmp_path_factory.mktemp("runs")
    settings = ["batch_size=64", "test_time_shift=0", "parallel_members=2"]
    made = {"one network": trained_run}
    for name, folds, members in (("folds", 2, None), ("parallel members", None, 3)):
        made[name] = train(
            small_set,
            settings=settings,
            epochs=1,
            folds=folds,
            members=members,
            out=folder / name,
            report=False,
            progress=False,
        ).folder
    return made


@pytest.mark.parametrize(
    ("name", "count"), [("one network", 1), ("folds", 2), ("parallel members", 3)]
)
def test_loaded_networks_predict_as_the_model_file(
    name: str, count: int, runs: dict[str, RunFolder], test_set: Dataset
) -> None:
    run = runs[name]
    networks = load_networks(run)
    assert len(networks) == count
    ours = predict_probabilities(networks, test_set.images)
    theirs = Model(run.model_file).predict(test_set.images).probabilities
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for number, network in enumerate(networks, 1):
        own = Model(run.network_folder(run.recipe(), number).model_file)
        alone = predict_probabilities([network], test_set.images)
        np.testing.assert_allclose(
            alone, own.predict(test_set.images).probabilities, atol=1e-4, err_msg=str(number)
        )


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("one network", "checkpoint.safetensors"),
        ("folds", "folds/2/checkpoint.safetensors"),
        ("parallel members", "members/3/checkpoint.safetensors"),
    ],
)
def test_a_checkpoint_that_is_gone_is_named_in_one_line(
    name: str, file: str, runs: dict[str, RunFolder], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(runs[name].path, tmp_path / "run")))
    (run.path / file).unlink()
    with pytest.raises(TenfoldError) as caught:
        load_networks(run)
    assert str(run.path / file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_layers_is_named_in_one_line(
    runs: dict[str, RunFolder], tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(runs["one network"].path, tmp_path / "run")))
    text = run.recipe_file.read_text()
    run.recipe_file.write_text(text.replace("filters = 64", "filters = 48"))
    assert run.recipe_file.read_text() != text
    with pytest.raises(TenfoldError, match="does not fit its recipe") as caught:
        load_networks(run)
    assert str(run.checkpoint_file) in str(caught.value)
    assert "\n" not in str(caught.value)
