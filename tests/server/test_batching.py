"""Requests that wait together run together; a full queue refuses."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import tenfold
from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, Predictions, open_model
from tenfold.model.reader import SHIPPED
from tenfold.server.batching import Batcher
from tenfold.server.config import Batching
from tenfold.server.observer import BatchEvent, Observer, Observers
from tenfold.server.refusal import Refusal


class Recorded(Observer):
    """Keeps the batches that it is told of."""

    def __init__(self) -> None:
        self.batches: list[BatchEvent] = []

    def on_batch(self, event: BatchEvent) -> None:
        self.batches.append(event)


class Held(Model):
    """A model that predicts nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(SHIPPED, threads=1)
        self.go = threading.Event()

    def predict(self, images: NDArray[np.uint8], batch_size: int = 512) -> Predictions:
        assert self.go.wait(60)
        return super().predict(images, batch_size)


@pytest.fixture(scope="module")
def images() -> Images:
    return tenfold.load("mnist:test").images[:200]


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(SHIPPED, threads=1)


Make = Callable[..., tuple[Batcher, Recorded]]


@pytest.fixture
def make(model: Model) -> Make:
    def make(model: Model = model, **batching: float) -> tuple[Batcher, Recorded]:
        recorded = Recorded()
        limits = Batching(**batching)  # type: ignore[arg-type]
        return Batcher("digits", model, limits, Observers([recorded])), recorded

    return make


def test_each_request_gets_its_own_predictions(make: Make, model: Model, images: Images) -> None:
    batcher, recorded = make(max_batch=16)
    expected = model.predict(images)
    sizes = [1, 2, 0, 3, 30, 1, 1, 16, 5]

    async def ask() -> list[Predictions]:
        starts = np.cumsum([0, *sizes])
        parts = [images[start : start + size] for start, size in zip(starts, sizes, strict=False)]
        return await asyncio.gather(*(batcher.predict(part) for part in parts))

    answers = asyncio.run(ask())
    joined = np.concatenate([answer.probabilities for answer in answers])
    np.testing.assert_allclose(joined, expected.probabilities[: sum(sizes)], atol=1e-6)
    assert [len(answer) for answer in answers] == sizes
    assert [len(batch.images) for batch in recorded.batches] == [6, 30, 2, 16, 5]
    assert [len(batch.queue_seconds) for batch in recorded.batches] == [4, 1, 2, 1, 1]
    batcher.close()


def test_requests_gather_while_the_model_runs(make: Make, images: Images) -> None:
    held = Held()
    batcher, recorded = make(model=held)

    async def ask() -> None:
        asked = [asyncio.create_task(batcher.predict(images[:1]))]
        await asyncio.sleep(0.01)  # it runs
        asked += [asyncio.create_task(batcher.predict(images[:1])) for _ in range(20)]
        await asyncio.sleep(0)
        assert batcher.n_waiting == 20
        held.go.set()
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert [len(batch.images) for batch in recorded.batches] == [1, 20]
    batcher.close()


def test_a_request_waits_for_others_where_that_is_asked_for(make: Make, images: Images) -> None:
    batcher, recorded = make(max_batch=4, max_wait=0.05)

    async def ask() -> None:
        first = asyncio.create_task(batcher.predict(images[:1]))
        await asyncio.sleep(0.001)
        await asyncio.gather(first, batcher.predict(images[1:2]))
        # a full batch waits no longer
        await asyncio.wait_for(batcher.predict(images[:4]), 60)

    asyncio.run(ask())
    assert [len(batch.images) for batch in recorded.batches] == [2, 4]
    batcher.close()


def test_a_full_queue_refuses_and_goes_on(make: Make, images: Images) -> None:
    held = Held()
    batcher, _ = make(model=held, max_queue=10)

    async def ask() -> None:
        running = asyncio.create_task(batcher.predict(images[:1]))
        await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(batcher.predict(images[:5])) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await batcher.predict(images[:1])
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        held.go.set()
        assert [len(one) for one in await asyncio.gather(running, *waiting)] == [1, 5, 5]
        assert len(await batcher.predict(images[:1])) == 1

    asyncio.run(ask())
    assert batcher.n_waiting == 0
    batcher.close()


def test_who_has_left_is_not_predicted(make: Make, images: Images) -> None:
    held = Held()
    batcher, recorded = make(model=held)

    async def ask() -> None:
        running = asyncio.create_task(batcher.predict(images[:1]))
        await asyncio.sleep(0.01)
        left, stays = (asyncio.create_task(batcher.predict(images[:3])) for _ in range(2))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        held.go.set()
        await asyncio.gather(running, stays)

    asyncio.run(ask())
    assert [len(batch.images) for batch in recorded.batches] == [1, 3]
    batcher.close()


def test_an_error_of_the_model_is_that_of_each_request(
    make: Make, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    batcher, recorded = make()

    def fail(images: Images, batch_size: int = 512) -> Predictions:
        raise TenfoldError("model: is not a model that Tenfold wrote")

    monkeypatch.setattr(batcher.model, "predict", fail)

    async def ask() -> None:
        asked = (batcher.predict(images[:1]) for _ in range(3))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, TenfoldError) for answer in answers)

    asyncio.run(ask())
    assert not recorded.batches
    batcher.close()
