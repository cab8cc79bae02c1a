"""What happens in the server, told to whoever counts or logs it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.server.refusal import Reason


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """A request that has been answered, or given up because its client left.

    Args:
        method: as it was sent.
        route: the path's pattern, as "/v2/models/{name}/infer"; "" where there is none.
        path: as it was sent, percent-decoded, without the query, which may have a token in it.
        status: of the response; 499 where the client left before it.
        reason: why it was refused, None where it was not.
        seconds: from the end of its header to the end of its response.
        bytes_received: of its body, as far as it was read.
        bytes_sent: of the response's body.
        client: the address it came from; behind a trusted proxy the one that the proxy names.
        id: of the inference request, or of `X-Request-ID`; "" without one.
    """

    method: str
    route: str
    path: str
    status: int
    reason: Reason | None
    seconds: float
    bytes_received: int
    bytes_sent: int
    client: str
    id: str


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Inference requests that were run together.

    Args:
        model: its name.
        images: uint8 [n, 28, 28], of all of them.
        probabilities: float32 [n, classes].
        accepted: bool [n].
        queue_seconds: how long each request waited.
        model_seconds: how long the model ran.
    """

    model: str
    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    accepted: NDArray[np.bool_]
    queue_seconds: tuple[float, ...]
    model_seconds: float


@dataclass(frozen=True, slots=True)
class ReadingEvent:
    """A picture, a page or a drawing that was read, or could not be.

    Args:
        kind: what it was.
        model: its name.
        images: uint8 [n, 28, 28], its digits as the model saw them.
        probabilities: float32 [n], of the label of each.
        accepted: bool [n].
        queue_seconds: how long it waited for a process.
        read_seconds: how long it took there, the models included.
        model_seconds: how long the classifier took of it.
        error: why it could not be read; None where it was.
    """

    kind: Literal["picture", "page", "strokes", "form"]
    model: str
    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    accepted: NDArray[np.bool_]
    queue_seconds: float
    read_seconds: float
    model_seconds: float
    error: str | None = None


class Observer:
    """Is told what happens, and does nothing; subclasses override what they count or log.

    Every method is called in the event loop, between two requests: it has to be quick (tens of
    microseconds) and must not raise.
    """

    def on_request(self, event: RequestEvent) -> None:
        """Take note of a request that has ended."""

    def on_batch(self, event: BatchEvent) -> None:
        """Take note of a batch that has been run."""

    def on_reading(self, event: ReadingEvent) -> None:
        """Take note of a reading that has ended."""

    def on_connection_refused(self, reason: Reason) -> None:
        """Take note of a connection that was refused before it had made a request."""

    def close(self) -> None:
        """Let go of what it holds; nothing is told any more."""


class Observers(Observer):
    """Tells several observers.

    Args:
        observers: in the order in which they are told.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = list(observers)

    def add(self, observer: Observer) -> None:
        """Tell one more."""
        self._observers.append(observer)

    def __bool__(self) -> bool:
        return bool(self._observers)

    def on_request(self, event: RequestEvent) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.on_request(event)

    def on_batch(self, event: BatchEvent) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.on_batch(event)

    def on_reading(self, event: ReadingEvent) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.on_reading(event)

    def on_connection_refused(self, reason: Reason) -> None:
        """Tell all of them."""
        for observer in self._observers:
            observer.on_connection_refused(reason)

    def close(self) -> None:
        """Close all of them."""
        for observer in self._observers:
            observer.close()
