"""Connections that are bounded: how many, how long each may wait, how much they may hold."""

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

import h11
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from tenfold.server.guard import HEADERS

# What a connection waits for: a header, a body, the end of a response, or the client to leave.
Phase = Literal["header", "body", "response", "closing"]


@dataclass(frozen=True)
class Limits:
    """What connections may take.

    Args:
        connections: open at once. For one more the one that has been idle for longest is closed,
            and where none is idle the new one is refused.
        header_seconds: from the connection, or the response before, to the end of a header.
        body_seconds: for a body.
        window_seconds: in each such part of that time a body must bring `window_bytes`.
        window_bytes: 16 KiB in 10 s are less than any mobile network gives.
        response_seconds: from the end of the body until the response has been sent.
        closing_seconds: for the client to take a refusal.
        held_bytes: of all requests that are coming in or wait for their response.
    """

    connections: int = 256
    header_seconds: float = 10.0
    body_seconds: float = 120.0
    window_seconds: float = 10.0
    window_bytes: int = 16 << 10
    response_seconds: float = 120.0
    closing_seconds: float = 2.0
    held_bytes: int = 256 << 20


class Connections:
    """All connections of a server, and their limits.

    Args:
        limits: what each may take, and all of them together.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.open: set[BoundedProtocol] = set()
        self.held = 0

    def admit(self, connection: "BoundedProtocol") -> None:
        """Take a connection in; where there are too many, another is closed for it, or it is."""
        self.open.add(connection)
        while len(self.open) > self.limits.connections:
            others = self.open - {connection}
            least = _oldest(others, "closing") or _oldest(others, "header")
            if least is None:
                connection.refuse(503, "too many connections; try again in a few seconds")
                return
            least.transport.abort()
            self.open.discard(least)

    def hold(self, count: int) -> None:
        """Count bytes of bodies; where they are too many, the slowest body is refused."""
        self.held += count
        if self.held > self.limits.held_bytes:
            slowest = _oldest(self.open, "body")
            if slowest is not None:
                slowest.refuse(503, "too many large requests at once; try again in a few seconds")

    def close_overdue(self, now: float) -> None:
        """Close what has waited too long; to be called every second or so.

        Args:
            now: the event loop's time, in seconds.
        """
        for connection in list(self.open):
            connection.check(now)

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in list(self.open):
            connection.transport.abort()


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with deadlines for header, body and response, and refusals as JSON."""

    bounds: Connections  # of the server; `bounded_protocol` sets it
    phase: Phase
    since: float  # the event loop's time when the phase began
    _window_since: float
    _window_bytes: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection in."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._has_enough)
        # asyncio sets it only on sockets whose protocol number is not 0; without it the body of
        # every response on a kept-alive connection waits for a delayed acknowledgement, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = 0
        self._enter("header")
        self.bounds.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self.bounds.open.discard(self)
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self._is_closing():
            return  # read, so that the refusal is not lost with a reset
        super().data_received(data)
        if self._is_closing():
            return
        self._update_phase()
        if self.phase != "header":
            self._held += len(data)
            self._window_bytes += len(data)
            self.bounds.hold(len(data))

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._release()
        self._enter("header")
        super().on_response_complete()
        self._update_phase()  # where the next request had come in already

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; h11 knows the status of a header that is too large."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self.refuse(status, "the request is not valid HTTP/1.1")

    def shutdown(self) -> None:
        """End an idle connection at once, any other after its response."""
        if self.phase == "closing":
            self.transport.abort()
        else:
            super().shutdown()

    def check(self, now: float) -> None:
        """Refuse or close this connection where it has waited too long."""
        limits, waited = self.bounds.limits, now - self.since
        most = {
            "header": limits.header_seconds,
            "body": limits.body_seconds,
            "response": limits.response_seconds,
            "closing": limits.closing_seconds,
        }[self.phase]
        if waited > most:
            self._expire(most)
        elif self.phase == "body" and now - self._window_since > limits.window_seconds:
            if self._window_bytes < limits.window_bytes:
                self.refuse(408, "the request body comes in too slowly")
            self._window_since, self._window_bytes = now, 0

    def _expire(self, seconds: float) -> None:
        if self.phase == "body":
            self.refuse(408, f"the request body took longer than {seconds:g} s")
        elif self.phase == "header" and self.conn.our_state is h11.IDLE and self._has_begun():
            self.refuse(408, f"the request header took longer than {seconds:g} s")
        else:  # nothing was asked, or nobody takes the response
            self.transport.abort()

    def _has_begun(self) -> bool:
        return bool(self.conn.trailing_data[0])

    def _has_enough(self) -> bool:
        """Whether the requests that came in behind the one under way are enough to go on with."""
        return self.phase == "response" and len(self.conn.trailing_data[0]) > HIGH_WATER_LIMIT

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error, unless a response has begun, and close the connection."""
        if self.phase == "header" or not self.cycle.response_started:
            self.transport.write(_response(status, message))
        self._enter("closing")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _is_closing(self) -> bool:
        return self.phase == "closing"

    def _update_phase(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            phase: Phase = "header"
        else:
            phase = "body" if self.cycle.more_body else "response"
        if phase != self.phase:
            self._enter(phase)

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since = phase, self.loop.time()
        self._window_since, self._window_bytes = self.since, 0

    def _release(self) -> None:
        self.bounds.held -= self._held
        self._held = 0


class _Flow(FlowControl):
    """Takes no more of a client that sends request after request and waits for no response."""

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        if not self._has_enough():
            super().resume_reading()


def bounded_protocol(bounds: Connections) -> type[BoundedProtocol]:
    """Make the protocol class of one server, for `uvicorn.Config(http=...)`."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})


def _oldest(connections: Iterable[BoundedProtocol], phase: Phase) -> BoundedProtocol | None:
    """Find the connection that has been in a phase for longest."""
    waiting = (connection for connection in connections if connection.phase == phase)
    return min(waiting, key=lambda connection: connection.since, default=None)


def _response(status: int, message: str) -> bytes:
    content = json.dumps({"error": message}).encode()
    headers = {
        **HEADERS,
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Connection": "close",
        **({"Retry-After": "5"} if status == 503 else {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
