"""Run the server until Ctrl-C."""

import errno
import socket

import uvicorn

from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.server.app import create_app

BACKLOG = 128
SHUTDOWN_SECONDS = 3  # for pending requests
ALL_INTERFACES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


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


def serve(reader: Reader, listener: socket.socket, host: str) -> None:
    """Serve until Ctrl-C; prints one line with the address of the page.

    Args:
        reader: reads the digits.
        listener: as `listen` returns it.
        host: the host that `listen` was given.
    """
    config = uvicorn.Config(
        create_app(reader, host),
        lifespan="off",
        ws="none",
        log_level="error",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    try:
        print(f"Draw at {_address(listener, host)} (Ctrl-C stops it)", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has shut down, and raises the signal again
        pass
    finally:
        listener.close()


def _address(listener: socket.socket, host: str) -> str:
    name = ALL_INTERFACES.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    others = ", and at this machine's other addresses" if host in ALL_INTERFACES else ""
    return f"http://{shown}:{listener.getsockname()[1]}{others}"
