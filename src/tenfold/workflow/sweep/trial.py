"""Train one run of a sweep, in a process of its own: a function of (folder, number)."""

import time
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import wilson
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe
from tenfold.run.space import Space, Value
from tenfold.run.sweep_folder import SweepFolder
from tenfold.run.sweep_records import TrialRecord
from tenfold.workflow.runs.execute import Execution, execute
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.tracking import Tracking
from tenfold.workflow.sweep.study import SweepStudy

if TYPE_CHECKING:
    from tenfold.run.records import EpochRecord
    from tenfold.training.callbacks import Callback, ProgressEvent

FUNCTION = "tenfold.workflow.sweep.trial:train_one"
LOCK_SECONDS = 60  # a process whose command was killed lets go of its run in less


class Hopeless(Exception):  # a request, as StopTraining is, and not a failure
    """Raised where a trial is stopped early."""


class OutOfTime(Exception):  # likewise
    """Raised where the time budget is over; the trial can be gone on with."""


def train_one(shared: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """Train a run of a sweep, which was begun, to its end; a checkpoint is gone on with.

    Args:
        shared: `folder` of the sweep, and `deadline`, seconds since 1970 or None: at the end of the
            first epoch after it a trial is left as it is.
        task: `number` of a trial, with its `values`; or `place` of a run that is no trial, in the
            folder.

    Returns:
        `trial`, how the trial ended, as `trial.json` has it now; or `accuracy` or `failed`, why, of
        a run that is no trial; `waiting` where the time was over; `error` where something is wrong
        that is not of this run, as a full disk.
    """
    sweep = SweepFolder.open(shared["folder"])
    number = task.get("number")
    try:
        if number is None:
            return _train_run(sweep, RunFolder.open(sweep.path / task["place"]))
        found = sweep.trial_record(number)
        if found is None:
            found = _train_trial(sweep, number, task["values"], shared["deadline"])
        return {"waiting": True} if found is None else {"trial": msgspec.to_builtins(found)}
    except TenfoldError as error:
        return {"error": str(error)}


def _train_run(sweep: SweepFolder, folder: RunFolder) -> dict[str, Any]:
    """Train a run to its end."""
    failed = sweep.failure(folder)
    try:
        if failed is None and not folder.environment().finished:
            _execute(_plan(sweep, folder), folder)
    except (TenfoldError, MemoryError, RuntimeError) as error:
        failed = _reason(error)
        sweep.write_failure(folder, failed)
    if failed is not None:
        return {"failed": failed}
    scores = folder.metrics().out_of_fold
    assert scores is not None
    return {"accuracy": scores.accuracy}


def _train_trial(
    sweep: SweepFolder, number: int, values: dict[str, Value], deadline: float | None
) -> TrialRecord | None:
    """Train a trial, and write how it ended; None where the time is over before."""
    began, change = time.perf_counter(), msgspec.structs.replace
    folder = RunFolder.open(sweep.trial(number).path)
    plan = _plan(sweep, folder)
    watch = _Watch(sweep, number, plan, folder, deadline)
    done = TrialRecord(number=number, state="finished", values=values, progress=1.0)
    try:
        _execute(plan, folder, watch)
        scores = folder.metrics().out_of_fold
        assert scores is not None
        done = change(
            done,
            accuracy=scores.accuracy,
            n=scores.n,
            correct=scores.correct,
            interval=scores.interval,
            loss=scores.loss,
        )
    except Hopeless:
        n = watch.n
        correct = round(watch.accuracy * n)
        done = change(
            done,
            state="stopped",
            reason=watch.where,
            progress=watch.progress,
            accuracy=correct / n,
            n=n,
            correct=correct,
            interval=wilson(correct, n),
        )
    except OutOfTime:
        return None
    # torch says what it has no memory for in a RuntimeError
    except (TenfoldError, MemoryError, RuntimeError) as error:
        done = change(done, state="failed", reason=_reason(error), progress=watch.progress)
    done = change(done, seconds=round(time.perf_counter() - began, 3))
    sweep.write_trial(done)
    return done


def _plan(sweep: SweepFolder, folder: RunFolder) -> Plan:
    environment = folder.environment()
    images = _images(str(sweep.path.absolute()), environment.fingerprint)
    return Plan(folder.recipe(), images, None, environment.request, watch_held_out=True)


def _execute(plan: Plan, folder: RunFolder, watch: "_Watch | None" = None) -> None:
    """Train what is left of a run, and write all that it is to leave."""
    callbacks: tuple[Callback, ...] = () if watch is None else (watch,)
    with ExitStack() as stack:
        _lock(stack, folder)
        folder.remove_temporary_files()
        if watch is not None:
            watch.catch_up()
        environment = folder.environment()
        execute(plan, Execution(folder, environment, Tracking(()), Profiler(), callbacks, False))


@lru_cache(maxsize=1)
def _images(folder: str, fingerprint: str) -> Dataset:
    """Read the images of a sweep, once a process."""
    images = SweepFolder(Path(folder)).images()
    assert images.fingerprint == fingerprint
    return images


def _lock(stack: ExitStack, folder: RunFolder) -> None:
    """Lock a run, and wait for a process that is about to end to let go of it."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            stack.enter_context(folder.lock())
            return
        except TenfoldError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _reason(error: BaseException) -> str:
    """Say why training failed; raise what is of the disk and not of the recipe."""
    if isinstance(error, TenfoldError) and isinstance(error.__cause__, OSError):
        raise error
    if isinstance(error, TenfoldError):
        return str(error)
    text = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {text}" if text else "there was not enough memory"


def units(base: Recipe, space: Space) -> int:
    """Return in how many units a fold's training is counted: the epochs of the longest trial.

    Where `epochs` is searched, trials are compared at the same share of their training: a long
    schedule is behind a short one at the same epoch, and not worse for it.
    """
    for one in space:
        if one.key == "epochs":
            return max(int(end) for end in one.extremes())
    return base.epochs


class _Watch:
    """Reports the accuracy at the end of each epoch, and stops the trial where it is hopeless.

    The folds are trained one after another: the accuracy is over the images of those that are done
    and of the one that is trained.
    """

    def __init__(
        self,
        sweep: SweepFolder,
        number: int,
        plan: Plan,
        folder: RunFolder,
        deadline: float | None,
    ) -> None:
        record = sweep.record()
        self.folder, self.recipe, self.deadline = folder, plan.recipe, deadline
        self.units = units(record.base, record.ranges)
        self.study = SweepStudy(sweep.journal, record.ranges, 0)
        self.trial = self.study.reporter(number)
        self.sizes = [len(job.validation) for job in plan.jobs()]
        self.progress = self.accuracy = 0.0
        self.n, self.where, self.step = 0, "", 0

    def catch_up(self) -> None:
        """Report the last epoch that is in a checkpoint.

        It is written before the epoch is reported: a process that was killed in between has not
        done so, and the trial would be judged an epoch later than one that nothing killed.
        """
        from tenfold.training import state

        for number in range(len(self.sizes), 0, -1):
            file = self.folder.network_folder(self.recipe, number).path / "checkpoint.safetensors"
            if file.is_file():
                progress = state.load(file).progress
                if n_epochs := len(progress.history):
                    steps = self.recipe.steps
                    epochs = -(-steps * n_epochs // progress.step) if steps else self.recipe.epochs
                    self._report(number, progress.history[-1], epochs)
                return

    def on_epoch_end(self, event: "ProgressEvent") -> None:
        """Report, and end the trial where it is hopeless or the time is over."""
        assert event.record is not None
        self._report(event.network, event.record, event.epochs)

    def _report(self, network: int, record: "EpochRecord", epochs: int) -> None:
        assert record.val_accuracy is not None
        done, networks = network - 1, len(self.sizes)
        accuracies = [self._last_accuracy(number) for number in range(1, done + 1)]
        accuracies.append(record.val_accuracy)
        sizes = self.sizes[: len(accuracies)]
        self.n = sum(sizes)
        self.accuracy = sum(map(float.__mul__, accuracies, map(float, sizes))) / self.n
        share = record.epoch / epochs
        self.progress = (done + share) / networks
        self.where = f"fold {network}, epoch {record.epoch} of {epochs}"
        step = done * self.units + max(1, int(share * self.units + 1e-9))
        if self.progress == 1 or step == self.step:
            return
        self.step = step
        hopeless = self.study.report(self.trial, self.accuracy, step)
        # trial 0 is the base recipe, which every gain is measured by
        if hopeless and self.trial.number > 0:
            raise Hopeless
        if self.deadline is not None and time.time() > self.deadline:
            raise OutOfTime

    def _last_accuracy(self, number: int) -> float:
        history = self.folder.network_folder(self.recipe, number).history()
        return float(history["val_accuracy"][-1])
