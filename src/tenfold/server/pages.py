"""Find the digits of requests in a few child processes, which are killed where one takes long."""

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, get_cancelled_exc_class, to_thread

from tenfold.child import SECONDS, Child

T = TypeVar("T")

MAX_WAITING = 64  # requests; one more is refused
WAIT_SECONDS = 10.0


class Busy(Exception):
    """Every process is busy, and too many requests wait already."""


class PagePool:
    """Child processes, each of which reads one page at a time.

    Args:
        count: how many.
        max_waiting: how many requests may wait for one of them.
        wait_seconds: for how long.
        seconds: how long reading a page may take of the processor.
    """

    def __init__(
        self,
        count: int,
        max_waiting: int = MAX_WAITING,
        wait_seconds: float = WAIT_SECONDS,
        seconds: float = SECONDS,
    ) -> None:
        self._count, self._seconds = count, seconds
        self._max_waiting, self._wait_seconds = max_waiting, wait_seconds
        self._limiter: CapacityLimiter | None = None
        self._children = {Child(seconds) for _ in range(count)}
        self._idle = list(self._children)
        for child in self._children:
            child.start()

    async def run(self, call: Callable[[Child], T]) -> T:
        """Run a call with a process that is idle, as soon as there is one.

        Where the caller is cancelled, the process is killed: nobody waits for it any more.

        Raises:
            Busy: where none becomes idle in time, or too many wait.
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
            return await to_thread.run_sync(_call, call, child, abandon_on_cancel=True)
        except get_cancelled_exc_class():
            child.kill()
            self._children.remove(child)
            child = Child(self._seconds)
            child.start()
            self._children.add(child)
            raise
        finally:
            self._idle.append(child)
            limiter.release_on_behalf_of(holder)

    def close(self) -> None:
        """End every process; calls that are under way fail."""
        for child in self._children:
            child.kill()
        for child in self._children:
            child.close()


def _call(call: Callable[[Child], T], child: Child) -> T:
    try:
        return call(child)
    finally:
        child.start()  # where it was killed, so that the next call need not wait for it
