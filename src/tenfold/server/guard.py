"""What every request goes through: access, errors of one line, security headers, observation."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from time import perf_counter

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenfold.errors import TenfoldError
from tenfold.server.access import (
    PREFLIGHT_SECONDS,
    AllowedHosts,
    AllowedOrigins,
    Token,
    no_token,
)
from tenfold.server.endpoint import ENDPOINT, JSON, REQUEST_ID
from tenfold.server.headers import HEADERS, RAW_HEADERS
from tenfold.server.observer import Observers, RequestEvent
from tenfold.server.refusal import Reason, Refusal

LEFT = 499  # the status, in events alone, of a request whose client left
EXPOSED = b"Inference-Header-Content-Length, Retry-After"
ALLOWED = b"Authorization, Content-Type, Inference-Header-Content-Length, X-Request-ID"
MAX_DIGITS, HUGE = 19, 1 << 62
MAX_ID = 128  # characters of a request's id that are noted
MAX_UNREAD = 64 << 10  # bytes of a body that are read though the response does not need them
_OWN = frozenset(name.encode() for name in HEADERS)


class InFlight:
    """The requests under way, which a server that stops may cancel."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[object]] = set()
        self.is_cancelled = False

    def cancel(self) -> None:
        """Cancel every request under way, once; to be called in the event loop."""
        self.is_cancelled = True
        for task in list(self.tasks):
            if not task.cancelling():
                task.cancel()


class Guard:
    """Refuses who may not ask, turns errors into one line of JSON, and sets security headers.

    Args:
        app: the application to protect.
        hosts: the names of this server.
        origins: the websites that may ask.
        token: what requests must carry; None: nothing.
        is_public: whether a path is answered without the token.
        in_flight: each request is counted there.
        observers: are told of each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: AllowedHosts,
        origins: AllowedOrigins,
        token: Token | None,
        is_public: Callable[[str], bool],
        in_flight: InFlight,
        observers: Observers,
    ) -> None:
        self._app = app
        self._hosts, self._origins, self._token = hosts, origins, token
        self._is_public = is_public
        self._in_flight, self._observers = in_flight, observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        exchange = _Exchange(receive, send)
        task = asyncio.current_task()
        assert task is not None
        self._in_flight.tasks.add(task)
        refusal: Refusal | None = None
        try:
            preflight = self._admit(scope, exchange)
            if preflight is None:
                await self._app(scope, exchange.receive, exchange.send)
            else:
                await preflight(scope, exchange.receive, exchange.send)
        except Refusal as error:
            refusal = error
        except TenfoldError as error:
            refusal = Refusal(422, "unreadable", str(error))
        except ClientDisconnect:
            pass  # nobody takes a response
        except asyncio.CancelledError:
            if not self._in_flight.is_cancelled:
                raise
            task.uncancel()
            refusal = Refusal(503, "stopping", "the server is being stopped", {"Retry-After": "5"})
        except Exception as error:  # a mistake of this program's
            _report(error)
            refusal = Refusal(500, "mistake", "the server made a mistake; its own output names it")
        finally:
            self._in_flight.tasks.discard(task)
        if refusal is not None and not exchange.status:
            await error_response(refusal)(scope, exchange.receive, exchange.send)
        if self._observers:
            reason = None if refusal is None else refusal.reason
            self._observers.on_request(_event(scope, exchange, reason, perf_counter() - started))

    def _admit(self, scope: Scope, exchange: "_Exchange") -> Response | None:
        """Check host, origin and token; return the response to a preflight request.

        Raises:
            Refusal: where the request may not be made.
        """
        host = origin = authorization = asked = None
        cookies = []
        for name, value in scope["headers"]:
            if name == b"host":
                if host is not None:
                    raise Refusal(400, "malformed", "the request names two hosts")
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
            elif name == b"cookie":
                cookies.append(value)
            elif name == b"content-length":
                exchange.expected = int(value) if len(value) < MAX_DIGITS else HUGE
            elif name == b"transfer-encoding":
                exchange.expected = HUGE
            elif name == b"access-control-request-method":
                asked = value
            elif name == b"x-request-id":
                scope[REQUEST_ID] = value[:MAX_ID].decode("latin-1")
        name = (host or b"").decode("latin-1")
        self._hosts.check(name)
        is_foreign = origin is not None and self._origins.check(origin.decode("latin-1"), name)
        if is_foreign:
            assert origin is not None
            exchange.origin = origin
            if asked is not None and scope["method"] == "OPTIONS":
                return Response(
                    status_code=204,
                    headers={
                        "Access-Control-Allow-Methods": asked.decode("latin-1")[:20],
                        "Access-Control-Allow-Headers": ALLOWED.decode(),
                        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
                    },
                )
        if self._token is None or self._is_public(scope["path"]):
            return None
        if not self._token.is_carried(authorization, cookies):
            raise no_token()
        return None


class _Exchange:
    """One request and its response: counts bytes, and completes the response's headers."""

    __slots__ = (
        "_receive",
        "_send",
        "expected",
        "origin",
        "received",
        "sent",
        "status",
    )

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.received = self.sent = self.status = 0
        self.expected = 0  # bytes of the body
        self.origin: bytes | None = None  # of another website, which is allowed

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        if not message.get("more_body"):
            self.expected = self.received
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            own = {name for name, _ in headers} & _OWN
            headers += [pair for pair in RAW_HEADERS if pair[0] not in own] if own else RAW_HEADERS
            if self.expected - self.received > MAX_UNREAD:
                headers.append((b"connection", b"close"))
            if self.origin is not None:
                headers.append((b"access-control-allow-origin", self.origin))
                headers.append((b"access-control-expose-headers", EXPOSED))
                headers.append((b"vary", b"Origin"))
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)


def error_response(refusal: Refusal) -> Response:
    """Make the response of a refusal: one line of JSON."""
    content = msgspec.json.encode({"error": refusal.message})
    return Response(content, refusal.status, refusal.headers, JSON)


def _event(
    scope: Scope, exchange: _Exchange, reason: Reason | None, seconds: float
) -> RequestEvent:
    endpoint, client = scope.get(ENDPOINT), scope.get("client")
    return RequestEvent(
        scope["method"],
        endpoint.path if endpoint else "",
        scope["path"],
        exchange.status or LEFT,
        reason,
        seconds,
        exchange.received,
        exchange.sent,
        client[0] if client else "",
        scope.get(REQUEST_ID, ""),
    )


def _report(error: Exception) -> None:
    """Say in one line what failed, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    reason = " ".join(str(error).split())[:200]
    print(
        f"tenfold: {type(error).__name__} at {place.filename}:{place.lineno}: {reason}",
        file=sys.stderr,
        flush=True,
    )
