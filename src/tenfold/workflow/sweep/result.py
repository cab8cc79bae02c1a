"""What a sweep came to, as Python, Jupyter and the terminal see it."""

from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from tenfold.evaluation.fresh_seeds import FreshSeeds
from tenfold.evaluation.scores import describe
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.run.space import shown_value, values_of
from tenfold.run.sweep_folder import SweepFolder
from tenfold.run.sweep_records import SweepRecord, TrialRecord


@dataclass(frozen=True)
class Sweep:
    """A sweep: its trials, the best of them, and what fresh seeds say of it.

    Args:
        path: its folder.
        record: what was searched.
        trials: those that ended, in the order of their numbers.
        best: the best of them.
        fresh: the best and the base recipe with fresh seeds; None where that was not asked for.
        seconds: of the search, over all commands.
        under_way: how many trials were begun and have not ended.
    """

    path: Path
    record: SweepRecord
    trials: tuple[TrialRecord, ...]
    best: TrialRecord
    fresh: FreshSeeds | None
    seconds: float
    under_way: int = 0

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the best trial, as `best.toml` has it."""
        return load_recipe(SweepFolder(self.path).best_recipe)

    @property
    def recommended(self) -> Recipe:
        """The recipe to take: the best trial's where fresh seeds show that it is better."""
        return self.recipe if self.fresh is not None and self.fresh.better else self.record.base

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return {
            "sweep": str(self.path),
            "best": self.best.number,
            "best_recipe": str(SweepFolder(self.path).best_recipe),
            "seconds": round(self.seconds, 1),
            "under_way": self.under_way,
            "folds": self.record.folds,
            "split": self.record.split,
            "fresh_seeds": self.fresh.to_dict() if self.fresh else None,
            "trials": msgspec.to_builtins(self.trials),
        }

    def __str__(self) -> str:
        sweep, best, base = SweepFolder(self.path), self.best, self.record.base
        states = Counter(one.state for one in self.trials)
        counts = f"{states['finished']:,} finished, {states['stopped']:,} stopped early"
        counts += f", {states['failed']:,} failed" * bool(states["failed"])
        plural = "s" * (len(self.trials) != 1)
        lines = [f"{len(self.trials):,} trial{plural} in {self.seconds:.0f} s: {counts}"]
        if self.under_way:
            lines.append(
                f"{self.under_way:,} under way when the time was over; the same command with a "
                "larger --time-budget goes on with them"
            )
        assert best.accuracy is not None
        assert best.interval is not None
        scored = describe(best.accuracy, best.interval, best.n)
        lines.append(f"best: trial {best.number}, {scored}, out of {self.record.folding}")
        own = values_of(base, self.record.ranges) or {}
        width = max(map(len, best.values))
        lines += [
            f"  {key:<{width}}  {shown_value(value)}  ({base.name}: {shown_value(own.get(key))})"
            for key, value in best.values.items()
        ]
        if self.fresh is not None:
            lines += [f"{self.fresh.verdict}.", self.fresh.reason]
        lines.append(self._recommendation(sweep))
        lines.append(f"page: {sweep.page}")
        return "\n".join(lines)

    def _recommendation(self, sweep: SweepFolder) -> str:
        base = self.record.base.name
        if self.fresh is None:
            return (
                f"best so far: {sweep.best_recipe} (the luckiest of many trials; --fresh-seeds "
                "says how much of it was luck)"
            )
        if self.fresh.better:
            return f"recommended: {sweep.best_recipe}"
        return f"recommended: the base recipe, {base}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
