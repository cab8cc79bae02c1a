"""Write a sweep as one HTML page: its trials, what matters, and what of the gain was luck."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tenfold.data.atomic import atomic_write
from tenfold.evaluation.fresh_seeds import FreshSeeds, points
from tenfold.evaluation.scores import percent
from tenfold.report import sweep_plots as plots
from tenfold.report.formatting import duration, percent_range, plural
from tenfold.report.render import render
from tenfold.report.sections import Card
from tenfold.report.theme import to_svg
from tenfold.run.space import shown_value, values_of
from tenfold.run.sweep_records import SweepRecord, TrialRecord

MAX_ROWS = 300  # trials in the table
FEW_TRIALS = 10  # for each key: with fewer, importances are said to be rough


@dataclass(frozen=True)
class SweepPage:
    """What a page shows.

    Args:
        record: what was searched.
        trials: those that ended.
        best: the best of them.
        fresh: the best and the base recipe with fresh seeds, or None.
        seconds: of the search.
        importances: of each key its importance and the ends of its range, 0-1; or nothing.
    """

    record: SweepRecord
    trials: tuple[TrialRecord, ...]
    best: TrialRecord
    fresh: FreshSeeds | None
    seconds: float
    importances: Mapping[str, tuple[float, float, float]]

    @property
    def counts(self) -> dict[str, int]:
        """How many trials ended in which way."""
        states = [one.state for one in self.trials]
        return {state: states.count(state) for state in ("finished", "stopped", "failed")}

    @property
    def rough(self) -> bool:
        """Whether there are too few trials to rest on the importances."""
        ended = len(self.trials) - self.counts["failed"]
        return ended < FEW_TRIALS * len(self.record.ranges)


@dataclass(frozen=True)
class Row:
    """A trial in the table."""

    number: int
    accuracy: str
    interval: str
    state: str
    note: str
    values: tuple[str, ...]
    seconds: str
    is_best: bool


def write_sweep(page: SweepPage, path: Path) -> None:
    """Write the page.

    Args:
        page: what it shows.
        path: the HTML file to write.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    record, fresh = page.record, page.fresh
    keys = [one.key for one in record.ranges]
    own = values_of(record.base, record.ranges) or {}
    charts = {
        "curve": (plots.best_so_far(page.trials), "The accuracy of each trial and the best so far"),
        "lines": (
            plots.parallel_coordinates(record.ranges, page.trials, page.best.number),
            "The values of each trial as a line through all keys, and its accuracy",
        ),
    }
    if fresh is not None and fresh.means:
        charts["luck"] = (plots.luck(fresh), "Winner and base recipe, searched and on fresh seeds")
    if page.importances:
        charts["importance"] = (
            plots.importance_bars(page.importances),
            "The importance of each key, with its range",
        )
    rows = _rows(page)
    context = {
        "page": page,
        "record": record,
        "base": record.base,
        "fresh": fresh,
        "title": fresh.verdict if fresh else f"{percent(_accuracy(page.best))} so far",
        "reason": fresh.reason
        if fresh
        else "Not yet trained again with fresh seeds: the best of "
        "many trials is also the luckiest of them.",
        "cards": _cards(page),
        "charts": {
            name: Markup(to_svg(chart, name, label)) for name, (chart, label) in charts.items()
        },
        "keys": keys,
        "rows": rows[:MAX_ROWS],
        "hidden": max(0, len(rows) - MAX_ROWS),
        "winner": [
            (
                one.key,
                one.text,
                shown_value(own.get(one.key)),
                shown_value(page.best.values[one.key]),
            )
            for one in record.ranges
        ],
        "seconds": duration(page.seconds),
    }
    content = render("sweep.html.jinja", context)
    with atomic_write(path) as file:
        file.write(content)


def _cards(page: SweepPage) -> list[Card]:
    best, fresh = page.best, page.fresh
    assert best.interval is not None
    cards = [
        Card(
            percent(_accuracy(best)),
            f"trial {best.number}, the best in the search",
            percent_range(best.interval),
        )
    ]
    if fresh is None or fresh.means is None or fresh.gain is None:
        return cards
    for name, side in zip(("winner", "base recipe"), fresh.means, strict=True):
        spread = "" if side.sd is None else f"sd {side.sd * 100:.2f}, "
        cards.append(
            Card(percent(side.mean), f"{name}, fresh seeds", f"{spread}{plural(side.n, 'seed')}")
        )
    interval = ""
    if fresh.welch is not None:
        low, high = fresh.welch.interval
        interval = _minus(f"{points(low)} to {points(high)}")
    cards.append(Card(_minus(points(fresh.gain)), "points, winner minus base", interval))
    if fresh.luck is not None and fresh.gain_searched is not None:
        searched = f"of {points(fresh.gain_searched)} in the search"
        cards.append(Card(_minus(points(max(fresh.luck, 0.0), False)), "points of luck", searched))
    return cards


def _rows(page: SweepPage) -> list[Row]:
    """Give the trials, the best first; those that were stopped by how far they came."""
    order = sorted(page.trials, key=lambda one: (-one.progress, -(one.accuracy or 0.0), one.number))
    states = {"finished": "finished", "stopped": "stopped early", "failed": "failed"}
    return [
        Row(
            number=one.number,
            accuracy="" if one.accuracy is None else percent(one.accuracy),
            interval="" if one.interval is None else percent_range(one.interval),
            state=states[one.state],
            note=one.reason,
            values=tuple(shown_value(one.values[key.key]) for key in page.record.ranges),
            seconds=f"{one.seconds:.1f}",
            is_best=one.number == page.best.number,
        )
        for one in sorted(order, key=lambda one: one.state == "failed")
    ]


def _accuracy(trial: TrialRecord) -> float:
    assert trial.accuracy is not None
    return trial.accuracy


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
