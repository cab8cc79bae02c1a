"""Ends of training other than the schedule's, and what they leave behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.training import trainer
from tenfold.training.callbacks import ProgressEvent
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

pytestmark = pytest.mark.usefixtures("small_reports")


@pytest.fixture
def options(train_set: Dataset, tmp_path: Path) -> dict[str, Any]:
    """A training of 320 digits for two epochs, without a report."""
    return {
        "source": train_set.subset(np.arange(320)),
        "val_fraction": 0.2,
        "settings": ["batch_size=32", "test_time_shift=0"],
        "epochs": 2,
        "threads": 1,
        "report": False,
        "progress": False,
        "out": tmp_path / "run",
    }


class Log:
    """Keeps every event."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def on_epoch_end(self, event: ProgressEvent) -> None:
        self.epochs.append(event.epoch)


class Stop:
    """Asks for the end of training, within an epoch or behind it."""

    def __init__(self, epoch: int, within: bool = False) -> None:
        self.epoch, self.within = epoch, within

    def on_progress(self, event: ProgressEvent) -> None:
        if self.within and event.epoch == self.epoch:
            raise tenfold.StopTraining

    def on_epoch_end(self, event: ProgressEvent) -> None:
        if not self.within and event.epoch == self.epoch:
            raise tenfold.StopTraining


def test_stop_within_an_epoch_finishes_that_epoch_first(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "PROGRESS_SECONDS", -1.0)  # an event a step
    run = train(**options, callbacks=[Stop(1, within=True)])
    assert run.metrics["training"]["interrupted"]
    assert run.history["epoch"].to_list() == [1]
    assert run.history["val_accuracy"][0] is not None
    assert run.folder.environment().finished is None


def test_stop_at_the_last_epoch_is_no_interruption(options: dict[str, Any]) -> None:
    run = train(**options, callbacks=[Stop(2)])
    assert not run.metrics["training"]["interrupted"]
    assert run.folder.environment().finished is not None


def test_stop_at_the_last_epoch_of_the_last_fold_is_no_interruption(
    options: dict[str, Any],
) -> None:
    class StopAtTheEnd:
        def on_epoch_end(self, event: ProgressEvent) -> None:
            if (event.network, event.epoch) == (event.networks, event.epochs):
                raise tenfold.StopTraining

    run = train(**options | {"val_fraction": 0}, folds=2, callbacks=[StopAtTheEnd()])
    assert run.metrics["out_of_fold"]["n"] == 320


def test_every_callback_is_told_of_the_epoch_that_another_stops_at(
    options: dict[str, Any],
) -> None:
    log = Log()
    train(**options, callbacks=[Stop(1), log])
    assert log.epochs == [1]


def test_ctrl_c_behind_the_last_epoch_leaves_a_finished_run(options: dict[str, Any]) -> None:
    class Interrupt:
        def on_epoch_end(self, event: ProgressEvent) -> None:
            if event.epoch == event.epochs:
                raise KeyboardInterrupt

    run = train(**options, callbacks=[Interrupt()])
    assert not run.metrics["training"]["interrupted"]


def test_folds_that_differ_by_an_epoch_are_averaged(
    options: dict[str, Any], train_set: Dataset
) -> None:
    options |= {"source": train_set.subset(np.arange(262)), "val_fraction": 0, "epochs": None}
    options["settings"] = ["batch_size=25", "steps=40", "split=random"]
    run = train(**options, folds=3)
    lengths = {
        len(RunFolder(run.folder.path / "folds" / str(number)).history()) for number in (1, 2, 3)
    }
    assert len(lengths) == 2
    assert run.history["epoch"].to_list() == list(range(1, max(lengths) + 1))


def test_a_run_that_is_being_trained_is_not_emptied(options: dict[str, Any]) -> None:
    folder = train(**options).folder
    before = {path.name for path in folder.path.iterdir()}
    with folder.lock(), pytest.raises(TenfoldError, match="another process is training this run"):
        train(**options, overwrite=True)
    assert {path.name for path in folder.path.iterdir()} == before


def test_what_an_overwrite_that_was_killed_leaves_can_be_overwritten(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(**options).folder
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.name == "model.onnx":
            raise SystemExit
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(SystemExit):
            train(**options, overwrite=True)
    with pytest.raises(TenfoldError, match="is not a run"):
        resume(folder.path)
    assert train(**options, overwrite=True).folder.environment().finished is not None


def test_the_callers_random_state_is_left_alone(options: dict[str, Any]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(**options)
    assert torch.equal(torch.rand(3), expected)


def test_a_layer_that_cannot_be_exported_is_found_before_training(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenfold.training.layers import pointwise

    exported = pointwise._export_relu

    def wrong(graph: Any, module: Any, value: str, scope: Any) -> str:
        return exported(graph, module, graph.add("Neg", [value], f"{scope.node}_neg"), scope)

    from tenfold.run.layers import Relu
    from tenfold.training.layers import registry

    kind = registry.layer_type(Relu())
    broken = registry.LayerType(kind.build, wrong, kind.stack, kind.restore)
    monkeypatch.setattr(registry, "_TYPES", registry._TYPES | {Relu: broken})
    with pytest.raises(TenfoldError, match="differs from PyTorch"):
        train(**options)
    assert not options["out"].exists()


@pytest.mark.parametrize(
    "layers",
    [
        '{layer="conv",filters=8,kernel_size=5,stride=2},{layer="crop",size=10},',
        '{layer="crop",size=24},{layer="crop",size=20},{layer="conv",filters=4,kernel_size=3},',
        '{layer="conv",filters=4,kernel_size=3},',  # nothing whose feature maps could be drawn
    ],
)
def test_layers_in_any_order_train_export_and_report(options: dict[str, Any], layers: str) -> None:
    network = f'network=[{layers}{{layer="flatten"}},{{layer="output"}}]'
    options |= {"settings": [*options["settings"], network], "epochs": 1, "report": True}
    run = train(**options)
    assert run.metrics["parity"]["largest_difference"] < 1e-3
    assert run.folder.report_file.exists()


def test_weight_decay_of_muon_shrinks_the_filters(options: dict[str, Any]) -> None:
    norms = []
    for decay in (0, 5):
        settings = [*options["settings"], f"optimiser.weight_decay={decay}", "steps=4"]
        run = train(**options | {"settings": settings, "epochs": None, "overwrite": True})
        from tenfold.training.fit import load_networks

        (network,) = load_networks(run.folder)
        norms.append(float(network.state_dict()["3.weight"].norm()))
    assert norms[1] < 0.9 * norms[0]


def test_an_empty_set_is_refused_in_one_line(train_set: Dataset, tmp_path: Path) -> None:
    nothing = train_set.subset(np.arange(0))
    with pytest.raises(TenfoldError, match="holds no images"):
        train(nothing, out=tmp_path / "run", progress=False)
    with pytest.raises(TenfoldError, match="holds no images to predict"):
        train(train_set, test=nothing, out=tmp_path / "run", progress=False)
