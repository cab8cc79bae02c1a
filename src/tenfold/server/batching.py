"""Run together what waits together: inference requests as batches of one model."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from tenfold.model.file import Model, Predictions
from tenfold.server.config import Batching
from tenfold.server.observer import BatchEvent, Observers
from tenfold.server.refusal import Refusal, busy


@dataclass(slots=True)
class _Waiting:
    images: NDArray[np.uint8]
    answer: "asyncio.Future[Predictions]"
    since: float


class Batcher:
    """Predicts the images of many requests with few runs of a model.

    While the model runs, in a thread of its own, requests gather; what is there when it is done
    is its next batch. All but the runs themselves happens in the event loop, so that a request
    costs no change of threads by itself.

    Args:
        name: of the model.
        model: what predicts.
        batching: how many at once, and how long they wait for others.
        observers: are told of each batch.
    """

    def __init__(
        self, name: str, model: Model, batching: Batching, observers: Observers | None = None
    ) -> None:
        self.name, self.model = name, model
        self._batching = batching
        self._observers = Observers() if observers is None else observers
        self._thread = ThreadPoolExecutor(1, f"model-{name}")
        self._waiting: deque[_Waiting] = deque()
        self._is_running = False
        self._timer: asyncio.Handle | None = None
        self.n_waiting = 0  # images

    async def predict(self, images: NDArray[np.uint8]) -> Predictions:
        """Predict images together with those of other requests.

        Args:
            images: uint8 [n, 28, 28].

        Raises:
            Refusal: where too many wait already.
            TenfoldError: where what the model says is no prediction.
        """
        if self.n_waiting and self.n_waiting + len(images) > self._batching.max_queue:
            raise busy("too many images wait to be predicted; try again in a second")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(images, loop.create_future(), perf_counter())
        self._waiting.append(waiting)
        self.n_waiting += len(images)
        if not self._is_running:
            self._schedule(loop)
        return await waiting.answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run a batch soon: at once where it is full, else when it has waited long enough."""
        wait = 0.0 if self.n_waiting >= self._batching.max_batch else self._batching.max_wait
        if self._timer is None:
            # not before every request that has come in is parsed
            self._timer = loop.call_later(wait, self._run) if wait else loop.call_soon(self._run)
        elif not wait:
            self._timer.cancel()
            self._timer = loop.call_soon(self._run)

    def _run(self) -> None:
        self._timer = None
        batch = self._next_batch()
        if self._is_running or not batch:
            return
        self._is_running = True
        images = batch[0].images
        if len(batch) > 1:
            images = np.concatenate([one.images for one in batch])
        run = asyncio.get_running_loop().run_in_executor(self._thread, self.model.predict, images)
        run.add_done_callback(partial(self._answer, batch, images, perf_counter()))

    def _next_batch(self) -> list[_Waiting]:
        """Take what runs together; a request that is larger than a batch runs by itself."""
        batch: list[_Waiting] = []
        left = self._batching.max_batch
        while self._waiting and (not batch or len(self._waiting[0].images) <= left):
            one = self._waiting.popleft()
            self.n_waiting -= len(one.images)
            if not one.answer.done():  # its client is still there
                batch.append(one)
                left -= len(one.images)
        return batch

    def _answer(
        self,
        batch: list[_Waiting],
        images: NDArray[np.uint8],
        started: float,
        run: "asyncio.Future[Predictions]",
    ) -> None:
        ended = perf_counter()
        self._is_running = False
        if self._waiting:
            self._run()
        stopped = Refusal(503, "stopping", "the server is being stopped")
        failure = stopped if run.cancelled() else run.exception()
        if failure is not None:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(failure)
            return
        predictions, start = run.result(), 0
        for one in batch:
            end = start + len(one.images)
            if not one.answer.done():
                one.answer.set_result(_part(predictions, start, end))
            start = end
        if self._observers:
            self._observers.on_batch(
                BatchEvent(
                    self.name,
                    images,
                    predictions.probabilities,
                    predictions.accepted,
                    tuple(started - one.since for one in batch),
                    ended - started,
                )
            )

    def close(self) -> None:
        """End the thread, once it has done what it does."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _part(predictions: Predictions, start: int, end: int) -> Predictions:
    if end - start == len(predictions):
        return predictions
    part = slice(start, end)
    return Predictions(
        predictions.probabilities[part], predictions.labels[part], predictions.accepted[part]
    )
