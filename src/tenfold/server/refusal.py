"""Why a request is refused: a status, a word for the metrics, and one line for the client."""

from typing import Literal

# What metrics and logs count refusals by.
Reason = Literal[
    "host",  # an unknown host name
    "origin",  # another website
    "token",  # none, or a wrong one
    "path",  # nothing is there
    "method",  # the path does not take it
    "malformed",  # no valid HTTP, JSON, form, query or tensor
    "unreadable",  # a valid request for a picture that cannot be read
    "size",  # a limit on bytes, pictures or pixels
    "busy",  # a queue is full, or too many connections
    "slow",  # a header, a body or a reading took too long
    "stopping",  # the server ends
    "mistake",  # of this program
]


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: of the response, 400-599.
        reason: a word for metrics and logs.
        message: one line that says what was received and what to do.
        headers: of the response.
    """

    def __init__(
        self, status: int, reason: Reason, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.message = " ".join(message.split())
        self.headers = headers or {}


def busy(message: str, seconds: int = 1) -> Refusal:
    """Make the refusal of a request that may be sent again after some seconds."""
    return Refusal(503, "busy", message, {"Retry-After": str(seconds)})
