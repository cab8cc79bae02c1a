"""Connections that are bounded: how many, how long each may wait, how much they may hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tenfold.server.observer import Observer

if TYPE_CHECKING:
    from tenfold.server.protocol import BoundedProtocol

# What a connection waits for: the next request, the end of a header, a body, the end of a
# response, or the client to leave.
Phase = Literal["idle", "header", "body", "response", "closing"]


@dataclass(frozen=True)
class ConnectionLimits:
    """What connections may take.

    Args:
        connections: open at once. For one more the one that has been idle for longest is closed,
            and where none is idle the new one is refused.
        idle_seconds: from a response to the next request; more than the 60 s for which nginx keeps
            connections, so that it is not the server that closes one as it is used.
        header_bytes: of a header.
        header_seconds: from the connection, or the first byte of a header, to the end of a header.
        body_seconds: for a body.
        window_seconds: in each such part of that time a body must bring `window_bytes`.
        window_bytes: 16 KiB in 10 s are less than any mobile network gives.
        response_seconds: from the end of the body until the response has been sent.
        closing_seconds: for the client to take a refusal.
        held_bytes: of all requests that are coming in or wait for their response.
    """

    connections: int = 256
    idle_seconds: float = 75.0
    header_bytes: int = 16 << 10
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
        observer: is told of what is refused before it is a request.
    """

    is_stopping = False  # responses say that their connection is closed

    def __init__(self, limits: ConnectionLimits, observer: Observer | None = None) -> None:
        self.limits = limits
        self.observer = Observer() if observer is None else observer
        self.open: set[BoundedProtocol] = set()
        self.held = 0

    def admit(self, connection: "BoundedProtocol") -> None:
        """Take a connection in; where there are too many, another is closed for it, or it is."""
        self.open.add(connection)
        while len(self.open) > self.limits.connections:
            others = self.open - {connection}
            least = (
                _oldest(others, "closing") or _oldest(others, "idle") or _oldest(others, "header")
            )
            if least is None:
                connection.refuse(503, "busy", "too many connections; try again in a few seconds")
                return
            least.transport.abort()
            self.open.discard(least)

    def hold(self, count: int) -> None:
        """Count bytes of bodies; where they are too many, the slowest body is refused."""
        self.held += count
        if self.held > self.limits.held_bytes:
            slowest = _oldest(self.open, "body")
            if slowest is not None:
                slowest.refuse(
                    503, "busy", "too many large requests at once; try again in a few seconds"
                )

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

    def close_waiting(self) -> None:
        """Close what waits for a request that has not come."""
        for connection in list(self.open):
            connection.close_if_waiting()

    def refuse_bodies(self) -> None:
        """Refuse every request whose body has not come in."""
        for connection in list(self.open):
            if connection.phase == "body":
                connection.refuse(503, "stopping", "the server is being stopped")


def _oldest(connections: "Iterable[BoundedProtocol]", phase: Phase) -> "BoundedProtocol | None":
    """Find the connection that has been in a phase for longest."""
    waiting = (connection for connection in connections if connection.phase == phase)
    return min(waiting, key=lambda connection: connection.since, default=None)
