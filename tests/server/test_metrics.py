"""What Prometheus is told: true numbers, with few labels whatever clients send."""

import asyncio
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.conftest import Serve

import tenfold
from tenfold.data.drift import drift_reference, ink_size, stroke_width
from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED
from tenfold.server import metrics as module
from tenfold.server.app import create_app
from tenfold.server.config import ServerConfig
from tenfold.server.metrics import Metrics
from tenfold.server.observer import BatchEvent, RequestEvent
from tenfold.server.service import Service, open_models

SEVEN = [[[10, 12], [60, 10], [34, 80]]]
INFER = "/v2/models/{name}/infer"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scraped:
    """The samples of an answer."""

    def __init__(self, text: str) -> None:
        self.samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[f"tenfold_{name}", frozenset(labels.items())]

    def values(self, label: str) -> set[str]:
        """Every value of a label, wherever it is."""
        return {dict(labels)[label] for _, labels in self.samples if label in dict(labels)}


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service({"digits": open_model(SHIPPED, 1)}, ServerConfig(readers=1))
    yield service
    service.close()


def send(service: Service, *requests: tuple[str, str, dict[str, object]]) -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [
                await client.request(method, path, **what)  # type: ignore[arg-type]
                for method, path, what in requests
            ]

    return asyncio.run(send())


def scrape(service: Service) -> Scraped:
    (response,) = send(service, ("GET", "/metrics", {}))
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Scraped(response.text)


