"""uvicorn's server, whose connections are bounded and which loses no request when it stops."""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from tenfold.server.connections import Connections
from tenfold.server.protocol import bounded_protocol
from tenfold.server.service import Service

BACKLOG = 1024  # connections that wait to be accepted
ACCEPT_AT_ONCE = 8  # asyncio accepts as many, a few times over, before the first is counted
# A stop: a client may send one more request on its open connection, a body may come in, what is
# asked for is answered (`ServerConfig.stop_seconds`), the rest is told, and takes the message.
LAST_REQUEST_SECONDS, LAST_BODY_SECONDS, TELL_SECONDS = 0.3, 2.0, 0.5
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Server(uvicorn.Server):
    """uvicorn's server, whose connections are bounded and which ends in time.

    Args:
        app: as `create_app` makes it.
        service: what it answers with.
        connections: its connections and their limits.
    """

    def __init__(self, app: ASGIApp, service: Service, connections: Connections) -> None:
        config = uvicorn.Config(
            app,
            http=bounded_protocol(connections),
            lifespan="off",
            ws="none",
            log_level="critical",  # what goes wrong is said by the guard, in one line
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPT_AT_ONCE,
            timeout_keep_alive=3600,  # the connections' own limits are lower
            timeout_graceful_shutdown=3,  # after `_drain` there is nothing left to wait for
        )
        super().__init__(config)
        self._service = service
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        asyncio.get_running_loop().set_exception_handler(_report_once())
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # asyncio has just set it to what it accepts at once

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done every tenth of a second; return whether to stop."""
        if counter % 5 == 0:
            self._connections.close_overdue(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, or tell it that the server stops."""
        self._service.is_stopping = self._connections.is_stopping = True
        for listener in sockets or []:
            await self._accept_last(listener)
        for server in self.servers:
            server.close()
        await self._drain()
        await super().shutdown(sockets)

    async def _accept_last(self, listener: socket.socket) -> None:
        """Accept every connection that the system has made already; it would be reset."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                await loop.connect_accepted_socket(self._make_protocol, accepted)

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state={}
        )

    async def _drain(self) -> None:
        """Wait until every request has been answered, and close each connection after it."""
        loop, connections = asyncio.get_running_loop(), self._connections
        for connection in connections.open:
            connection.answer_last()
        begun = loop.time()
        while connections.open and not self.force_exit:
            waited = loop.time() - begun
            if waited > LAST_REQUEST_SECONDS:
                connections.close_waiting()
            if waited > LAST_BODY_SECONDS:
                connections.refuse_bodies()
            if waited > self._service.config.stop_seconds:
                self._service.in_flight.cancel()
            if waited > self._service.config.stop_seconds + TELL_SECONDS:
                break
            connections.close_overdue(loop.time())
            await asyncio.sleep(0.02)
        connections.abort()


def _report_once() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Make a handler of what fails in the event loop, that says once that descriptors ran out."""
    told = False

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal told
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in NO_DESCRIPTORS:
            loop.default_exception_handler(context)
        elif not told:
            told = True
            print(
                f"tenfold: cannot accept connections for now: {error.strerror}",
                file=sys.stderr,
                flush=True,
            )

    return handle
