"""Callbacks: the events that they get, and what they may do to training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.reliability.kill_resume import differences, small_run

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.training.callbacks import Callback, ProgressEvent, StopTraining
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

Arguments = dict[str, Any]


class Recorder:
    """Keeps the events of the epochs' ends."""

    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []

    def on_epoch_end(self, event: ProgressEvent) -> None:
        self.events.append(event)


class StopAfter:
    """Stops training after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, event: ProgressEvent) -> None:
        if event.epoch == self.epoch:
            raise StopTraining


class StopWithin(Recorder):
    """Stops training within the first epoch."""

    def on_progress(self, event: ProgressEvent) -> None:
        raise StopTraining


class FailAfter:
    """Fails with an error of its own after an epoch."""

    def __init__(self, epoch: int, error: Exception) -> None:
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, event: ProgressEvent) -> None:
        if event.epoch == self.epoch:
            raise self.error


@pytest.fixture(scope="module")
def arguments(
    tmp_path_factory: pytest.TempPathFactory, train_set: Dataset, test_set: Dataset
) -> Arguments:
    """The arguments of a training of 300 images from tables, without a report."""
    sets = train_set.subset(np.arange(300)), test_set.subset(np.arange(100))
    return small_run(tmp_path_factory.mktemp("tables"), *sets, epochs=3, report=False)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, arguments: Arguments, recorder: Recorder
) -> RunFolder:
    """A run that was never stopped; `recorder` has its events."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return train(**arguments, out=out, callbacks=[recorder]).folder


def test_the_event_of_an_epoch_holds_its_place_and_its_record(
    uninterrupted: RunFolder, recorder: Recorder
) -> None:
    events = recorder.events
    assert isinstance(recorder, Callback)
    assert [(event.epoch, event.epochs) for event in events] == [(1, 3), (2, 3), (3, 3)]
    assert [(event.step, event.steps) for event in events] == [(4, 12), (8, 12), (12, 12)]
    assert [(event.network, event.networks) for event in events] == [(1, 1)] * 3
    history = uninterrupted.history()
    for event, row in zip(events, history.to_dicts(), strict=True):
        assert event.record is not None
        assert (event.loss, event.accuracy) == (event.record.loss, event.record.accuracy)
        assert {name: getattr(event.record, name) for name in row} == row
        assert event.record.val_accuracy is not None
        assert 0 <= event.record.val_accuracy <= 1
        assert event.images_per_second > 0
    assert events[0].seconds_left > events[2].seconds_left == 0


def test_an_event_says_which_network_of_a_run_of_folds_is_trained(
    arguments: Arguments, tmp_path: Path
) -> None:
    recorder = Recorder()
    train(
        **arguments | {"epochs": 2, "val_fraction": 0.0},
        folds=2,
        out=tmp_path / "run",
        callbacks=[recorder],
    )
    places = [(event.network, event.networks, event.epoch) for event in recorder.events]
    assert places == [(1, 2, 1), (1, 2, 2), (2, 2, 1), (2, 2, 2)]


def test_a_run_that_a_callback_stopped_is_scored_and_can_be_resumed(
    arguments: Arguments, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    stopped = train(**arguments, out=tmp_path / "run", callbacks=[StopAfter(1)])
    training = stopped.metrics["training"]
    assert (training["epochs"], training["steps"], training["interrupted"]) == (1, 4, True)
    assert stopped.metrics["test"]["n"] == 100
    assert stopped.folder.model_file.is_file()
    assert stopped.folder.environment().finished is None
    assert f"tenfold resume {tmp_path / 'run'}" in str(stopped)
    recorder = Recorder()
    done = resume(stopped, callbacks=[recorder], progress=False)
    assert [event.epoch for event in recorder.events] == [2, 3]
    assert not done.metrics["training"]["interrupted"]
    assert differences(done.folder, uninterrupted) == []


def test_a_callback_that_stops_after_the_last_epoch_interrupts_nothing(
    arguments: Arguments, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    run = train(**arguments, out=tmp_path / "run", callbacks=[StopAfter(3)])
    assert not run.metrics["training"]["interrupted"]
    assert run.folder.environment().finished
    assert differences(run.folder, uninterrupted) == []


def test_an_error_of_a_callback_reaches_the_caller_and_loses_no_epoch(
    arguments: Arguments, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    error = ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError) as caught:
        train(**arguments, out=tmp_path / "run", callbacks=[FailAfter(2, error)])
    assert caught.value is error
    recorder = Recorder()
    done = resume(Run(RunFolder(tmp_path / "run")), callbacks=[recorder], progress=False)
    assert [event.epoch for event in recorder.events] == [3]
    assert differences(done.folder, uninterrupted) == []


@pytest.mark.parametrize(
    ("callbacks", "index", "received"),
    [
        ([print], 0, "builtin_function_or_method"),
        ([Recorder(), Recorder], 1, "the class Recorder"),
        ([None], 0, "NoneType"),
    ],
)
def test_what_is_not_a_callback_is_refused_before_the_folder_is_made(
    callbacks: list[Any], index: int, received: str, arguments: Arguments, tmp_path: Path
) -> None:
    with pytest.raises(TenfoldError) as caught:
        train(**arguments, out=tmp_path / "run", callbacks=callbacks)
    message = str(caught.value)
    assert f"callbacks[{index}] " in message
    assert "on_epoch_end(event)" in message
    assert f"Received: {received}" in message
    assert "\n" not in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("callback", [StopAfter(1), StopWithin()])
def test_one_network_of_several_cannot_be_stopped_alone(
    callback: Callback, arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenfold.training.trainer.PROGRESS_SECONDS", 0.0)
    few = arguments | {"epochs": 2, "val_fraction": 0.0}
    with pytest.raises(TenfoldError, match=r"network 1 of 2.*tenfold resume") as caught:
        train(**few, folds=2, out=tmp_path / "run", callbacks=[callback])
    assert "\n" not in str(caught.value)
    done = resume(Run(RunFolder(tmp_path / "run")), progress=False)
    assert done.metrics["out_of_fold"]["n"] == 300
