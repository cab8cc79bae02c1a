"""Run the server until Ctrl-C."""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import uvicorn
from fastapi import FastAPI

from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.run.environment import default_threads
from tenfold.server.app import create_app
from tenfold.server.connections import Connections, Limits, bounded_protocol
from tenfold.server.pages import PagePool

BACKLOG = 1024  # connections that wait to be accepted
ACCEPT_AT_ONCE = 8  # asyncio accepts as many, a few times over, before the first is counted
# SIGTERM and Ctrl-C end the server within 3 s: what is read by then is answered, then the rest is
# told that the server stops, then every connection is closed.
ANSWER_SECONDS, TELL_SECONDS, SHUTDOWN_SECONDS = 2.0, 2.5, 3
MAX_READERS = 4  # pages read at once
SPARE_DESCRIPTORS = 96  # for Python, pipes to the readers, and connections not yet counted
MIN_CONNECTIONS = 8
ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def listen(host: str, port: int) -> socket.socket:
    """Bind a port, before a model is loaded.

    Args:
        host: a name or an address.
        port: 0 for any free port.

    Raises:
        TenfoldError: where the port is in use or the host cannot be bound.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, address = addresses[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TenfoldError(
                f"--port: {port} on {host} is in use; stop the program that listens there, or "
                "choose another port (0: any free port)"
            ) from None
        raise TenfoldError(
            f"--host, --port: cannot listen on {host}, port {port}: {error.strerror or error}"
        ) from None


def serve(reader: Reader, listener: socket.socket, host: str, limits: Limits | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; prints one line with the address of the page.

    Args:
        reader: reads the digits.
        listener: as `listen` returns it.
        host: the host that `listen` was given.
        limits: what connections may take.

    Raises:
        TenfoldError: where this process may open too few files.
    """
    limits = _within_descriptors(limits or Limits())
    pages = PagePool(reader, min(MAX_READERS, default_threads()))
    server = Server(create_app(pages, host), Connections(limits))
    try:
        print(f"Draw at {_address(listener, host)} (Ctrl-C stops it)", flush=True)
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has shut down, and raises the signal again
        pass
    finally:
        pages.close()
        listener.close()


class Server(uvicorn.Server):
    """uvicorn's server, whose connections are bounded and which ends in time.

    Args:
        app: as `create_app` makes it.
        connections: its connections and their limits.
    """

    def __init__(self, app: FastAPI, connections: Connections) -> None:
        config = uvicorn.Config(
            app,
            http=bounded_protocol(connections),
            lifespan="off",
            ws="none",
            log_level="error",
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPT_AT_ONCE,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self._app = app
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
        loop = asyncio.get_running_loop()
        loop.call_later(ANSWER_SECONDS, self._app.state.in_flight.cancel)
        loop.call_later(TELL_SECONDS, self._connections.abort)
        await super().shutdown(sockets)


def _within_descriptors(limits: Limits) -> Limits:
    """Lower the number of connections to what this process may open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return limits
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most == resource.RLIM_INFINITY:
        return limits
    left = most - SPARE_DESCRIPTORS
    if left < MIN_CONNECTIONS:
        least = MIN_CONNECTIONS + SPARE_DESCRIPTORS
        raise TenfoldError(
            f"serve: needs {least} open files at least; raise the limit (ulimit -n). "
            f"Received: {most}"
        )
    return replace(limits, connections=min(limits.connections, left))


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


def _address(listener: socket.socket, host: str) -> str:
    name = ALL_INTERFACES.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    others = ", and at this machine's other addresses" if host in ALL_INTERFACES else ""
    return f"http://{shown}:{listener.getsockname()[1]}{others}"
