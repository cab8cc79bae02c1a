"""What observers are told: each request, each batch, each reading, and each refusal."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

import tenfold
from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED
from tenfold.server.app import create_app
from tenfold.server.config import ServerConfig
from tenfold.server.observer import BatchEvent, Observer, ReadingEvent, RequestEvent
from tenfold.server.service import Service

SEVEN = [[[10, 12], [60, 10], [34, 80]]]


class Recorded(Observer):
    """Keeps everything that it is told."""

    def __init__(self) -> None:
        self.requests: list[RequestEvent] = []
        self.batches: list[BatchEvent] = []
        self.readings: list[ReadingEvent] = []

    def on_request(self, event: RequestEvent) -> None:
        self.requests.append(event)

    def on_batch(self, event: BatchEvent) -> None:
        self.batches.append(event)

    def on_reading(self, event: ReadingEvent) -> None:
        self.readings.append(event)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    config = ServerConfig(readers=1, token="correct-horse-battery")
    service = Service({"digits": open_model(SHIPPED, 1)}, config)
    yield service
    service.close()


@pytest.fixture
def recorded(service: Service) -> Recorded:
    recorded = Recorded()
    service.observers.add(recorded)
    return recorded


def ask(service: Service, path: str, **what: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(service), client=("10.0.0.9", 1234))
        headers = {"Authorization": "Bearer correct-horse-battery", "X-Request-ID": "r-1"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client:
            return await client.request("POST", path, **what)  # type: ignore[arg-type]

    return asyncio.run(send())


def test_a_reading_is_told_with_its_digits(service: Service, recorded: Recorded) -> None:
    response = ask(service, "/read?marks=true", json=SEVEN)
    assert response.status_code == 200
    (request,), (reading,) = recorded.requests, recorded.readings
    assert (request.method, request.route, request.path) == ("POST", "/read", "/read")
    assert (request.status, request.reason, request.client) == (200, None, "10.0.0.9")
    assert request.id == "r-1"
    assert request.bytes_received == len(json.dumps(SEVEN, separators=(",", ":")))
    assert request.bytes_sent == len(response.content)
    assert (reading.kind, reading.model, reading.error) == ("strokes", "digits", None)
    assert reading.images.shape == (1, 28, 28)
    assert reading.images.max() > 200
    assert (reading.accepted.tolist(), reading.probabilities[0] > 0.9) == ([True], True)
    assert 0 < reading.model_seconds <= reading.read_seconds <= request.seconds


def test_a_batch_is_told_with_its_images(service: Service, recorded: Recorded) -> None:
    images = tenfold.load("mnist:test").images[:3]
    tensor = {"name": "image", "shape": [3, 28, 28], "datatype": "UINT8"}
    body = {"id": "a-2", "inputs": [{**tensor, "data": images.ravel().tolist()}]}
    assert ask(service, "/v2/models/digits/infer", json=body).status_code == 200
    (request,), (batch,) = recorded.requests, recorded.batches
    assert (request.route, request.id) == ("/v2/models/{name}/infer", "a-2")
    np.testing.assert_array_equal(batch.images, images)
    assert batch.probabilities.argmax(1).tolist() == [7, 2, 1]
    assert (batch.model, len(batch.queue_seconds)) == ("digits", 1)
    assert batch.model_seconds > 0


@pytest.mark.parametrize(
    ("path", "headers", "route", "status", "reason"),
    [
        ("/read", {"Host": "evil.test"}, "", 403, "host"),
        ("/read", {"Origin": "https://evil.test"}, "", 403, "origin"),
        ("/read", {"Authorization": ""}, "", 401, "token"),
        ("/none", {}, "", 404, "path"),
        ("/v2", {}, "", 405, "method"),
        ("/read?region=1", {}, "/read", 422, "malformed"),
        ("/read", {"Content-Length": "99999999"}, "/read", 413, "size"),
        ("/read", {}, "/read", 422, "unreadable"),
    ],
)
def test_a_refusal_is_told_with_its_reason(
    service: Service,
    recorded: Recorded,
    path: str,
    headers: dict[str, str],
    route: str,
    status: int,
    reason: str,
) -> None:
    assert ask(service, path, content=b"no picture", headers=headers).status_code == status
    (event,) = recorded.requests
    assert (event.status, event.route, event.reason) == (status, route, reason)
    if reason == "unreadable":
        assert "is not an image" in (recorded.readings[0].error or "")
