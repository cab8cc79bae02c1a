"""What a run, a group of runs or a sweep was made with, and how it did."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tenfold.data.escape import terminal
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import percent
from tenfold.evaluation.seeds import mean
from tenfold.run.folder import TRIAL_FILE, RunFolder
from tenfold.run.group import GroupFolder, is_group
from tenfold.run.recipe import Recipe, load_recipe, recipe_names
from tenfold.run.recipe_differences import MACHINE, RecipeDifference, recipe_differences
from tenfold.run.record_files import read_record
from tenfold.run.records import Metrics, SplitScores
from tenfold.run.sweep_folder import SweepFolder, is_sweep
from tenfold.run.sweep_records import TrialRecord, best_of

Status = Literal["finished", "unfinished", "stopped", "failed", "broken"]


@dataclass(frozen=True)
class RunSummary:
    """What a run, or a group of runs, was made with, and how it did.

    Args:
        path: its folder.
        status: whether it has come to its end; of a trial of a sweep also "stopped" early or
            "failed"; "broken" where a file of it cannot be read.
        note: what else there is to say, in a sentence, as what is wrong; "" for nothing.
        started: when, in UTC, ISO 8601; None where it is broken, as all that follows.
        source: what it was trained on.
        recipe: the name of its recipe.
        seeds: its seed, or those of a group.
        changes: in what its recipe differs from the one of the package that it is named after, or
            of a trial from the sweep's, machine and seed apart; empty where there is none.
        epochs: passes over the training set: those taken, or else planned.
        split: what was scored: "test", "out of fold" or "validation".
        accuracy: 0-1; of a group the mean over its finished runs.
        interval: 95 %: Wilson's of a run; Student's of a group's mean.
        seconds: of training, over all runs of a group.
        runs: how many runs a group has; None for a single run.
    """

    path: Path
    status: Status
    note: str = ""
    started: str | None = None
    source: str | None = None
    recipe: str | None = None
    seeds: tuple[int, ...] = ()
    changes: tuple[RecipeDifference, ...] = ()
    epochs: int | None = None
    split: str | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    seconds: float | None = None
    runs: int | None = None

    @property
    def name(self) -> str:
        """The name of its folder, control characters spelled out."""
        return terminal(self.path.name or str(self.path))

    def remarks(self, with_source: bool) -> list[str]:
        """Give what stands below its row: a group's runs, the changes of its recipe, its note.

        Args:
            with_source: say what it was trained on, as where the others were on something else.
        """
        changes = ", ".join(
            f"{key}={value}" for key, _, value in (one.cells for one in self.changes)
        )
        runs = ""
        if self.runs is not None:
            plural = "s" * (self.runs != 1)
            runs = f"{self.runs} run{plural}, seed{plural} {', '.join(map(str, self.seeds))}"
        source = f"images of {terminal(self.source)}" if with_source and self.source else ""
        lines = ("; ".join(filter(None, (runs, source, changes))), terminal(self.note))
        return [line for line in lines if line]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {**asdict(self), "path": str(self.path)}


def summarise(path: Path) -> RunSummary:
    """Summarise a run or a group; what is wrong with it is its note."""
    try:
        if is_sweep(path):
            return _summarise_sweep(path)
        return _summarise_group(path) if is_group(path) else _summarise_run(path)
    except TenfoldError as error:
        return RunSummary(path, "broken", f"broken: {error}")
    except OSError as error:
        return RunSummary(path, "broken", f"broken: {error.strerror or error}")


def _summarise_run(path: Path) -> RunSummary:
    folder = RunFolder.open(path)
    environment, recipe = folder.environment(), folder.recipe()
    has_metrics = (path / "metrics.json").exists()
    trial = read_record(path / TRIAL_FILE, TrialRecord) if (path / TRIAL_FILE).exists() else None
    summary = RunSummary(
        path=path,
        status="finished" if environment.finished else "unfinished",
        started=environment.started,
        source=environment.source,
        recipe=recipe.name,
        seeds=(recipe.seed,),
        changes=_changes(path, recipe),
        epochs=recipe.epochs,
    )
    if trial is not None and trial.state != "finished":
        return _not_finished(summary, trial)
    resume = f"`tenfold resume {path}` resumes it"
    if not has_metrics:
        return replace(summary, note=f"unfinished; {resume}")
    metrics = folder.metrics()
    split, scores = _scored(metrics)
    notes = []
    if metrics.training.interrupted:
        notes.append(f"interrupted; {resume}")
    elif not environment.finished:
        notes.append(f"unfinished; {resume}")
    if metrics.leaked:
        notes.append(f"contaminated: {metrics.leaked:,} test images are in the training set")
    return replace(
        summary,
        note="; ".join(notes),
        epochs=metrics.training.epochs,
        split=split,
        accuracy=scores.accuracy if scores else None,
        interval=scores.interval if scores else None,
        seconds=metrics.training.seconds,
    )


def _not_finished(summary: RunSummary, trial: TrialRecord) -> RunSummary:
    """Summarise a trial of a sweep that will not go on."""
    if trial.state == "failed":
        return replace(summary, status="failed", note=f"failed: {trial.reason}")
    standing = "" if trial.accuracy is None else f", at {percent(trial.accuracy)}"
    note = f"stopped early as hopeless: {trial.reason}{standing}"
    return replace(summary, status="stopped", note=note, seconds=trial.seconds)


def _summarise_sweep(path: Path) -> RunSummary:
    """Summarise a sweep by the best of its trials."""
    sweep = SweepFolder.open(path)
    record, trials = sweep.record(), sweep.trials()
    best, left = best_of(trials), len(sweep.begun()) - len(trials)
    ended = f"sweep of {', '.join(one.key for one in record.ranges)}: {len(trials)} trials"
    notes = [f"{ended}; `tenfold runs {path}` lists them"]
    if left:
        notes.append(f"{left} under way; the command that began it resumes it")
    if best is not None:
        notes.insert(0, f"the best of {len(trials)}, trial {best.number}, is in {sweep.best_run}")
    return RunSummary(
        path,
        status="unfinished" if left or best is None else "finished",
        note="; ".join(notes),
        started=record.started,
        source=record.source,
        recipe=record.base.name,
        seeds=(record.base.seed,),
        epochs=record.base.epochs,
        split=None if best is None else "out of fold",
        accuracy=None if best is None else best.accuracy,
        interval=None if best is None else best.interval,
        seconds=sweep.seconds(),
    )


def _summarise_group(path: Path) -> RunSummary:
    group = GroupFolder.open(path)
    runs = [_summarise_run(folder.path) for folder in group.runs()]
    finished = [run for run in runs if run.status == "finished"]
    scored = [run.accuracy for run in finished if run.accuracy is not None]
    over_seeds = mean(scored) if scored else None
    left = len(runs) - len(finished)
    notes = [run.note for run in finished[:1] if run.note]
    if left:
        done = f"unfinished: {len(finished)} of {len(runs)} runs are done"
        notes.append(f"{done}; `tenfold resume {path}` resumes it")
    return replace(
        (finished or runs)[0],
        path=path,
        status="unfinished" if left else "finished",
        note="; ".join(notes),
        seeds=group.seeds(),
        accuracy=over_seeds.mean if over_seeds else None,
        interval=over_seeds.interval if over_seeds else None,
        seconds=sum(run.seconds for run in runs if run.seconds is not None),
        runs=len(runs),
    )


def _changes(path: Path, recipe: Recipe) -> tuple[RecipeDifference, ...]:
    sweep = path.absolute().parents[1]
    if is_sweep(sweep):
        base = SweepFolder(sweep).record().base
        common = MACHINE | {"folds", "split"}  # of all trials
        return tuple(one for one in recipe_differences(base, recipe) if one.key not in common)
    if recipe.name not in recipe_names():
        return ()
    differences = recipe_differences(load_recipe(recipe.name), recipe)
    return tuple(one for one in differences if one.key not in MACHINE)


def _scored(metrics: Metrics) -> tuple[str | None, SplitScores | None]:
    splits = {
        "test": metrics.test,
        "out of fold": metrics.out_of_fold,
        "validation": metrics.validation,
    }
    return next(((name, scores) for name, scores in splits.items() if scores), (None, None))
