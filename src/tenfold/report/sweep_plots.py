"""The charts of a sweep: the best so far, what luck was, which key matters, what was tried."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from tenfold.evaluation.fresh_seeds import FreshSeeds
from tenfold.evaluation.seeds import mean
from tenfold.report.plots import PANEL_WIDTH, set_log_scale
from tenfold.report.theme import FAINT, FIRST, GRID, INK, PAPER, SECOND, Chart, new_figure, style
from tenfold.run.space import SearchRange, Space, Value, shown_value
from tenfold.run.sweep_records import TrialRecord

SMALLEST_ERROR = 1e-4  # has a place on a logarithmic scale; an accuracy of 1 has none
ROW_HEIGHT = 78  # pixels, of a key among the parallel coordinates
MAX_TICK = 14  # characters of a choice that are shown


@style()
def best_so_far(trials: Sequence[TrialRecord]) -> Chart:
    """Draw the accuracy of each trial in the order of their numbers, and the best until then.

    Args:
        trials: one that finished or more.
    """
    figure = new_figure(PANEL_WIDTH, 340)
    axes = figure.subplots()
    kinds = (("finished", "o", FIRST, 6.0), ("stopped", "x", FAINT, 5.0))
    for state, marker, colour, size in kinds:
        ended = [one for one in trials if one.state == state]
        if ended:
            axes.plot(
                [one.number for one in ended],
                [_error(one) for one in ended],
                marker,
                color=colour,
                markersize=size,
                markeredgewidth=1.4,
                label="stopped early" if state == "stopped" else state,
                zorder=3,
            )
    finished = sorted((one for one in trials if one.state == "finished"), key=_number)
    lowest = np.minimum.accumulate([_error(one) for one in finished])
    last = max(one.number for one in trials)
    places = [*(one.number for one in finished), last]
    axes.step(places, [*lowest, lowest[-1]], where="post", color=SECOND, label="best so far")
    set_log_scale(axes, np.array([_error(one) for one in trials if one.state != "failed"]), True)
    failed = [one.number for one in trials if one.state == "failed"]
    if failed:
        low = axes.get_ylim()[0]
        axes.plot(failed, [low] * len(failed), "|", color=INK, markersize=9, label="failed")
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(-0.5, last + 0.5)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, handlelength=1.4)
    return figure


@style()
def luck(fresh: FreshSeeds) -> Chart:
    """Draw the winner and the base recipe in the search and with fresh seeds.

    Args:
        fresh: with one run of each or more.
    """
    rows = [
        ("winner, in the search", (fresh.searched,), SECOND, False),
        ("winner, fresh seeds", fresh.winner, SECOND, True),
        ("base, in the search", (fresh.base_searched,), FIRST, False),
        ("base, fresh seeds", fresh.base, FIRST, True),
    ]
    figure = new_figure(PANEL_WIDTH, 250)
    axes = figure.subplots()
    for place, (_, values, colour, is_fresh) in enumerate(rows):
        found = [value for value in values if value is not None]
        if not found:
            continue
        face = colour if not is_fresh else "none"
        axes.plot(found, [place] * len(found), "o", color=colour, markerfacecolor=face, zorder=3)
        middle = mean(found)
        if is_fresh:
            axes.plot([middle.mean] * 2, [place - 0.28, place + 0.28], color=colour, linewidth=2.4)
    everything = [value for _, values, _, _ in rows for value in values if value is not None]
    low, high = min(everything), max(everything)
    edge = max(0.12 * (high - low), 2e-4)
    axes.set_xlim(low - edge, min(high + edge, 1 + edge / 4))
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    decimals = 2 if high - low < 0.01 else 1
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals, symbol=" %"))
    axes.set_xlabel("accuracy out of fold")
    return figure


@style()
def importance_bars(shares: Mapping[str, tuple[float, float, float]]) -> Chart:
    """Draw the importance of each key, and how far it changes where trials are drawn anew.

    Args:
        shares: of each key its importance and the two ends, 0-1, in any order.
    """
    keys = sorted(shares, key=lambda key: -shares[key][0])
    figure = new_figure(PANEL_WIDTH, 84 + 46 * len(keys))
    axes = figure.subplots()
    for place, key in enumerate(keys):
        share, low, high = shares[key]
        axes.barh(place, share, height=0.34, color=FIRST)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.6, zorder=3)
        axes.plot([low, high], [place, place], "|", color=INK, markersize=8, zorder=3)
        axes.annotate(
            key, (0, place), (0, 9), textcoords="offset points", va="bottom", in_layout=False
        )
    axes.set_ylim(len(keys) - 0.5, -0.85)
    axes.set_xlim(0, min(1.02, max(high for _, _, high in shares.values()) * 1.08))
    axes.yaxis.set_major_locator(NullLocator())
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0, symbol=" %"))
    axes.set_xlabel("share of the variance of the trials' ranks")
    return figure


@style()
def parallel_coordinates(space: Space, trials: Sequence[TrialRecord], best: int) -> Chart:
    """Draw each trial as a line through its values, a key a row, its accuracy at the foot.

    Args:
        space: what was searched.
        trials: those that ended; failed ones are left out.
        best: the number of the trial to draw in another colour.
    """
    shown = [one for one in trials if one.state != "failed"]
    figure = new_figure(PANEL_WIDTH, 30 + ROW_HEIGHT * (len(space) + 1))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(space) + 0.34, -0.5)
    for row, one in enumerate(space):
        _ruler(axes, row, one.key, [(_place(one, value), text) for value, text in _ticks(one)])
    errors = np.array([_error(one) for one in shown])
    low, high = math.log(errors.min() / 1.1), math.log(errors.max() * 1.1)

    def at(error: float) -> float:
        return (high - math.log(error)) / (high - low)

    marks = [(at(error), f"{100 - 100 * error:g} %") for error in _nice(errors.min(), errors.max())]
    _ruler(axes, len(space), "accuracy", marks)
    finished = [one for one in shown if one.state == "finished"]
    rank = {one.number: place for place, one in enumerate(sorted(finished, key=_error))}
    for trial in sorted(shown, key=lambda one: (one.state == "finished", one.number == best)):
        places = [_place(one, trial.values[one.key]) for one in space]
        is_best, is_whole = trial.number == best, trial.state == "finished"
        strength = 1.0 - 0.65 * rank.get(trial.number, 0) / max(len(finished) - 1, 1)
        axes.plot(
            [*places, at(_error(trial))],
            range(len(space) + 1),
            color=SECOND if is_best else FIRST if is_whole else FAINT,
            alpha=1.0 if is_best else strength if is_whole else 0.4,
            linewidth=2.6 if is_best else 1.5 if is_whole else 0.9,
            marker="o" if is_best else None,
            markersize=5,
            zorder=4 if is_best else 3 if is_whole else 2,
        )
    return figure


def _ruler(axes: Axes, row: int, name: str, marks: Sequence[tuple[float, str]]) -> None:
    axes.plot([0, 1], [row, row], color=GRID, linewidth=1.2, zorder=1)
    # lines cross the text: it stands on the paper
    halo = {"boxstyle": "square,pad=0.18", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.82}
    axes.annotate(
        name,
        (0, row),
        (0, 8),
        textcoords="offset points",
        va="bottom",
        weight="bold",
        bbox=halo,
        zorder=5,
    )
    for place, text in marks:
        axes.plot([place, place], [row - 0.05, row + 0.05], color=FAINT, linewidth=1.0, zorder=1)
        axes.annotate(
            text,
            (place, row),
            (0, -8),
            textcoords="offset points",
            va="top",
            bbox=halo,
            zorder=5,
            ha="left" if place < 0.04 else "right" if place > 0.96 else "center",
            color=FAINT,
            fontsize=8.4,
        )


def _ticks(one: SearchRange) -> list[tuple[Value, str]]:
    if one.kind == "choice":
        return [(value, _short(shown_value(value))) for value in one.choices]
    low, high = one.extremes()
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    middle = math.sqrt(low * high) if one.log else (low + high) / 2
    inner = round(middle) if one.kind == "int" else float(f"{middle:.1g}" if one.log else middle)
    values: list[Value] = [low, high] if inner in (low, high) else [low, inner, high]
    return [(value, f"{value:g}") for value in values]


def _place(one: SearchRange, value: Value) -> float:
    """Return where a value is in its range, 0-1."""
    if one.kind == "choice":
        same = [type(choice) is type(value) and choice == value for choice in one.choices]
        return same.index(True) / (len(one.choices) - 1)
    assert not isinstance(value, str)
    if one.log:
        return math.log(value / one.low) / math.log(one.high / one.low)
    return (value - one.low) / (one.high - one.low)


def _nice(low: float, high: float) -> list[float]:
    """List round errors within a range, the ends where there are none."""
    steps = [step * 10.0**power for power in range(-5, 0) for step in (1, 2, 5)]
    found = [step for step in steps if low <= step <= high]
    return found[:: max(1, len(found) // 4)] or [low]


def _error(trial: TrialRecord) -> float:
    assert trial.accuracy is not None
    return max(1 - trial.accuracy, SMALLEST_ERROR)


def _number(trial: TrialRecord) -> int:
    return trial.number


def _short(text: str) -> str:
    return text if len(text) <= MAX_TICK else f"{text[: MAX_TICK - 1]}…"
