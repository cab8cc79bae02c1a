"""The search: propose trials, have them trained, keep the best."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import percent
from tenfold.run.environment import describe
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change
from tenfold.run.records import RunRequest
from tenfold.run.space import Value, values_of, with_values
from tenfold.run.sweep_folder import SweepFolder
from tenfold.run.sweep_records import SweepRecord, TrialRecord, best_of
from tenfold.workflow.pool import Launcher
from tenfold.workflow.runs.group import begin
from tenfold.workflow.sweep.progress import Progress
from tenfold.workflow.sweep.study import SweepStudy
from tenfold.workflow.sweep.trial import FUNCTION

HEARTBEAT = 5.0  # seconds: a command that is killed has so much of its time not counted


@dataclass(frozen=True, eq=False)
class Runs:
    """What all runs of a sweep have in common, and how one is begun.

    Args:
        record: of the sweep.
        images: that all are trained on.
        machine: the base recipe's threads, device and precision, resolved.
    """

    record: SweepRecord
    images: Dataset
    machine: Mapping[str, Any]

    def recipe(self, values: Mapping[str, Value] | None, seed: int | None = None) -> Recipe:
        """Return the resolved recipe of a run: the base's, with proposed values."""
        base = self.record.base
        chosen = base if values is None else with_values(base, values)
        given = {"folds": self.record.folds, "split": self.record.split, **self.machine}
        return change(chosen, **given, **({} if seed is None else {"seed": seed}))

    def begin(self, path: RunFolder, recipe: Recipe) -> RunFolder:
        """Make the folder of a run, unless it was begun; then it needs nothing more to be trained.

        Raises:
            TenfoldError: where it cannot be made.
        """
        if path.recipe_file.is_file():
            return path
        from tenfold.training.backend import device_name

        folder = RunFolder.create(path.path, overwrite=True)
        record = self.record
        request = RunRequest(
            working_directory=record.working_directory,
            in_memory=("source",) if record.in_memory else (),
            report=False,
            ink=record.ink,
        )
        environment = describe(self.images, None, device_name(recipe.device), 0, request)
        begin(folder, recipe, environment)
        return folder


class Search:
    """Proposes trials and keeps what they come to; the launcher asks from threads of its own.

    Args:
        sweep: its folder; the caller holds its lock.
        runs: how a trial is begun.
        trials: how many there are to be at most; None for no limit.
        budget: seconds that the search may take, over all commands; None for no limit.
        show: show progress on stderr.
        draw: writes the page; is called now and then.
    """

    def __init__(
        self,
        sweep: SweepFolder,
        runs: Runs,
        trials: int | None,
        budget: float | None,
        show: bool,
        draw: Callable[[], None],
    ) -> None:
        self.sweep, self.runs, self.total, self.budget = sweep, runs, trials, budget
        record = runs.record
        self.study = SweepStudy(sweep.journal, record.ranges, record.base.seed)
        self.first = values_of(record.base, record.ranges)
        self.ended = {one.number: one for one in sweep.trials()}
        for one in self.ended.values():
            self.study.tell(one)
        self.open = self.study.under_way()
        self.best = best_of(list(self.ended.values()))
        self.before, self.began = sweep.seconds(), time.monotonic()
        left = None if budget is None else max(budget - self.before, 0.0)
        self.deadline = None if left is None else time.time() + left
        self.progress = Progress(trials, left, show)
        self._lock, self._draw, self._drawn = threading.RLock(), draw, time.monotonic()
        self._write_best()

    @property
    def seconds(self) -> float:
        """How long the search has taken, over all commands."""
        return self.before + time.monotonic() - self.began

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do, or no time for it."""
        return not self._more() and (not self.open or self._is_over())

    def run(self, launcher: Launcher) -> None:
        """Do what is missing.

        Raises:
            TenfoldError: where something is wrong that is not of one trial.
            KeyboardInterrupt: on Ctrl-C.
        """
        self.progress.begin(list(self.ended.values()), self.best)
        shared = {"folder": str(self.sweep.path.absolute()), "deadline": self.deadline}
        given: list[int] = []
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stop,), daemon=True)
        heart.start()
        results = launcher.run(FUNCTION, shared, self._tasks(given))
        try:
            for place, result in results:
                self._take(given[place], result)
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()
            stop.set()
            heart.join()
            self.sweep.write_seconds(self.seconds)
            self.progress.end()

    def _tasks(self, given: list[int]) -> Iterator[dict[str, Any]]:
        """Yield the trials to train: first those that were under way, then new ones."""
        with self._lock:
            left = sorted(self.open.items())
        while True:
            with self._lock:
                self._collect()
                if left and not self._is_over():
                    number, values = left.pop(0)
                elif not left and self._more():
                    number, values = self.study.propose(self.first)
                    self.open[number] = values
                else:
                    return
                begun = self._begin(number, values)
                if begun:
                    given.append(number)
            if begun:
                yield {"number": number, "values": values}

    def _begin(self, number: int, values: dict[str, Value]) -> bool:
        """Begin a trial; False where its values do not go together, which is how it ends."""
        try:
            recipe = self.runs.recipe(values)
        except TenfoldError as error:
            self.runs.begin(self.sweep.trial(number), self.runs.recipe(None))
            self._fail(number, values, str(error))
            return False
        self.runs.begin(self.sweep.trial(number), recipe)
        return True

    def _more(self) -> bool:
        return not self._is_over() and (self.total is None or self.study.count() < self.total)

    def _is_over(self) -> bool:
        return self.budget is not None and self.seconds >= self.budget

    def _take(self, number: int, result: dict[str, Any] | TenfoldError) -> None:
        """Take note of what a launcher gave back."""
        with self._lock:
            if isinstance(result, TenfoldError):  # its process was lost, again and again
                if self.sweep.trial_record(number) is None:
                    self._fail(number, self.open[number], str(result))
            elif "error" in result:
                raise TenfoldError(result["error"])
            self._collect()
        if time.monotonic() - self._drawn > 60:
            self._draw()
            self._drawn = time.monotonic()

    def _collect(self) -> None:
        """Have the study know of every trial that has ended, before it proposes the next."""
        for number in list(self.open):
            found = self.sweep.trial_record(number)
            if found is None:
                continue
            self.study.tell(found)
            del self.open[number]
            self.ended[number] = found
            if best_of([found, *([self.best] if self.best else [])]) is found:
                self.best = found
                self._write_best()
            self.progress.update(list(self.ended.values()), self.best)

    def _fail(self, number: int, values: dict[str, Value], reason: str) -> None:
        self.sweep.write_trial(
            TrialRecord(number=number, state="failed", values=values, reason=reason)
        )

    def _write_best(self) -> None:
        if self.best is not None:
            recipe = best_recipe(self.runs.record, self.best)
            self.sweep.write_best(recipe, self.best.number)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(HEARTBEAT):
            self.sweep.write_seconds(self.seconds)


def best_recipe(record: SweepRecord, trial: TrialRecord) -> Recipe:
    """Return the recipe of a trial as `tenfold train` takes it: without the sweep's folds."""
    base = record.base
    assert trial.accuracy is not None
    text = (
        f"trial {trial.number} of a sweep of {base.name}: {percent(trial.accuracy)} of "
        f"{trial.n:,} out of fold"
    )
    found = with_values(base, trial.values)
    return change(found, name=f"{base.name}-sweep", description=text)
