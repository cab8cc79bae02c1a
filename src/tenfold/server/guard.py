"""Middleware for every request: checks host, origin and size, and sets security headers."""

import ipaddress
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from anyio import CancelScope
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # so that an upgrade of Tenfold shows its new page at once
}


class InFlight:
    """The requests under way, which a server that stops may cancel."""

    def __init__(self) -> None:
        self._scopes: set[CancelScope] = set()

    @contextmanager
    def request(self) -> Iterator[CancelScope]:
        """Count a request while it is answered; it ends early where it is cancelled."""
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def cancel(self) -> None:
        """Cancel every request under way; to be called in the event loop."""
        for scope in list(self._scopes):
            scope.cancel()


class Guard:
    """Rejects other websites and too large bodies, and sets the headers of every response.

    What fails is answered with an error of one line, whether it was foreseen or not.

    A website that a person visits can make the browser send requests to a server on loopback. Its
    own name is in `Origin` then, or, where that name resolves to 127.0.0.1 (DNS rebinding), in
    `Host`. A bare address cannot be rebound, so it is always allowed.

    Args:
        app: the application to protect.
        host: the name that the server listens on.
        max_bytes: the largest body for each path that takes one, in bytes.
        in_flight: each request is counted there.
    """

    def __init__(
        self, app: ASGIApp, host: str, max_bytes: dict[str, int], in_flight: InFlight
    ) -> None:
        self._app = app
        self._in_flight = in_flight
        self._names = {"localhost", host.lower()}
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_bytes.get(scope["path"])
        left = limit or 0

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if limit is not None and left < 0:
                raise HTTPException(413, too_large(limit))
            return message

        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)
            started = True

        rejection = self._rejection(Headers(scope=scope), limit)
        app = JSONResponse({"error": rejection[1]}, rejection[0]) if rejection else self._app
        failure: tuple[int, str] | None = None
        with self._in_flight.request() as in_flight:
            try:
                await app(scope, receive_bounded, send_guarded)
            except Exception as error:  # a mistake of this program's
                _report(error)
                failure = 500, "the server made a mistake; its own output names it"
        if in_flight.cancelled_caught:
            failure = 503, "the server is being stopped"
        if failure and not started:
            await JSONResponse({"error": failure[1]}, failure[0])(
                scope, receive_bounded, send_guarded
            )

    def _rejection(self, headers: Headers, limit: int | None) -> tuple[int, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_allowed(host):
            return (
                403,
                "unknown host; open the page by its address, or name the host with --host. "
                f"Received: {host[:100]!r}",
            )
        if origin is not None and origin.lower() not in _origins(host):
            return 403, f"requests from other websites are rejected. Received: {origin[:100]!r}"
        length = headers.get("content-length", "0")
        # other paths read no body: the application answers 404 or 405
        if limit is not None and (not length.isdecimal() or int(length) > limit):
            return 413, too_large(limit)
        return None

    def _is_allowed(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = parts.hostname or ""
            if parts.username is not None or (parts.port or 0) < 0:
                return False
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _origins(host: str) -> tuple[str, str]:
    """Return what `Origin` is for pages of a host; with https where a proxy is in between."""
    return f"http://{host.lower()}", f"https://{host.lower()}"


def _report(error: Exception) -> None:
    """Say in one line what failed, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    reason = " ".join(str(error).split())[:200]
    print(
        f"tenfold: {type(error).__name__} at {place.filename}:{place.lineno}: {reason}",
        file=sys.stderr,
        flush=True,
    )


def too_large(limit: int) -> str:
    """Describe the limit in one line."""
    return f"the limit is {limit:,} bytes; send a smaller image, or fewer strokes"
