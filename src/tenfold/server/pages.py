"""Read pages in a few child processes, which are killed where one takes long."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from anyio import to_thread

from tenfold.child import Child
from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.server.observer import Observers, ReadingEvent
from tenfold.server.reading import Answer, Task, count_pages, read
from tenfold.server.refusal import Refusal, busy

MEMORY_BYTES = 2 << 30  # of a process: a large image, and the model
T = TypeVar("T")


class PagePool:
    """Child processes, each of which reads one page at a time.

    Args:
        models: model files by their names, of which each process loads the first one at once; one
            whose file has changed meanwhile is refused.
        count: how many processes.
        min_confidence: as `Reader` takes it.
        max_waiting: how many requests may wait for one of them.
        wait_seconds: for how long.
        observers: are told of each reading.
    """

    def __init__(
        self,
        models: dict[str, Model],
        count: int,
        min_confidence: float = 0.0,
        max_waiting: int = 64,
        wait_seconds: float = 10.0,
        observers: Observers | None = None,
    ) -> None:
        self._models = {
            name: (os.path.abspath(model.name), hashlib.sha256(model.content).hexdigest())
            for name, model in models.items()
        }
        self.count = count
        self._min_confidence = min_confidence
        self._max_waiting, self._wait_seconds = max_waiting, wait_seconds
        self.observers = Observers() if observers is None else observers
        self._ending: set[Thread] = set()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._children = {self._new_child() for _ in range(count)}
        self._idle = list(self._children)

    @property
    def n_waiting(self) -> int:
        """How many requests wait for a process."""
        return len(self._waiting)

    def task(self, model: str, **what: Any) -> Task:
        """Make a task of what is to be read with a model."""
        return Task(*self._models[model], self._min_confidence, **what)

    async def read(self, task: Task, model: str, is_admitted: bool = False) -> Answer:
        """Read with a process that is idle, as soon as there is one.

        Where the caller is cancelled, the process is killed: nobody waits for it any more.

        Args:
            task: what is to be read.
            model: its name, for the observers.
            is_admitted: whether `admit` has taken its request in, so that it waits as long as it
                takes.

        Raises:
            Refusal: where none becomes idle in time, or too many wait.
            TenfoldError: where it cannot be read, or takes too long, or too much memory.
        """
        asked = perf_counter()
        child = await self._take(is_admitted)
        started = perf_counter()
        answer, failure = Answer(b""), None
        try:
            answer = await self._run(child, partial(read, task=task))
        except TenfoldError as error:
            failure = str(error)
            raise
        finally:
            if self.observers:
                event = _event(task, model, answer, failure, started - asked, started)
                self.observers.on_reading(event)
        return answer

    def admit(self) -> None:
        """Raise Refusal where too many requests wait already."""
        if not self._idle and len(self._waiting) >= self._max_waiting:
            raise _too_many()

    async def count_pages(self, content: bytes, name: str) -> int:
        """Count the pages of a PDF, likewise."""
        return await self.call(partial(count_pages, content=content, name=name))

    async def call(self, function: Callable[[Child], T]) -> T:
        """Call a function with a process that is idle, likewise; observers are not told."""
        return await self._run(await self._take(False), function)

    async def _take(self, is_admitted: bool) -> Child:
        """Wait until a process is idle, first come, first served."""
        if self._idle and not self._waiting:
            return self._idle.pop()
        if not is_admitted:
            self.admit()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Child] = loop.create_future()
        self._waiting.append(turn)
        timer = None if is_admitted else loop.call_later(self._wait_seconds, _expire, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give(turn.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()
            with suppress(ValueError):
                self._waiting.remove(turn)

    def _give(self, child: Child) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(child)
                return
        self._idle.append(child)

    async def _run(self, child: Child, call: Callable[[Child], T]) -> T:
        try:
            return await to_thread.run_sync(_call, child, call, abandon_on_cancel=True)
        except asyncio.CancelledError:
            child.kill()
            self._children.remove(child)
            self._discard(child)
            child = self._new_child()
            self._children.add(child)
            raise
        finally:
            self._give(child)

    def _new_child(self) -> Child:
        """Start a process; it loads the first model meanwhile."""
        child = Child(memory_bytes=MEMORY_BYTES)
        child.start()
        warm_up = self.task(next(iter(self._models)))
        Thread(target=_warm_up, args=(child, warm_up), daemon=True).start()
        return child

    def _discard(self, child: Child) -> None:
        """Wait elsewhere until a process that was killed is gone."""
        self._ending = {thread for thread in self._ending if thread.is_alive()}
        thread = Thread(target=child.close)
        thread.start()
        self._ending.add(thread)

    def close(self) -> None:
        """End every process; calls that are under way fail."""
        for child in self._children:
            child.kill()
        for child in self._children:
            child.close()
        for thread in self._ending:
            thread.join()


def _call(child: Child, call: Callable[[Child], T]) -> T:
    try:
        return call(child)
    finally:
        child.start()  # where it was killed, so that the next call need not wait for it


def _warm_up(child: Child, task: Task) -> None:
    with suppress(TenfoldError):  # it was killed meanwhile
        read(child, task)


def _expire(turn: "asyncio.Future[Child]") -> None:
    if not turn.done():
        turn.set_exception(_too_many())


def _too_many() -> Refusal:
    return busy("too many requests wait to be read; try again in a few seconds", 5)


def _event(
    task: Task,
    model: str,
    answer: Answer,
    failure: str | None,
    queue_seconds: float,
    started: float,
) -> ReadingEvent:
    return ReadingEvent(
        task.kind,
        model,
        np.frombuffer(answer.images, np.uint8).reshape(-1, SIDE, SIDE),
        np.array(answer.probabilities, np.float32),
        np.array(answer.accepted, np.bool_),
        queue_seconds,
        perf_counter() - started,
        answer.model_seconds,
        failure,
    )
