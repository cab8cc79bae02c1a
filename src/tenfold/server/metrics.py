"""`GET /metrics`: what Prometheus asks for."""

from collections.abc import Callable
from functools import cache, partial
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response

from tenfold import __version__
from tenfold.data.drift import BOUNDS, MEASURES, DriftReference
from tenfold.server.endpoint import Content, Endpoint
from tenfold.server.observer import BatchEvent, Observer, ReadingEvent, RequestEvent
from tenfold.server.refusal import Reason

if TYPE_CHECKING:
    from tenfold.server.service import Service

M = TypeVar("M", bound=MetricWrapperBase)
PATH = "/metrics"
MEDIA_TYPE = "text/plain"
TEXT_FORMAT = f"{MEDIA_TYPE}; version=0.0.4; charset=utf-8"  # the one that every scraper reads
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
OTHER = "other"  # a method or an endpoint that is none of the server's: no client makes labels
INFER = "infer"
# 1 ms to 20 s, the time that a picture may take.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
# Measuring ink costs 9 us an image and 70 us a time: a sample of a batch, and of a second, is kept
# until it is so many, so that it takes less than 1 % of the event loop under any load.
MEASURED_AT_ONCE, MEASURED_A_SECOND = 64, 500
DRIFT = {
    "ink_share": ("tenfold_image_ink_share", "Share of an image that is ink"),
    "size": ("tenfold_image_size_pixels", "Longer side of the ink's box"),
    "stroke_width": ("tenfold_image_stroke_width_pixels", "Width of the strokes"),
    "confidence": ("tenfold_confidence", "Probability of the label"),
}


