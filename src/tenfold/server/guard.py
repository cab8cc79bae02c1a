"""What every request passes: who may ask, how much may be sent, what the answer forbids a page."""

import ipaddress
from urllib.parse import urlsplit

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
    "Cache-Control": "no-cache",  # a newer Tenfold is a newer page at once
}


class Guard:
    """Refuses other websites and bodies that are too large, and sets the headers of every answer.

    A website that a person visits can make the browser ask a server on loopback. Its own name
    stands in `Origin` then, or, where it lets that name point to 127.0.0.1, in `Host`. A bare
    address cannot be made to point elsewhere, so it is always let through.

    Args:
        app: what answers.
        host: the name that the server was told to listen on.
        most_bytes: the largest body for each path; none may be sent elsewhere.
    """

    def __init__(self, app: ASGIApp, host: str, most_bytes: dict[str, int]) -> None:
        self._app = app
        self._names = {"localhost", host.lower()}
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = most = self._most_bytes.get(scope["path"], 0)

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, too_large(most))
            return message

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(Headers(scope=scope), most)
        answer = JSONResponse({"error": refusal[1]}, refusal[0]) if refusal else self._app
        await answer(scope, receive_bounded, send_guarded)

    def _refusal(self, headers: Headers, most: int) -> tuple[int, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return 403, f"the host {host[:100]!r} is not this server's; use its address or --host"
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, f"only this server's own page may ask. Received: {origin[:100]!r}"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            return 413, too_large(most)
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def too_large(most: int) -> str:
    """Say how much may be sent, in one line."""
    return f"at most {most:,} bytes can be sent here; send a smaller picture, or fewer strokes"
