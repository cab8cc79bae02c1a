"""How a sweep goes: trials, the best so far, and the time that is left."""

import sys
import time

from tenfold.evaluation.scores import percent
from tenfold.run.sweep_records import TrialRecord

INTERVAL = 30.0  # seconds between lines, where stderr is no terminal


class Progress:
    """Tells on stderr how a sweep goes: one line that changes in a terminal, or one now and then.

    Args:
        total: how many trials there are to be; None where only the time says.
        seconds_left: of the time budget; None without one.
        show: whether to tell anything.
    """

    def __init__(self, total: int | None, seconds_left: float | None, show: bool) -> None:
        self._total, self._budget, self._show = total, seconds_left, show
        self._live = sys.stderr.isatty()
        self._began = time.monotonic()
        self._told = float("-inf")
        self._ended = self._stopped = self._failed = self._before = 0
        self._best: TrialRecord | None = None

    def begin(self, trials: list[TrialRecord], best: TrialRecord | None) -> None:
        """Take note of what was there before."""
        self._before = len(trials)
        self.update(trials, best)

    def update(self, trials: list[TrialRecord], best: TrialRecord | None) -> None:
        """Take note of all trials that have ended."""
        states = [one.state for one in trials]
        self._ended, self._stopped = len(states), states.count("stopped")
        self._failed = states.count("failed")
        is_new, self._best = best is not None and best != self._best, best
        if self._live:
            self._print(f"\r{self}\x1b[K", end="")
        elif (is_new or time.monotonic() - self._told > INTERVAL) and self._ended > self._before:
            self._print(str(self))
            self._told = time.monotonic()

    def tell(self, line: str) -> None:
        """Tell what comes next."""
        self._print(f"\r\x1b[K{line}" if self._live else line)

    def end(self) -> None:
        """Tell how the search ended."""
        if self._live:
            self._print("")

    def _print(self, line: str, end: str = "\n") -> None:
        if self._show:
            print(line, end=end, file=sys.stderr, flush=True)

    def __str__(self) -> str:
        of = f" of {self._total:,}" if self._total is not None else ""
        plural = "s" * ((self._total or self._ended) != 1)
        line = f"{self._ended:,}{of} trial{plural}, {self._stopped:,} stopped early"
        line += f", {self._failed:,} failed" * bool(self._failed)
        if self._best is not None and self._best.accuracy is not None:
            line += f", best {percent(self._best.accuracy)} (trial {self._best.number})"
        left = self._seconds_left()
        return line if left is None else f"{line}, {_clock(left)} left"

    def _seconds_left(self) -> float | None:
        passed, done = time.monotonic() - self._began, self._ended - self._before
        left = []
        if self._budget is not None:
            left.append(max(self._budget - passed, 0.0))
        if self._total is not None and done:
            left.append((self._total - self._ended) * passed / done)
        return min(left) if left and (self._total is None or self._ended < self._total) else None


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