class Metrics(Observer):
    """Counts what happens, in a registry of its own.

    Labels have few values, whatever clients send: methods, endpoints' patterns, statuses and
    reasons of this server's, and the names of its models.
    """

    def __init__(self) -> None:
        # they would be a second series for each: when it was first counted
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests", "Requests that were answered", "method", "endpoint", "status"
        )
        self._request_seconds = self._histogram(
            "tenfold_request_seconds",
            "From the end of a request's header to the end of its response",
            SECONDS,
            "endpoint",
        )
        self._received = self._counter("received_bytes", "Bytes of bodies", "endpoint")
        self._sent = self._counter("sent_bytes", "Bytes of responses", "endpoint")
        self._refusals = self._counter(
            "refusals", "Requests and connections that were refused", "reason"
        )
        what = "Pictures, pages, forms and drawings that were read, or could not be"
        self._readings = self._counter("readings", what, "model", "kind", "result")
        what = "Digits, by whether the model accepted them"
        self._digits = self._counter("digits", what, "model", "source", "result")
        what = "What is waited for: a queue, reading without the classifier, the classifier"
        labels = "model", "source", "stage"
        self._stage_seconds = self._histogram("tenfold_stage_seconds", what, SECONDS, *labels)
        what = "Images that were run together"
        self._batch_images = self._histogram("tenfold_batch_images", what, IMAGES, "model")
        self._drift = {
            name: self._histogram(metric, f"{what}, of a sample", BOUNDS[name], "model")
            for name, (metric, what) in DRIFT.items()
        }
        self._allowance, self._then = float(MEASURED_A_SECOND), monotonic()
        self._kept: dict[str, list[tuple[NDArray[np.uint8], NDArray[np.float32]]]] = {}
        for reason in get_args(Reason):
            self._refusals(reason)  # 0 from the start, so that the first one is a rise

    def _counter(self, name: str, what: str, *labels: str) -> Callable[..., Counter]:
        return _children(Counter(f"tenfold_{name}", what, labels, registry=self.registry))

    def _histogram(
        self, name: str, what: str, bounds: tuple[float, ...], *labels: str
    ) -> Callable[..., Histogram]:
        return _children(Histogram(name, what, labels, registry=self.registry, buckets=bounds))

    def describe(self, service: "Service") -> None:
        """Add what does not happen, but is: queues, models, and what they were trained on."""

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"tenfold_{name}", what, labels, registry=self.registry)

        gauge("info", "The version of Tenfold", "version").labels(__version__).set(1)
        gauge("requests_in_flight", "Requests under way").set_function(
            lambda: len(service.in_flight.tasks)
        )
        gauge("readings_waiting", "Pictures that wait for a process").set_function(
            lambda: service.pages.n_waiting
        )
        waiting = gauge("images_waiting", "Images of inference requests that wait", "model")
        what = "The sha256 of a model's training set, and what runs it for inference requests"
        info = gauge("model_info", what, "model", "fingerprint", "engine")
        rejected = gauge(
            "rejected_share_training", "Share of validation digits that were rejected", "model"
        )
        training = {
            name: Gauge(
                f"{metric}_training",
                f"{what}: share of the training images at or below each bound"
                if name in MEASURES
                else f"{what}: share of the validation images at or below each bound",
                ("model", "le"),
                registry=self.registry,
            )
            for name, (metric, what) in DRIFT.items()
        }
        for name, served in service.models.items():
            waiting.labels(name).set_function(partial(getattr, served.batcher, "n_waiting"))
            info.labels(name, served.model.fingerprint, served.model.engine).set(1)
            drift: DriftReference | None = served.model.drift
            if drift is None:
                continue
            if drift.rejected is not None:
                rejected.labels(name).set(drift.rejected)
            for feature, shown in training.items():
                for bound, share in getattr(drift, feature) or ():
                    le = floatToGoString(bound)  # type: ignore[no-untyped-call]
                    shown.labels(name, le).set(share)

    def on_request(self, event: RequestEvent) -> None:
        """Count a request."""
        endpoint = event.route or OTHER
        method = event.method if event.method in METHODS else OTHER
        self._requests(method, endpoint, str(event.status)).inc()
        self._request_seconds(endpoint).observe(event.seconds)
        self._received(endpoint).inc(event.bytes_received)
        self._sent(endpoint).inc(event.bytes_sent)
        if event.reason is not None:
            self._refusals(event.reason).inc()

    def on_connection_refused(self, reason: Reason) -> None:
        """Count a connection that has made no request."""
        self._refusals(reason).inc()

    def on_batch(self, event: BatchEvent) -> None:
        """Count a batch and its digits; each of its requests has waited for all of it."""
        self._batch_images(event.model).observe(len(event.images))
        queue = self._stage_seconds(event.model, INFER, "queue")
        for seconds in event.queue_seconds:
            queue.observe(seconds)
        self._stage_seconds(event.model, INFER, "model").observe(event.model_seconds)
        self._count(event.model, INFER, event.accepted)
        self._sample(event.model, event.images, event.probabilities)

    def on_reading(self, event: ReadingEvent) -> None:
        """Count a picture and its digits."""
        result = "read" if event.error is None else "failed"
        self._readings(event.model, event.kind, result).inc()
        reading = max(event.read_seconds - event.model_seconds, 0)
        for stage, seconds in (
            ("queue", event.queue_seconds),
            ("reading", reading),
            ("model", event.model_seconds),
        ):
            self._stage_seconds(event.model, event.kind, stage).observe(seconds)
        self._count(event.model, event.kind, event.accepted)
        self._sample(event.model, event.images, event.probabilities[:, None])

    def _count(self, model: str, source: str, accepted: NDArray[np.bool_]) -> None:
        n_accepted = int(np.count_nonzero(accepted))
        self._digits(model, source, "accepted").inc(n_accepted)
        self._digits(model, source, "rejected").inc(len(accepted) - n_accepted)

    def _sample(
        self, model: str, images: NDArray[np.uint8], probabilities: NDArray[np.float32]
    ) -> None:
        """Keep images to be measured, or some from all over them, or none after many others."""
        take, now = min(len(images), MEASURED_AT_ONCE), monotonic()
        gained = (now - self._then) * MEASURED_A_SECOND
        self._allowance = min(self._allowance + gained, MEASURED_A_SECOND)
        self._then = now
        if not take or take > self._allowance:
            return
        self._allowance -= take
        if take < len(images):
            chosen = np.linspace(0, len(images), take, endpoint=False).astype(np.int64)
            images, probabilities = images[chosen], probabilities[chosen]
        kept = self._kept.setdefault(model, [])
        kept.append((images, probabilities.max(axis=1)))
        if sum(len(images) for images, _ in kept) >= MEASURED_AT_ONCE:
            self._measure(model)

    def _measure(self, model: str) -> None:
        """Measure the images that were kept of a model, and forget them."""
        kept = self._kept.pop(model)
        images = np.concatenate([images for images, _ in kept])
        values = {name: measure(images) for name, measure in MEASURES.items()}
        values["confidence"] = np.concatenate([confidences for _, confidences in kept])
        for name, measured in values.items():
            observe = self._drift[name](model).observe
            for value in measured.tolist():
                observe(value)

    def render(self) -> bytes:
        """Write everything as Prometheus reads it."""
        for model in list(self._kept):
            self._measure(model)
        return generate_latest(self.registry)


def endpoints(service: "Service") -> list[Endpoint]:
    """Make the endpoint of the metrics; it needs the token, since it tells what others ask."""

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.render(), headers={"Content-Type": TEXT_FORMAT})

    return [
        Endpoint(
            "GET",
            PATH,
            metrics,
            "Metrics for Prometheus",
            responses=(Content(MEDIA_TYPE, {"type": "string"}),),
            tag="Health",
        )
    ]


def _children(metric: M) -> Callable[..., M]:
    """Look up the children of a metric, each once: a request costs 2.5 us with it, 12 without."""
    return cache(metric.labels)
