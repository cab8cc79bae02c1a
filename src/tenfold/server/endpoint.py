"""An endpoint: what answers a path and a method, and what the description says of it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tenfold.server.refusal import Refusal

Handler = Callable[[Request], Awaitable[Response]]
ENDPOINT = "tenfold.endpoint"  # where a request's scope has the endpoint that answers it
REQUEST_ID = "tenfold.id"  # and its id, which the client gave it
JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a request.

    Args:
        name: as it is sent.
        description: one line.
        schema: JSON Schema of its value.
        place: where it stands.
        example: a valid value.
        is_required: whether there is no request without it; what is in a path always is.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    place: Literal["query", "path", "header"] = "query"
    example: Any = None
    is_required: bool = False


@dataclass(frozen=True)
class Content:
    """What a body may be.

    Args:
        media_type: as in `Content-Type`.
        schema: a type whose JSON Schema msgspec knows, several of which it is one, or JSON Schema
            itself.
        examples: valid bodies by their names.
    """

    media_type: str
    schema: Any
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """What answers a method of a path.

    Args:
        method: GET (which answers HEAD too), POST, DELETE and so on.
        path: as Starlette has it, with {parameters}.
        handler: from a request to its response; raises Refusal, or TenfoldError for what cannot
            be read.
        summary: one line for the description.
        description: more of it, in Markdown.
        parameters: in the path, the query and the header.
        body: what it may be, one for each media type; none where the method takes none.
        responses: what it answers with 200, one for each media type.
        errors: statuses of refusals that this endpoint alone has.
        max_bytes: of the body.
        is_public: whether it is answered without a token.
        tag: the heading that the description lists it under; "" leaves it out.
    """

    method: str
    path: str
    handler: Handler
    summary: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: tuple[Content, ...] = ()
    responses: tuple[Content, ...] = ()
    errors: tuple[int, ...] = ()
    max_bytes: int = 0
    is_public: bool = False
    tag: str = ""


def routes(endpoints: Iterable[Endpoint]) -> list[Route]:
    """Make the routes of all endpoints, one for each path, in the order of the paths."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(endpoint.path, {})
        if endpoint.method in methods:
            raise ValueError(f"{endpoint.method} {endpoint.path}: there are two of it")
        methods[endpoint.method] = endpoint
    return [Route(path, _Methods(methods)) for path, methods in paths.items()]


class _Methods:
    """Answers every method of a path."""

    def __init__(self, methods: dict[str, Endpoint]) -> None:
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = ", ".join(sorted({*self._methods, "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._methods.get(scope["method"])
        if endpoint is None:
            if scope["method"] != "OPTIONS":
                raise Refusal(405, "method", "Method Not Allowed", {"Allow": self._allow})
            response = Response(status_code=204, headers={"Allow": self._allow})
        else:
            scope[ENDPOINT] = endpoint
            response = await endpoint.handler(Request(scope, receive))
        await response(scope, receive, send)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the body of a request.

    Raises:
        Refusal: where it is larger than that.
        ClientDisconnect: where it does not come to an end.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise Refusal(
            415,
            "malformed",
            f"compressed bodies are not taken; send it as it is. Received: {coding[:50]!r}",
        )
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_bytes:
        raise too_large(max_bytes)
    pieces, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if piece := message.get("body"):
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise too_large(max_bytes)
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def too_large(max_bytes: int) -> Refusal:
    """Make the refusal of a body."""
    return Refusal(
        413, "size", f"the limit is {max_bytes:,} bytes; send a smaller picture, or fewer"
    )


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a response of what msgspec can write."""
    return Response(msgspec.json.encode(content), status, headers, JSON)


def parse_flag(request: Request, name: str) -> bool:
    """Read a parameter of the query that is true or false.

    Raises:
        Refusal: where it is neither, or given twice.
    """
    values = request.query_params.getlist(name)
    if not values:
        return False
    if len(values) > 1 or values[0] not in ("true", "false"):
        raise Refusal(
            422,
            "malformed",
            f"{name}: must be true or false. Received: {', '.join(values)[:100]!r}",
        )
    return values[0] == "true"
