"""The runs in a folder as a table: what each was made with, and how it did."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, get_args

from tenfold.data.atomic import WRITTEN
from tenfold.data.escape import terminal
from tenfold.errors import TenfoldError
from tenfold.evaluation.scores import clipped_range, percent, percent_range
from tenfold.run.folder import GROUP_FILE, SWEEP_FILE
from tenfold.run.group import GroupFolder, is_group
from tenfold.run.sweep_folder import SweepFolder, is_sweep
from tenfold.workflow.runs.summary import RunSummary, summarise

SortKey = Literal["started", "name", "recipe", "epochs", "accuracy", "seconds"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
WIDTH = 80  # columns of a terminal
MAX_RECIPE = 12  # characters of a recipe's name that are shown
HEADER = ("run", "recipe", "epochs", "accuracy (95 % interval)", "on", "seconds")


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
        if is_sweep(place):
            sweep = SweepFolder.open(place)
            found = [sweep.trial(number).path for number in sweep.begun()]
        elif is_group(place):
            found = [place / f"seed-{seed}" for seed in GroupFolder.open(place).seeds()]
        elif _holds_run(place):
            found = [place]
        else:
            found = [one for one in sorted(place.iterdir()) if _holds_run(one)]
    except OSError as error:
        raise TenfoldError(f"{place}: cannot be read: {error.strerror}") from None
    return RunTable(tuple(sorted(map(summarise, found), key=lambda row: _sort_value(row, sort))))


def _holds_run(path: Path) -> bool:
    """Tell whether a folder is, or was to be, a run or a group; a link to one is not listed."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        names = {one.name for one in path.iterdir()}
    except OSError:
        return False
    begun = {GROUP_FILE, SWEEP_FILE, "recipe.toml", "environment.json", "metrics.json"}
    return bool(names & begun) or names == {WRITTEN}  # killed before it wrote anything


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