def infer(count: int) -> tuple[str, str, dict[str, object]]:
    images = tenfold.load("mnist:test").images[:: 10_000 // count][:count]
    tensor = {"name": "image", "shape": list(images.shape), "datatype": "UINT8"}
    body = {"inputs": [{**tensor, "data": images.ravel().tolist()}]}
    return "POST", "/v2/models/digits/infer", {"json": body}


def test_requests_digits_and_stages_are_counted(service: Service) -> None:
    read: tuple[str, str, dict[str, object]] = ("POST", "/read", {"json": SEVEN})
    answers = send(service, infer(5), infer(3), read)
    assert [one.status_code for one in answers] == [200, 200, 200]
    accepted = [value for one in answers[:2] for value in one.json()["outputs"][2]["data"]]
    shown = scrape(service)
    assert shown("requests_total", method="POST", endpoint=INFER, status="200") == 2
    assert shown("requests_total", method="POST", endpoint="/read", status="200") == 1
    assert shown("request_seconds_count", endpoint=INFER) == 2
    assert 0 < shown("request_seconds_sum", endpoint="/read") < 60
    assert shown("received_bytes_total", endpoint="/read") > 20
    assert shown("batch_images_sum", model="digits") == 8
    assert shown("batch_images_count", model="digits") == 2
    counts = {"model": "digits", "source": "infer"}
    assert shown("digits_total", **counts, result="accepted") == accepted.count(True)
    assert shown("digits_total", **counts, result="rejected") == accepted.count(False)
    drawn = {"model": "digits", "source": "strokes"}
    assert shown("digits_total", **drawn, result="accepted") == 1
    assert shown("readings_total", model="digits", kind="strokes", result="read") == 1
    for stage in ("queue", "reading", "model"):
        assert shown("stage_seconds_count", **drawn, stage=stage) == 1
    parts = [shown("stage_seconds_sum", **drawn, stage=stage) for stage in ("reading", "model")]
    assert 0 < sum(parts) <= shown("request_seconds_sum", endpoint="/read")


def test_refusals_are_counted_by_reason(service: Service) -> None:
    assert scrape(service)("refusals_total", reason="host") == 0
    send(
        service,
        ("POST", "/read", {"content": b"no picture"}),
        ("POST", "/read?region=1", {"content": b""}),
        ("GET", "/none", {}),
        ("GET", "/v2", {"headers": {"Host": "evil.test"}}),
    )
    service.observers.on_connection_refused("slow")
    shown = scrape(service)
    for reason in ("unreadable", "malformed", "path", "host", "slow"):
        assert shown("refusals_total", reason=reason) == 1
    assert shown("readings_total", model="digits", kind="picture", result="failed") == 1


def test_no_client_makes_labels(service: Service) -> None:
    paths = [f"/secret-{number}?token=secret" for number in range(20)]
    send(service, *[("GET", path, {}) for path in paths])
    send(service, *[(f"M{number}", "/v2", {}) for number in range(20)])
    send(service, ("POST", "/v2/models/secret/infer", {"json": {}}))
    send(service, ("POST", "/read?model=secret", {"json": SEVEN}))
    (response,) = send(service, ("GET", "/metrics", {}))
    assert "secret" not in response.text
    shown = Scraped(response.text)
    assert shown.values("method") == {"GET", "POST", "other"}
    assert shown.values("endpoint") == {"other", INFER, "/read"}
    assert shown.values("model") == {"digits"}
    assert shown("requests_total", method="GET", endpoint="other", status="404") == 20


def test_images_are_compared_with_those_of_training(service: Service) -> None:
    send(service, infer(60))
    shown, images = scrape(service), tenfold.load("mnist:test").images[::166][:60]
    for name, measure in (
        ("image_size_pixels", ink_size),
        ("image_stroke_width_pixels", stroke_width),
    ):
        assert shown(f"{name}_count", model="digits") == 60
        assert shown(f"{name}_sum", model="digits") == pytest.approx(float(measure(images).sum()))
    reference = service.models["digits"].model.drift
    assert reference is not None
    for bound, share in reference.stroke_width:
        assert shown("image_stroke_width_pixels_training", model="digits", le=str(bound)) == share
        seen = shown("image_stroke_width_pixels_bucket", model="digits", le=str(bound)) / 60
        assert abs(seen - share) < 0.25  # MNIST's test digits are as those of training
    assert shown("rejected_share_training", model="digits") == reference.rejected
    # digits of half the size are far away
    small = np.zeros_like(images)
    small[:, 7:21, 7:21] = images[:, ::2, ::2]
    assert dict(drift_reference(small).size)[15.0] - dict(reference.size)[15.0] > 0.9


def test_a_model_that_says_nothing_of_its_training_has_no_such_metrics() -> None:
    model = open_model(SHIPPED, 1)
    model.drift = None
    service = Service({"digits": model}, ServerConfig(readers=1))
    text = service.metrics.render().decode()
    service.close()
    assert not re.search(r"^tenfold_\w+_training\{", text, re.MULTILINE)
    assert "tenfold_model_info{" in text


def test_the_engine_is_named_in_the_metrics_and_in_what_a_model_is() -> None:
    service = Service(open_models([], 1, "openvino"), ServerConfig(readers=1))
    (described,) = send(service, ("GET", "/v2/models/digits", {}))
    text = service.metrics.render().decode()
    service.close()
    assert described.json()["platform"] == "openvino_onnx"
    assert re.search(r'tenfold_model_info\{engine="openvino [0-9.]+, (bfloat16|float32)"', text)


def batch(count: int) -> BatchEvent:
    images = np.zeros((count, 28, 28), np.uint8)
    probabilities = np.full((count, 10), 0.1, np.float32)
    return BatchEvent("digits", images, probabilities, np.zeros(count, np.bool_), (0.0,), 0.0)


def measured(metrics: Metrics) -> float:
    return Scraped(metrics.render().decode())("image_size_pixels_count", model="digits")


def test_of_many_images_a_sample_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    metrics = Metrics()
    metrics.on_batch(batch(1000))
    assert measured(metrics) == 64
    for _ in range(100):
        metrics.on_batch(batch(64))
    assert 436 < measured(metrics) <= 500  # of one second
    clock[0] += 1
    metrics.on_batch(batch(1))
    assert 437 < measured(metrics) <= 501
    shown = Scraped(metrics.render().decode())
    assert shown("digits_total", model="digits", source="infer", result="rejected") == 7401


def test_a_client_that_left_is_counted() -> None:
    metrics = Metrics()
    metrics.on_request(RequestEvent("POST", "/read", "/read", 499, None, 1.0, 0, 0, "", ""))
    shown = Scraped(metrics.render().decode())
    assert shown("requests_total", method="POST", endpoint="/read", status="499") == 1


def test_metrics_need_the_token(serve: Serve) -> None:
    address = serve("--token", "correct-horse-battery", "--readers", "1")
    assert httpx.get(f"{address}/metrics").status_code == 401
    headers = {"Authorization": "Bearer correct-horse-battery"}
    shown = httpx.get(f"{address}/metrics", headers=headers)
    assert shown.status_code == 200
    assert "process_resident_memory_bytes" in shown.text
    assert 'tenfold_refusals_total{reason="token"} 1.0' in shown.text
    assert "correct-horse" not in shown.text
