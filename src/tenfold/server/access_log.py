"""The access log: a line for each request on stderr, with nothing of what it carried."""

import json
import os
from collections import deque
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

from tenfold.server.observer import Observer, RequestEvent
from tenfold.server.refusal import Reason

STDERR = 2
MAX_TEXT = 200  # characters of what a client has chosen: a path, a method, an id
MAX_WAITING = 10_000  # lines; more are dropped, and counted, where nobody reads the log
GATHER_SECONDS = 0.05


class AccessLog(Observer):
    """Logs each request, as JSON or as text.

    Whatever a client chose is cut and written in ASCII, with all else escaped, so that it makes no
    line of its own and tells a terminal nothing. No query is logged: it may have a token in it.

    A thread writes, since a pipe whose reader has stopped would hold up every request.

    Args:
        as_json: one object a line, else words.
        descriptor: of the file, stderr's unless given; Python's own object for it would be locked
            where nobody reads, and could not be closed at the end.
    """

    def __init__(self, as_json: bool, descriptor: int = STDERR) -> None:
        self._format = _as_json if as_json else _as_text
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._n_dropped = 0
        self._wake, self._is_closed = Event(), Event()
        self._thread = Thread(target=self._write, name="access-log", daemon=True)
        self._thread.start()

    def on_request(self, event: RequestEvent) -> None:
        """Log a request."""
        entry: dict[str, Any] = {
            "time": _now(),
            "client": event.client[:MAX_TEXT],
            "method": event.method[:MAX_TEXT],
            "path": event.path[:MAX_TEXT],
            "status": event.status,
            "seconds": round(event.seconds, 6),
            "received": event.bytes_received,
            "sent": event.bytes_sent,
        }
        if event.reason is not None:
            entry["reason"] = event.reason
        if event.id:
            entry["id"] = event.id[:MAX_TEXT]
        self._add(entry)

    def on_connection_refused(self, reason: Reason) -> None:
        """Log a connection that has made no request."""
        self._add({"time": _now(), "reason": reason})

    def close(self) -> None:
        """Write what is left; wait at most a second for whoever reads it."""
        self._is_closed.set()
        self._wake.set()
        self._thread.join(1)

    def _add(self, entry: dict[str, Any]) -> None:
        if len(self._lines) >= MAX_WAITING:
            self._n_dropped += 1
            return
        self._lines.append(self._format(entry))
        if not self._wake.is_set():
            self._wake.set()

    def _write(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait()
            is_last = self._is_closed.wait(GATHER_SECONDS)  # many lines are one write
            self._wake.clear()
            dropped, self._n_dropped = self._n_dropped, 0
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if dropped:
                lines.append(self._format({"time": _now(), "dropped": dropped}))
            left = "".join(lines).encode("ascii")
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:  # nobody reads it any more
                return


def _as_json(entry: dict[str, Any]) -> str:
    return f"{json.dumps(entry, separators=(',', ':'))}\n"


def _as_text(entry: dict[str, Any]) -> str:
    """Write as words: what a client chose in quotes, everything else as it is."""
    words = [entry["time"]]
    if "method" in entry:
        request = json.dumps(f"{entry['method']} {entry['path']}")
        words += [
            json.dumps(entry["client"])[1:-1] or "-",
            request,
            str(entry["status"]),
            f"{1000 * entry['seconds']:.1f}ms",
            f"received={entry['received']}",
            f"sent={entry['sent']}",
        ]
    words += [f"{name}={entry[name]}" for name in ("reason", "dropped") if name in entry]
    if "id" in entry:
        words.append(f"id={json.dumps(entry['id'])}")
    return f"{' '.join(words)}\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
