"""Networks that other processes train are, to the bit, those that are trained here."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.workflow.pool import resolve_function
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

SETTINGS = ["batch_size=64", "steps=4", "test_time_shift=0"]


class OneByOne:
    """Calls functions in this process, the last task first; the tasks in `fail` are lost."""

    slots = 1

    def __init__(self, fail: tuple[int, ...] = ()) -> None:
        self.fail = fail

    def run(
        self, function: str, shared: Any, tasks: Iterable[Any]
    ) -> Iterator[tuple[int, Any | TenfoldError]]:
        for place, task in reversed(list(enumerate(tasks))):
            if place in self.fail:
                yield place, TenfoldError("its machine was lost")
            else:
                yield place, resolve_function(function)(shared, task)


@pytest.fixture
def few(train_set: Dataset) -> Dataset:
    return train_set.subset(np.arange(300))


@pytest.mark.parametrize("kind", ["members", "folds", "seeds"])
def test_networks_that_others_train_are_those_that_are_trained_here(
    few: Dataset, tmp_path: Path, kind: str
) -> None:
    options: dict[str, Any] = {
        "settings": SETTINGS,
        "threads": 1,
        "report": False,
        "progress": False,
        kind: 2,
    }
    train(few, out=tmp_path / "there", launcher=lambda cpus, gpus: OneByOne(), **options)
    train(few, out=tmp_path / "here", **options)
    names = ["seed-0/model.onnx", "seed-1/model.onnx"] if kind == "seeds" else ["model.onnx"]
    for name in names:
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_where_one_is_lost_the_others_are_kept_and_the_run_is_resumed(
    few: Dataset, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "settings": SETTINGS,
        "threads": 1,
        "report": False,
        "progress": False,
        "members": 3,
    }
    with pytest.raises(TenfoldError, match="its machine was lost; the networks that were trained"):
        train(few, out=tmp_path / "there", launcher=lambda c, g: OneByOne((1,)), **options)
    kept = sorted(file.parent.name for file in (tmp_path / "there").rglob("checkpoint.safetensors"))
    assert kept == ["1", "3"]
    resume(tmp_path / "there", source=few, progress=False)
    train(few, out=tmp_path / "here", **options)
    models = [RunFolder(tmp_path / name).model_file.read_bytes() for name in ("there", "here")]
    assert models[0] == models[1]


def test_a_checkpoint_of_a_folder_that_is_not_shared_is_brought_back(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenfold.workflow.runs.elsewhere._is_shared", lambda path, started: False)
    options: dict[str, Any] = {"settings": SETTINGS, "threads": 1, "report": False}
    there = train(
        few,
        out=tmp_path / "there",
        launcher=lambda cpus, gpus: OneByOne(),
        progress=False,
        **options,
    )
    here = train(few, out=tmp_path / "here", progress=False, **options)
    assert there.folder.model_file.read_bytes() == here.folder.model_file.read_bytes()


def test_what_watches_training_here_is_refused(few: Dataset, tmp_path: Path) -> None:
    for name, value in (("profile", True), ("track", "tensorboard")):
        options: dict[str, Any] = {name: value}
        with pytest.raises(TenfoldError, match=f"--{name}: watches training in this process"):
            train(few, out=tmp_path / "run", launcher=lambda c, g: OneByOne(), **options)
    assert not (tmp_path / "run").exists()


def test_code_of_ones_own_is_not_sent_to_others(few: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="my_net:Net: code of your own runs in this process"):
        train(
            few,
            out=tmp_path / "run",
            network="my_net:Net",
            launcher=lambda cpus, gpus: OneByOne(),
            progress=False,
        )
    assert not (tmp_path / "run").exists()
