"""The runs in a folder as a table: what each was made with, and how it did."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from html import escape
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args

from tenfold.data.atomic import WRITTEN
from tenfold.data.escape import terminal
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import clipped_range, percent, percent_range
from tenfold.evaluation.seeds import mean
from tenfold.run.folder import GROUP_FILE, RunFolder
from tenfold.run.group import GroupFolder, is_group
from tenfold.run.recipe import Recipe, load_recipe, recipe_names
from tenfold.run.recipe_differences import MACHINE, RecipeDifference, recipe_differences
from tenfold.run.records import Metrics, SplitScores

Status = Literal["finished", "unfinished", "broken"]
SortKey = Literal["started", "name", "recipe", "epochs", "accuracy", "seconds"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
WIDTH = 80  # columns of a terminal
MAX_RECIPE = 12  # characters of a recipe's name that are shown
HEADER = ("run", "recipe", "epochs", "accuracy (95 % interval)", "on", "seconds")


@dataclass(frozen=True)
class RunSummary:
    """What a run, or a group of runs, was made with, and how it did.

    Args:
        path: its folder.
        status: whether it has come to its end; "broken" where a file of it cannot be read.
        note: what else there is to say, in a sentence, as what is wrong; "" for nothing.
        started: when, in UTC, ISO 8601; None where it is broken, as all that follows.
        source: what it was trained on.
        recipe: the name of its recipe.
        seeds: its seed, or those of a group.
        changes: in what its recipe differs from the one of the package that it is named after,
            machine and seed apart; empty where the package has none of that name.
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


@dataclass(frozen=True)
class RunTable:
    """Runs and groups of runs, a row each; shows itself in a notebook."""

    rows: tuple[RunSummary, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self.rows)

    def to_text(self) -> str:
        """Format the table within 80 columns; what a recipe changes stands below its row."""
        cells = [HEADER, *map(_cells, self.rows)]
        others = [max(map(len, column)) for column in list(zip(*cells, strict=True))[1:]]
        longest = max(len(row[0]) for row in cells)
        with_source = len({row.source for row in self.rows if row.source}) > 1
        room = max(8, min(longest, WIDTH - sum(others) - 2 * len(others)))
        lines = []
        for row, summary in zip(cells, (None, *self.rows), strict=True):
            name, recipe, epochs, accuracy, split, seconds = row
            if len(name) > room:
                lines += textwrap.wrap(name, WIDTH)
                name = ""
            values = (
                recipe.ljust(others[0]),
                epochs.rjust(others[1]),
                accuracy.rjust(others[2]),
                split.ljust(others[3]),
                seconds.rjust(others[4]),
            )
            lines.append("  ".join([name.ljust(room), *values]).rstrip())
            for remark in summary.remarks(with_source) if summary else ():
                lines += textwrap.wrap(
                    remark, WIDTH, initial_indent="    ", subsequent_indent="    "
                )
        return "\n".join(lines)

    def to_dict(self) -> list[dict[str, Any]]:
        """Give everything as plain values, ready for JSON."""
        return [row.to_dict() for row in self.rows]

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_text())}</pre>"


def list_runs(folder: str | PathLike[str] = "runs", *, sort: SortKey = "started") -> RunTable:
    """List the runs and groups of runs in a folder, unfinished and broken ones too.

    Args:
        folder: what they are in; a group lists its runs, a run itself.
        sort: "started", "name" and "recipe" in rising order, "epochs" and "seconds" too, "accuracy"
            the highest first; what has no such value comes last.

    Raises:
        TenfoldError: where there is no such folder, it cannot be read, or `sort` is none of these.
    """
    if sort not in SORT_KEYS:
        raise TenfoldError(f"--sort: must be one of {', '.join(SORT_KEYS)}. Received: {sort!r}")
    place = Path(fspath(folder))
    try:
        if not place.is_dir():
            raise TenfoldError(f"{place}: is not a folder; name one with runs in it, as runs")
        if is_group(place):
            found = [place / f"seed-{seed}" for seed in GroupFolder.open(place).seeds()]
        elif _holds_run(place):
            found = [place]
        else:
            found = [one for one in sorted(place.iterdir()) if _holds_run(one)]
    except OSError as error:
        raise TenfoldError(f"{place}: cannot be read: {error.strerror}") from None
    return RunTable(tuple(sorted(map(summarise, found), key=lambda row: _sort_value(row, sort))))


def summarise(path: Path) -> RunSummary:
    """Summarise a run or a group; what is wrong with it is its note."""
    try:
        return _summarise_group(path) if is_group(path) else _summarise_run(path)
    except TenfoldError as error:
        return RunSummary(path, "broken", f"broken: {error}")
    except OSError as error:
        return RunSummary(path, "broken", f"broken: {error.strerror or error}")


def _summarise_run(path: Path) -> RunSummary:
    folder = RunFolder.open(path)
    environment, recipe = folder.environment(), folder.recipe()
    has_metrics = (path / "metrics.json").exists()
    summary = RunSummary(
        path=path,
        status="finished" if environment.finished else "unfinished",
        started=environment.started,
        source=environment.source,
        recipe=recipe.name,
        seeds=(recipe.seed,),
        changes=_changes(recipe),
        epochs=recipe.epochs,
    )
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


def _holds_run(path: Path) -> bool:
    """Tell whether a folder is, or was to be, a run or a group; a link to one is not listed."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        names = {one.name for one in path.iterdir()}
    except OSError:
        return False
    begun = {GROUP_FILE, "recipe.toml", "environment.json", "metrics.json"}
    return bool(names & begun) or names == {WRITTEN}  # killed before it wrote anything


def _changes(recipe: Recipe) -> tuple[RecipeDifference, ...]:
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


def _cells(row: RunSummary) -> tuple[str, ...]:
    accuracy: str = "-" if row.status == "finished" else row.status
    if row.accuracy is not None:
        accuracy = percent(row.accuracy)
    if row.accuracy is not None and row.interval is not None:
        form = percent_range if row.runs is None else clipped_range
        accuracy += f" ({form(row.interval)})"
    recipe = terminal(row.recipe or "-")
    return (
        row.name,
        recipe if len(recipe) <= MAX_RECIPE else f"{recipe[: MAX_RECIPE - 1]}~",
        "-" if row.epochs is None else str(row.epochs),
        accuracy,
        row.split or "-",
        "-" if row.seconds is None else f"{row.seconds:.1f}",
    )


def _sort_value(row: RunSummary, sort: SortKey) -> tuple[bool, Any, str]:
    value: Any = row.name if sort == "name" else getattr(row, sort)
    if value is None:
        return True, 0, row.name
    return False, -value if sort == "accuracy" else value, row.name
