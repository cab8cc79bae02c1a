"""HTTP/1.1 on a bounded connection: uvicorn's, with deadlines, limits and refusals in JSON."""

import asyncio
import json
import select
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tenfold.server.connections import Connections, Phase
from tenfold.server.headers import HEADERS
from tenfold.server.refusal import Reason

NO_HTTP = "the request is not valid HTTP/1.1"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with deadlines for header, body and response, and refusals as JSON.

    Requests that a client sends one behind the other are parsed as they come in, and answered in
    their order: what is wrong with a later one is said after the responses to those before.
    """

    bounds: Connections  # of the server; `bounded_protocol` sets it
    phase: Phase
    since: float  # the event loop's time when the phase began
    _window_since: float
    _window_bytes: int
    _problem: tuple[int, Reason, str] | None = None  # to be said after the responses under way
    _held = 0  # bytes of the requests under way
    _header_bytes = 0  # of a header that has not ended
    _pending = 0  # requests whose response is not complete
    _n_headers = 0  # that have ended
    _left = 0  # bytes of a body that is not the parser's

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection in."""
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        self.flow = _Flow(transport, self._has_enough)
        # asyncio sets it only on sockets whose protocol number is not 0; without it the body of
        # every response on a kept-alive connection waits for a delayed acknowledgement, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._enter("header")
        self.bounds.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self.bounds.open.discard(self)
        self._release()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self._is_closing() or self._problem:
            return  # read, so that the refusal is not lost with a reset
        n_headers, was_body = self._n_headers, self.phase == "body"
        self._feed(data)
        if self._is_closing() or self._problem:
            return
        self._update_phase(has_begun=True)
        if self.phase != "body":
            # Where no header and no body has ended in these bytes, all are of a header.
            has_ended = was_body or n_headers != self._n_headers
            self._header_bytes = 0 if has_ended else self._header_bytes + len(data)
            if self._header_bytes > self.bounds.limits.header_bytes:
                self.refuse(*self._long_header())
                return
        if self.phase != "header":
            self._held += len(data)
            self._window_bytes += len(data)
            self.bounds.hold(len(data))

    def _feed(self, data: bytes) -> None:
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self.on_body(piece)
                if not self._left:
                    self.on_message_complete()
                continue
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self.refuse(*(self._problem or (400, "malformed", NO_HTTP)))
                return
            except httptools.HttpParserUpgrade as upgrade:
                # Java's client asks for HTTP/2 with every request; it may be ignored, but the
                # parser leaves the body of such a request to whoever speaks the other protocol.
                data = data[upgrade.args[0] :]
                self._left = self._upgrade_length()
                if self._is_closing() or self._problem:
                    return
                if self._left:
                    self.cycle.more_body = True
                continue
            return

    def _upgrade_length(self) -> int:
        headers = dict(self.headers)
        if b"transfer-encoding" in headers:
            self.refuse(400, "malformed", "an upgrade is not offered; send the request without it")
            return 0
        return int(headers.get(b"content-length", b"0"))

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.bounds.limits.header_bytes:
            self._problem = self._long_header()
            raise ValueError
        super().on_headers_complete()
        self._n_headers += 1
        self._pending += 1
        if self.bounds.is_stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Take note that the body of a request has ended, though it may be answered already."""
        super().on_message_complete()
        self.cycle.more_body = False

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._pending -= 1
        self._release()
        super().on_response_complete()
        if self.transport.is_closing() or self.phase == "closing":
            return
        if self._problem:
            self.refuse(*self._problem)
        else:
            self._update_phase()

    def answer_last(self) -> None:
        """Close this connection after the response that is under way."""
        if self._pending:
            self.cycle.keep_alive = False  # that of the last request that has come in

    def close_if_waiting(self) -> None:
        """Close this connection where no request has come, not even one that is not read yet."""
        if self.phase in ("idle", "header") and not _is_readable(self.transport):
            self.transport.close()

    def check(self, now: float) -> None:
        """Refuse or close this connection where it has waited too long."""
        limits, waited = self.bounds.limits, now - self.since
        most = {
            "idle": limits.idle_seconds,
            "header": limits.header_seconds,
            "body": limits.body_seconds,
            "response": limits.response_seconds,
            "closing": limits.closing_seconds,
        }[self.phase]
        if waited > most:
            self._expire(most)
        elif self.phase == "body" and now - self._window_since > limits.window_seconds:
            if self._window_bytes < limits.window_bytes:
                self.refuse(408, "slow", "the request body comes in too slowly")
            self._window_since, self._window_bytes = now, 0

    def _expire(self, seconds: float) -> None:
        if self.phase == "body":
            self.refuse(408, "slow", f"the request body took longer than {seconds:g} s")
        elif self.phase == "header" and self._header_bytes:
            self.refuse(408, "slow", f"the request header took longer than {seconds:g} s")
        elif self.phase == "response" and self._pending == 1 and not self.cycle.response_started:
            said = f"reading took longer than {seconds:g} s; send fewer pictures at once"
            self._refuse_now(503, "slow", said)
        else:  # nothing was asked, or nobody takes the response
            self.transport.abort()

    def _long_header(self) -> tuple[int, Reason, str]:
        most = self.bounds.limits.header_bytes
        return 431, "size", f"the limit of a request's header is {most:,} bytes"

    def _has_enough(self) -> bool:
        """Whether the requests that came in behind the one under way are enough to go on with."""
        return bool(self.pipeline)

    def refuse(self, status: int, reason: Reason, message: str) -> None:
        """Answer with an error and close the connection; whole requests are answered first."""
        if self._pending > 1 or (self._pending == 1 and not self.cycle.more_body):
            self._problem = status, reason, message  # no more is parsed, or kept
            self._update_phase()
        else:
            self._refuse_now(status, reason, message)

    def _refuse_now(self, status: int, reason: Reason, message: str) -> None:
        """Answer with an error, unless a response has begun, and close the connection."""
        is_answered = self.cycle is not None and self.cycle.more_body and not self._pending
        if not is_answered and (not self._pending or not self.cycle.response_started):
            self.transport.write(_response(status, message))
        self.bounds.observer.on_connection_refused(reason)
        self.close_softly()
        self.pipeline.clear()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _is_closing(self) -> bool:
        return self.phase == "closing"

    def close_softly(self) -> None:
        """Send no more, and read what comes until the client has taken the last response."""
        self._enter("closing")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    def _update_phase(self, has_begun: bool = False) -> None:
        if self.cycle is not None and self.cycle.more_body and not self._problem:
            phase: Phase = "body"  # also of a request that has been answered before its end
        elif self._pending:
            phase = "response"
        else:
            phase = "header" if has_begun or self.phase == "header" else "idle"
        if phase != self.phase:
            self._enter(phase)

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since = phase, self.loop.time()
        self._window_since, self._window_bytes = self.since, 0
        self._header_bytes = 0

    def _release(self) -> None:
        self.bounds.held -= self._held
        self._held = 0


class _Transport:
    """A transport that is closed softly where its client still sends.

    A close with bytes unread resets the connection, and the client loses the response with it.
    """

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self._transport, self._protocol = transport, protocol
        self.write = transport.write
        self.write_eof = transport.write_eof
        self.is_closing = transport.is_closing

    def close(self) -> None:
        cycle = self._protocol.cycle
        if cycle is not None and cycle.more_body and not self.is_closing():
            self._protocol.close_softly()
        else:
            self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


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


def _is_readable(transport: asyncio.Transport) -> bool:
    try:
        return bool(select.select([transport.get_extra_info("socket").fileno()], [], [], 0)[0])
    except (OSError, ValueError):  # closed, or a number that select does not take
        return False


def _response(status: int, message: str) -> bytes:
    content = json.dumps({"error": message}).encode()
    headers = {
        **HEADERS,
        "content-type": "application/json",
        "content-length": str(len(content)),
        "connection": "close",
        **({"retry-after": "5"} if status == 503 else {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
