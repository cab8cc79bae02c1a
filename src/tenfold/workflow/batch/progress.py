"""How a job goes: images, failures, images a second and the time that is left."""

import sys
import time
from collections.abc import Iterable

from tenfold.data.escape import terminal
from tenfold.workflow.batch.job import Done
from tenfold.workflow.batch.shards import Purpose, Shard

INTERVAL = 30.0  # seconds between lines, where stderr is no terminal


class Progress:
    """Tells on stderr how a job goes: one line that changes in a terminal, or one now and then.

    Args:
        shards: all of the job.
        done: the markers of those that are done already.
        show: whether to tell anything.
        purpose: of the job.
    """

    def __init__(
        self, shards: list[Shard], done: Iterable[Done], show: bool, purpose: Purpose
    ) -> None:
        before = list(done)
        numbers = {one.number for one in before}
        self._total = sum(shard.images for shard in shards)
        # what a tar or a PDF has is known only once it was read: what is left, by what was expected
        self._left = sum(shard.images for shard in shards if shard.number not in numbers)
        self._images = self._before = sum(one.images + one.failures for one in before)
        self._failures = sum(one.failures for one in before)
        self._expected = 0
        self._unit = "images" if purpose == "predict" else "pictures"
        self._show, self._live = show, sys.stderr.isatty()
        self._began = self._told = time.monotonic()

    def add(self, shard: Shard, done: Done) -> None:
        """Take note of a shard that is done."""
        self._images += done.images + done.failures
        self._failures += done.failures
        self._left -= shard.images
        self._expected += shard.images
        if self._live:
            self._print(f"\r{self}\x1b[K", end="")
        elif time.monotonic() - self._told > INTERVAL:
            self._print(str(self))
            self._told = time.monotonic()

    def error(self, message: str) -> None:
        """Tell of what could not be had."""
        start = "\r\x1b[K" if self._live else ""
        self._print(f"{start}tenfold: {' '.join(map(terminal, message.splitlines()))}")

    def end(self) -> None:
        """Tell how it ended."""
        self._print(f"\r{self}\x1b[K" if self._live else str(self))

    def _print(self, line: str, end: str = "\n") -> None:
        if self._show:
            print(line, end=end, file=sys.stderr, flush=True)

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = (self._images - self._before) / seconds
        left = self._left * seconds / self._expected if self._expected else 0
        total = f" of about {self._images + self._left:,}" if self._left else ""
        line = f"{self._images:,}{total} {self._unit}, {self._failures:,} failures"
        if self._before:
            line += f", {self._before:,} of them before"
        if self._expected:
            line += f", {rate:,.0f}/s" if rate >= 10 else f", {rate:.2f}/s"
        return f"{line}, {_clock(left)} left" if self._left and self._expected else line


def image_count(count: int) -> str:
    """Say how many images, as "1 image" or "4,096 images"."""
    return f"{count:,} image{'s' * (count != 1)}"


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
