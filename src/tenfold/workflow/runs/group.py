"""A group of runs: one recipe, trained with several seeds one after another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import clipped_range, percent
from tenfold.evaluation.seeds import Mean, mean
from tenfold.run.folder import RunFolder
from tenfold.run.group import GroupFolder
from tenfold.run.recipe import Recipe
from tenfold.run.records import MAX_SEEDS, Environment, Tracker
from tenfold.workflow.pool import Launcher
from tenfold.workflow.runs.elsewhere import train_elsewhere
from tenfold.workflow.runs.execute import Execution, execute
from tenfold.workflow.runs.listing import RunTable
from tenfold.workflow.runs.plan import Plan
from tenfold.workflow.runs.profiler import Profiler
from tenfold.workflow.runs.progress import notice
from tenfold.workflow.runs.result import Run
from tenfold.workflow.runs.summary import summarise
from tenfold.workflow.runs.tracking import Tracking

if TYPE_CHECKING:
    from tenfold.training.callbacks import Callback


@dataclass(frozen=True)
class RunGroup:
    """The finished runs of one recipe with several seeds; shows itself in a notebook.

    Args:
        path: the folder of the group, with a run folder for each seed.
        runs: in the order of their seeds.
    """

    path: Path
    runs: tuple[Run, ...]

    def __fspath__(self) -> str:
        return str(self.path)  # so that a group goes wherever a group's folder does

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The accuracy (0-1) of each run that has one."""
        return tuple(run.accuracy for run in self.runs if run.accuracy is not None)

    @cached_property
    def accuracy(self) -> Mean | None:
        """The mean accuracy over the seeds, its spread and 95 % interval; None without scores."""
        return mean(self.accuracies) if self.accuracies else None

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {
            "group": str(self.path),
            "accuracy": self.accuracy.to_dict() if self.accuracy else None,
            "runs": [run.to_dict() for run in self.runs],
        }

    def __str__(self) -> str:
        rows = (summarise(run.folder.path) for run in self.runs)
        table = RunTable(tuple(replace(row, changes=()) for row in rows))  # they are all the same
        return "\n".join([table.to_text(), *self._mean_line(), f"group: {self.path}"])

    def _mean_line(self) -> list[str]:
        if self.accuracy is None:
            return []
        spread = ""
        if self.accuracy.sd is not None and self.accuracy.interval is not None:
            interval = clipped_range(self.accuracy.interval)
            spread = f", sd {self.accuracy.sd * 100:.3f} points, 95 % interval {interval}"
        seeds = f"{self.accuracy.n} seed{'s' * (self.accuracy.n != 1)}"
        return [f"mean over {seeds} {percent(self.accuracy.mean, 3)}{spread}"]

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def run_all(
    group: GroupFolder, run_one: Callable[[RunFolder], Run], progress: bool = True
) -> RunGroup:
    """Do what is left of a group: every run that is not finished, in the order of the seeds.

    Args:
        group: its folder; every run can be resumed.
        run_one: trains a run, or resumes it, and finishes it.
        progress: say on stderr which run it is.

    Raises:
        TenfoldError: where a run fails, or was stopped by Ctrl-C or a callback.
        KeyboardInterrupt: where Ctrl-C leaves a run no network to finish with.
    """
    folders = group.runs()
    hint = f"`tenfold resume {group.path}` resumes the group"
    for number, folder in enumerate(folders, 1):
        if folder.environment().finished:
            continue
        if progress:
            notice(f"run {number} of {len(folders)}: {folder.path}")
        try:
            run = run_one(folder)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped; {hint}") from None
        if run.metrics["training"]["interrupted"]:
            raise TenfoldError(f"{folder.path}: was stopped before its last epoch; {hint}")
    return RunGroup(group.path, tuple(map(Run, folders)))


def train_group(
    group: GroupFolder,
    plans: list[Plan],
    environments: list[Environment],
    trackers: tuple[Tracker, ...],
    callbacks: "Sequence[Callback]",
    progress: bool,
    launcher: Launcher | None = None,
) -> RunGroup:
    """Begin every run of a group, so that all can be resumed, then execute one after another.

    With a launcher their networks are trained by that first, all runs' at once.
    """
    plan_of = {}
    for plan, environment in zip(plans, environments, strict=True):
        folder = group.create_run(plan.recipe.seed)
        begin(folder, plan.recipe, environment)
        plan_of[folder.path] = plan
    group.write([plan.recipe.seed for plan in plans])
    if launcher is not None:
        train_elsewhere(plans, group.runs(), launcher, progress)

    def run_one(folder: RunFolder) -> Run:
        with folder.lock():
            execution = Execution(
                folder, folder.environment(), Tracking(trackers), Profiler(), callbacks, progress
            )
            return execute(plan_of[folder.path], execution)

    return run_all(group, run_one, progress)


def begin(folder: RunFolder, recipe: Recipe, environment: Environment) -> None:
    """Write what a run begins with; the recipe last: where it is, `resume` has all it needs."""
    folder.write_environment(environment)
    folder.write_recipe(recipe)


def check_seeds(seeds: int, submission: str | Path | None, profile: bool) -> None:
    """Raise TenfoldError where a group of so many runs cannot be made."""
    if not 1 <= seeds <= MAX_SEEDS:
        raise TenfoldError(f"--seeds: must be 1-{MAX_SEEDS:,}. Received: {seeds:,}")
    if submission is not None:
        raise TenfoldError(
            "--submission writes the predictions of one run, and --seeds trains several; write it "
            "with `tenfold predict` from one of them, or use --members for one model of several "
            "networks"
        )
    if profile:
        raise TenfoldError(
            "--profile measures one run, and --seeds trains several; give one of them"
        )
