"""Read pages in a few child processes, which are killed where one takes long."""

import os
from contextlib import suppress
from threading import Thread
from typing import Any

import anyio
from anyio import CapacityLimiter, get_cancelled_exc_class, to_thread

from tenfold.child import Child
from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.server.reading import Task, read

MEMORY_BYTES = 2 << 30  # of a process: a large image, and the model
MAX_WAITING = 64  # requests; one more is refused
WAIT_SECONDS = 10.0


class Busy(Exception):
    """Every process is busy, and too many requests wait already."""


class PagePool:
    """Child processes, each of which reads one page at a time.

    Args:
        reader: reads as this one does.
        count: how many processes.
        max_waiting: how many requests may wait for one of them.
        wait_seconds: for how long.
    """

    def __init__(
        self,
        reader: Reader,
        count: int,
        max_waiting: int = MAX_WAITING,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._model = os.path.abspath(reader.model.name)
        self._min_confidence = reader.min_confidence
        self._count, self._max_waiting, self._wait_seconds = count, max_waiting, wait_seconds
        self._limiter: CapacityLimiter | None = None
        self._children = {self._new_child() for _ in range(count)}
        self._idle = list(self._children)

    def task(self, **what: Any) -> Task:
        """Make a task of what is to be read."""
        return Task(self._model, self._min_confidence, **what)

    async def read(self, task: Task) -> bytes:
        """Read with a process that is idle, as soon as there is one; return JSON.

        Where the caller is cancelled, the process is killed: nobody waits for it any more.

        Raises:
            Busy: where none becomes idle in time, or too many wait.
            TenfoldError: where it cannot be read, or takes too long, or too much memory.
        """
        if self._limiter is None:  # it belongs to the event loop
            self._limiter = CapacityLimiter(self._count)
        limiter, holder = self._limiter, object()
        if not self._idle and limiter.statistics().tasks_waiting >= self._max_waiting:
            raise Busy
        try:
            with anyio.fail_after(self._wait_seconds):
                await limiter.acquire_on_behalf_of(holder)
        except TimeoutError:
            raise Busy from None
        child = self._idle.pop()
        try:
            return await to_thread.run_sync(_read, child, task, abandon_on_cancel=True)
        except get_cancelled_exc_class():
            child.kill()
            self._children.remove(child)
            child = self._new_child()
            self._children.add(child)
            raise
        finally:
            self._idle.append(child)
            limiter.release_on_behalf_of(holder)

    def _new_child(self) -> Child:
        """Start a process; it loads the model meanwhile."""
        child = Child(memory_bytes=MEMORY_BYTES)
        child.start()
        Thread(target=_warm_up, args=(child, self.task()), daemon=True).start()
        return child

    def close(self) -> None:
        """End every process; calls that are under way fail."""
        for child in self._children:
            child.kill()
        for child in self._children:
            child.close()


def _read(child: Child, task: Task) -> bytes:
    try:
        return read(child, task)
    finally:
        child.start()  # where it was killed, so that the next call need not wait for it


def _warm_up(child: Child, task: Task) -> None:
    with suppress(TenfoldError):  # it was killed meanwhile
        read(child, task)
