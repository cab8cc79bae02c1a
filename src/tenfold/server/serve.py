"""Run the server until Ctrl-C."""

import errno
import socket
from dataclasses import replace

from tenfold.errors import TenfoldError
from tenfold.server.app import create_app
from tenfold.server.config import ServerConfig
from tenfold.server.connections import ConnectionLimits, Connections
from tenfold.server.runner import BACKLOG, Server
from tenfold.server.service import Service

SPARE_DESCRIPTORS = 96  # for Python, pipes to the readers, and connections not yet counted
MIN_CONNECTIONS = 8
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


def serve(service: Service, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; prints one line with the address of the page.

    Args:
        service: what answers requests.
        listener: as `listen` returns it.

    Raises:
        TenfoldError: where this process may open too few files.
    """
    config = service.config
    connections = Connections(_within_descriptors(config.connections), service.observers)
    server = Server(create_app(service), service, connections)
    try:
        print(f"Draw at {_address(listener, config)} (Ctrl-C stops it)", flush=True)
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has shut down, and raises the signal again
        pass
    finally:
        service.close()
        listener.close()


def _within_descriptors(limits: ConnectionLimits) -> ConnectionLimits:
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


def _address(listener: socket.socket, config: ServerConfig) -> str:
    name = ALL_INTERFACES.get(config.host, config.host)
    shown = f"[{name}]" if ":" in name else name
    others = ", and at this machine's other addresses" if config.host in ALL_INTERFACES else ""
    return f"http://{shown}:{listener.getsockname()[1]}{others}"
