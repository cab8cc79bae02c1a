import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.folder import RunFolder
from tenfold.training.trainer import Trainer
from tenfold.workflow.estimator import DigitClassifier
from tenfold.workflow.runs import tracking
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.tracking import TensorBoard
from tenfold.workflow.runs.train import train

CURVES = ("learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")


def tracked(
    track: Any, tiny: DigitClassifier, train_set: Dataset, out: Path, folds: int | None = None
) -> Run:
    return train(
        train_set.subset(np.arange(300)),
        settings=tiny.settings,
        epochs=2,
        val_fraction=0.2,
        folds=folds,
        report=False,
        out=out,
        progress=False,
        track=track,
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What opens MLflow's local store, once there is one, where nothing says which to take."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is taken back
        monkeypatch.delenv(name)
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)  # no SQLAlchemy, so no database

    def opened() -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient((tmp_path / "mlruns").as_uri())

    return opened


def test_tensorboard_gets_curves_scores_recipe_and_where_the_run_is(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    run = tracked("tensorboard", tiny, train_set, tmp_path / "run")
    events = EventAccumulator(str(run.folder.path / "tensorboard"))
    events.Reload()
    for name in CURVES:
        points = [(event.step, event.value) for event in events.Scalars(name)]
        assert points == [
            (1, pytest.approx(run.history[name][0])),
            (2, pytest.approx(run.history[name][1])),
        ]
    (final,) = events.Scalars("final/validation_accuracy")
    assert final.value == pytest.approx(run.accuracy)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    parameters = HParamsPluginData.FromString(content).session_start_info.hparams
    assert parameters["optimiser.adamw_learning_rate"].number_value == 0.01
    (text,) = events.Tensors("run")
    assert str(run.folder.path).encode() in text.tensor_proto.string_val[0]
    assert b"`metrics.json`" in text.tensor_proto.string_val[0]
    RunFolder.create(run.folder.path, overwrite=True)  # a run's own file, so nothing foreign
    assert [path.name for path in run.folder.path.iterdir()] == [".written"]


def test_each_network_of_a_run_of_folds_has_curves_of_its_own(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tracked("tensorboard", tiny, train_set, tmp_path / "run", folds=2)
    events = EventAccumulator(str(run.folder.path / "tensorboard"))
    events.Reload()
    for number in (1, 2):
        history = run.folder.network_folder(run.recipe, number).history()
        points = [(event.step, event.value) for event in events.Scalars(f"network-{number}/loss")]
        assert points == [
            (1, pytest.approx(history["loss"][0])),
            (2, pytest.approx(history["loss"][1])),
        ]
    assert "loss" not in events.Tags()["scalars"]
    (final,) = events.Scalars("final/out_of_fold_accuracy")
    assert final.value == pytest.approx(run.accuracy)


def test_mlflow_gets_curves_scores_recipe_and_files(
    tiny: DigitClassifier, train_set: Dataset, store: Callable[[], Any], tmp_path: Path
) -> None:
    run = tracked("mlflow", tiny, train_set, tmp_path / "first")
    client = store()
    experiment = client.get_experiment_by_name("tenfold").experiment_id
    (kept,) = client.search_runs([experiment])
    assert (kept.info.run_name, kept.info.status) == ("first", "FINISHED")
    assert kept.data.tags["tenfold.run"] == str(run.folder.path)
    assert kept.data.params["batch_size"] == "32"
    assert kept.data.params["network.1"].startswith("conv filters=8 kernel_size=5 stride=2")
    for name in CURVES:
        points = [
            (metric.step, metric.value)
            for metric in client.get_metric_history(kept.info.run_id, name)
        ]
        assert points == list(enumerate(run.history[name], 1))
    assert kept.data.metrics["final/validation_accuracy"] == run.accuracy
    assert kept.data.metrics["final/validation_n"] == 60
    artefacts = {file.path for file in client.list_artifacts(kept.info.run_id)}
    assert artefacts == {
        "recipe.toml",
        "environment.json",
        "history.csv",
        "metrics.json",
        "model.onnx",
    }


def test_a_run_goes_to_several_trackers_at_once(
    tiny: DigitClassifier, train_set: Dataset, store: Callable[[], Any], tmp_path: Path
) -> None:
    run = tracked(["tensorboard", "mlflow", "mlflow"], tiny, train_set, tmp_path / "both")
    assert len(list((run.folder.path / "tensorboard").iterdir())) == 1
    client = store()
    (kept,) = client.search_runs([client.get_experiment_by_name("tenfold").experiment_id])
    assert kept.info.status == "FINISHED"
    assert run.folder.environment().request.trackers == ("tensorboard", "mlflow", "mlflow")


def test_a_run_that_fails_is_marked_as_failed_at_mlflow(
    tiny: DigitClassifier,
    train_set: Dataset,
    store: Callable[[], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def diverged(trainer: Trainer) -> None:
        raise TenfoldError("the loss became nan in epoch 1")

    monkeypatch.setattr(Trainer, "train_epoch", diverged)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    with pytest.raises(TenfoldError, match="the loss became nan"):
        tracked("mlflow", tiny, train_set, tmp_path / "run")
    client = store()
    (kept,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert kept.info.status == "FAILED"


def test_a_tracker_that_fails_is_named_once_and_stops_no_training(
    tiny: DigitClassifier,
    train_set: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(tracker: TensorBoard, values: dict[str, float], epoch: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, "log", full)
    run = tracked("tensorboard", tiny, train_set, tmp_path / "run")
    message = capsys.readouterr().err
    assert message.startswith("TensorBoard: [Errno 28] No space left on device")
    assert message.count("\n") == 1
    assert len(run.history) == 2


def test_a_tracker_that_cannot_be_used_is_refused_before_anything_is_made(
    tiny: DigitClassifier, train_set: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with pytest.raises(TenfoldError, match=r"'tensorbord' .*did you mean 'tensorboard'"):
        tracked("tensorbord", tiny, train_set, out)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(
        TenfoldError, match=r"--track mlflow: http://127.0.0.1:9 cannot be used"
    ) as caught:
        tracked("mlflow", tiny, train_set, out)
    assert "\n" not in str(caught.value)
    for name in ("mlflow", "tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(TenfoldError, match=rf"tenfold\[track\].*{name}.* is not installed"):
            tracked(name, tiny, train_set, out)
    assert not out.exists()
