"""What a server is told to do: who may ask, how much, how it batches."""

import ipaddress
from dataclasses import dataclass, field

from tenfold.server.connections import ConnectionLimits


@dataclass(frozen=True)
class Batching:
    """How inference requests are run together.

    Args:
        max_batch: images of one run of a model; a larger request is run by itself.
        max_wait: seconds that a request waits for others to be run with while the model is idle.
            While it is busy they gather anyway, so that 0 makes good batches under load and costs
            a lone request nothing.
        max_queue: images that may wait; more are refused with 503.
    """

    max_batch: int = 64
    max_wait: float = 0.0
    max_queue: int = 4096


@dataclass(frozen=True)
class RequestLimits:
    """What one request may ask for.

    Args:
        body_bytes: of pictures, PDFs and tensors.
        json_bytes: of strokes and of JSON that is no tensor.
        pictures: pictures, and pages of PDFs, of a request to read.
        tensor_images: images of an inference request.
        waiting: requests to read that may wait for a process.
        wait_seconds: for how long.
    """

    body_bytes: int = 32 << 20
    json_bytes: int = 2 << 20
    pictures: int = 64
    tensor_images: int = 16_384
    waiting: int = 64
    wait_seconds: float = 10.0


@dataclass(frozen=True)
class ServerConfig:
    """What a server is told to do.

    Args:
        host: the name or address that it listens on.
        token: what requests must carry; None: nothing.
        allow_hosts: names that it may be reached by besides `host` and localhost; "*.example.org"
            allows all below, "*" any.
        allow_origins: websites whose scripts may ask, as "https://example.org"; "*" allows any.
        trusted_proxies: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto count.
        readers: pictures that are read at once, a process each; None: as many as threads, at
            most four.
        threads: CPU threads; None: every core.
        min_confidence: as `Reader` takes it.
        corrections: whether corrections are kept; None: where only this machine can reach it.
        stop_seconds: how long what is in flight may take once the server is to stop.
        batching: of inference requests.
        requests: their limits.
        connections: their limits.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    readers: int | None = None
    threads: int | None = None
    min_confidence: float = 0.0
    corrections: bool | None = None
    stop_seconds: float = 25.0
    batching: Batching = field(default_factory=Batching)
    requests: RequestLimits = field(default_factory=RequestLimits)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def keeps_corrections(self) -> bool:
        """Whether corrections are kept."""
        return self.is_local if self.corrections is None else self.corrections


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
