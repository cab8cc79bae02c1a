"""Log a run to experiment trackers as it goes; the run folder remains the record."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.run.recipe_differences import flat_recipe
from tenfold.run.records import Environment, Metrics
from tenfold.suggestions import nearest

if TYPE_CHECKING:
    from tenfold.training.callbacks import Callback, ProgressEvent

Values = dict[str, float]

# How long an epoch took is in `history.csv`; a tracker gets what says how good it was.
CURVES = ("learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")
KEY_FILES = ("recipe.toml", "environment.json", "history.csv", "metrics.json", "model.onnx")


class TensorBoard:
    """Event files in the run folder's `tensorboard/`, for `tensorboard --logdir runs`."""

    def begin(self, folder: RunFolder, recipe: Recipe, environment: Environment) -> None:
        """Open the event file, with the recipe's values for the tab HParams."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder.path / "tensorboard"))
        self._add(hparams_pb(flat_recipe(recipe), trial_id=str(folder.path)), 0)
        self._text("recipe", f"```toml\n{recipe.to_toml()}\n```")

    def log(self, values: Values, epoch: int) -> None:
        """Add a scalar a value, and let TensorBoard see it now."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Summary(value=scalars), epoch)
        self._writer.flush()

    def end(self, folder: RunFolder, scored: bool) -> None:
        """Say where the run's files are, and close the event file."""
        files = "\n".join(f"- `{path.name}`" for path in _key_files(folder))
        self._text("run", f"`{folder.path.resolve()}`\n\n{files}")
        self._writer.close()

    def _text(self, tag: str, markdown: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        kind = create_summary_metadata(display_name=None, description=None)
        text = make_tensor_proto(markdown.encode())
        self._add(Summary(value=[Summary.Value(tag=tag, tensor=text, metadata=kind)]), 0)

    def _add(self, summary: Any, epoch: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=epoch, summary=summary))


class MLflow:
    """A run in MLflow's experiment `tenfold`, or MLFLOW_EXPERIMENT_NAME, at MLFLOW_TRACKING_URI.

    Raises:
        TenfoldError: where the store does not answer.
    """

    def __init__(self) -> None:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        name, store = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tenfold"), _mlflow_store()
        try:
            # a client of our own: the caller's active run is not ours to write to or to end
            self._client = MlflowClient(store)
            found = self._client.get_experiment_by_name(name)
            self._experiment = (
                found.experiment_id if found else self._client.create_experiment(name)
            )
        except MlflowException as error:
            raise TenfoldError(f"--track mlflow: {store} cannot be used: {_line(error)}") from None

    def begin(self, folder: RunFolder, recipe: Recipe, environment: Environment) -> None:
        """Make the run, under the run folder's name, with the recipe's values as parameters."""
        from mlflow.entities import Param

        tags = {
            "tenfold.run": str(folder.path.resolve()),
            "tenfold.source": environment.source,
            "tenfold.fingerprint": environment.fingerprint,
        }
        made = self._client.create_run(self._experiment, tags=tags, run_name=folder.path.name)
        self._run: str = made.info.run_id
        whole = [Param(name, str(value)) for name, value in flat_recipe(recipe).items()]
        for start in range(0, len(whole), 100):  # MLflow takes no more at once
            self._client.log_batch(self._run, params=whole[start : start + 100])

    def log(self, values: Values, epoch: int) -> None:
        """Log a metric a value."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, epoch) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def end(self, folder: RunFolder, scored: bool) -> None:
        """Keep the key files as artefacts, and close the run as finished or as failed."""
        for path in _key_files(folder):
            self._client.log_artifact(self._run, str(path))
        with redirect_stdout(sys.stderr):  # it prints where a server shows the run
            self._client.set_terminated(self._run, "FINISHED" if scored else "FAILED")


TRACKERS: dict[str, type[TensorBoard | MLflow]] = {"tensorboard": TensorBoard, "mlflow": MLflow}


class Tracking:
    """A run's way to its trackers; what fails there is said once, and stops no training.

    Used as a context, it closes the trackers' runs as failed where an error comes out.

    Args:
        names: keys of `TRACKERS`; each is opened once.

    Raises:
        TenfoldError: where there is no such tracker, it is not installed, or its store does not
            answer.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._trackers = [_tracker(name) for name in dict.fromkeys(names)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._try(lambda tracker: tracker.end(self._folder, scored=False))

    def begin(self, folder: RunFolder, recipe: Recipe, environment: Environment) -> None:
        """Begin the run of each tracker."""
        self._folder = folder
        self._try(lambda tracker: tracker.begin(folder, recipe, environment))

    def callbacks(self) -> "Sequence[Callback]":
        """Return what training is to call: nothing where there is no tracker."""
        return [self] if self._trackers else []

    def on_epoch_end(self, event: "ProgressEvent") -> None:
        """Log the learning curves; those of a fold or a member under its own name."""
        assert event.record is not None
        prefix = f"network-{event.network}/" if event.networks > 1 else ""
        record = {name: getattr(event.record, name) for name in CURVES}
        values = {prefix + name: value for name, value in record.items() if value is not None}
        self._try(lambda tracker: tracker.log(values, event.epoch))

    def end(self, metrics: Metrics) -> None:
        """Log the final scores and end the run of each tracker."""
        epochs = metrics.training.epochs
        self._try(lambda tracker: tracker.log(_scores(metrics), epochs))
        self._try(lambda tracker: tracker.end(self._folder, scored=True))

    def _try(self, step: Callable[[TensorBoard | MLflow], None]) -> None:
        for tracker in tuple(self._trackers):
            try:
                step(tracker)
            except Exception as error:  # a server that went away, a full disk: whatever it is
                name = type(tracker).__name__
                print(f"{name}: {_line(error)}; the run continues without it", file=sys.stderr)
                self._trackers.remove(tracker)


def _tracker(name: str) -> TensorBoard | MLflow:
    if name not in TRACKERS:
        near = nearest(str(name), TRACKERS)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(TRACKERS)}"
        raise TenfoldError(f"{name!r} is not a tracker; {hint}")
    with missing_extra_named(f"--track {name}"):
        import_module(name)
    return TRACKERS[name]()


def _scores(metrics: Metrics) -> Values:
    """Take accuracy with its interval, loss, errors and n of every split that was scored."""
    values: Values = {}
    splits = {
        "validation": metrics.validation,
        "out_of_fold": metrics.out_of_fold,
        "test": metrics.test,
    }
    for split, scores in splits.items():
        if scores is not None:
            low, high = scores.interval
            named = {name: getattr(scores, name) for name in ("accuracy", "loss", "errors", "n")}
            named |= {"accuracy_low": low, "accuracy_high": high}
            values |= {f"final/{split}_{name}": float(value) for name, value in named.items()}
    return values


def _key_files(folder: RunFolder) -> list[Path]:
    paths = [*(folder.path / name for name in KEY_FILES), folder.report_file]
    return [path for path in paths if path.is_file()]


def _mlflow_store() -> str:
    """Give MLFLOW_TRACKING_URI, or else a local store that this installation of MLflow can use.

    MLflow's default is a database, `mlflow.db`. `mlflow-skinny` comes without SQLAlchemy, which
    that needs, and has the folder `mlruns` alone; MLflow 3 calls folders old and wants to be asked.
    """
    from mlflow.tracking import get_tracking_uri, is_tracking_uri_set

    store: str = get_tracking_uri()
    if is_tracking_uri_set():  # type: ignore[no-untyped-call]
        return store
    if find_spec("sqlalchemy") is None:
        store = Path("mlruns").absolute().as_uri()
    if store.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return store


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
