"""Listen, say where, and answer until Ctrl-C."""

import errno
import socket

import uvicorn

from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.server.app import create_app

BACKLOG = 128
LAST_SECONDS = 3  # for requests under way at the end
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def listen(host: str, port: int) -> socket.socket:
    """Take a port, before anything else is done.

    Args:
        host: a name or an address.
        port: 0 for any that is free.

    Raises:
        TenfoldError: where that cannot be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TenfoldError(
                f"--port: {port} on {host} is taken; stop what listens there, or choose another "
                "port (0: any that is free)"
            ) from None
        raise TenfoldError(
            f"--host, --port: cannot listen on {host}, port {port}: {error.strerror or error}"
        ) from None


def serve(reader: Reader, listener: socket.socket, host: str) -> None:
    """Answer until Ctrl-C; prints one line with the page's address.

    Args:
        reader: what reads.
        listener: what `listen` gave.
        host: the name that it was given.
    """
    config = uvicorn.Config(
        create_app(reader, host),
        lifespan="off",
        ws="none",
        log_level="error",
        server_header=False,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    try:
        print(f"Draw at {_address(listener, host)} (Ctrl-C ends it)", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has ended in good order, and hands the signal on
        pass
    finally:
        listener.close()


def _address(listener: socket.socket, host: str) -> str:
    name = ANYWHERE.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    everywhere = ", and at this machine's other addresses" if host in ANYWHERE else ""
    return f"http://{shown}:{listener.getsockname()[1]}{everywhere}"
