"""The web application: the page, and the digits of strokes and images as JSON."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from anyio import create_task_group
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import FailFast, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tenfold.errors import TenfoldError
from tenfold.ink.region import parse_region
from tenfold.server.guard import Guard, InFlight
from tenfold.server.pages import Busy, PagePool
from tenfold.server.reading import Task

STATIC = Path(__file__).parent / "static"
MAX_BYTES = {"/read/strokes": 2 << 20, "/read/image": 32 << 20}
T = TypeVar("T")

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1), FailFast()]
AllStrokes = Annotated[list[Points], FailFast()]


def create_app(pages: PagePool, host: str) -> FastAPI:
    """Make the application; `app.state.in_flight` has the requests under way.

    Args:
        pages: reads pictures and strokes.
        host: the name that the server listens on; requests to other names are rejected, requests
            to addresses are not.
    """
    app = FastAPI(
        title="Tenfold", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.in_flight = in_flight = InFlight()
    app.add_middleware(Guard, host=host, max_bytes=MAX_BYTES, in_flight=in_flight)

    async def respond(request: Request, task: Task) -> Response:
        content = await _unless_disconnected(request, lambda: pages.read(task))
        return Response(content, media_type="application/json")

    @app.post("/read/strokes")
    async def read_strokes(
        request: Request, strokes: Annotated[AllStrokes, Body()], single: bool = False
    ) -> Response:
        return await respond(request, pages.task(strokes=strokes, single=single))

    @app.post("/read/image")
    async def read_image(
        request: Request, single: bool = False, region: str | None = None
    ) -> Response:
        part = None if region is None else parse_region(region)
        content = await request.body()
        return await respond(request, pages.task(image=content, single=single, region=part))

    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    _add_page(app)

    @app.exception_handler(TenfoldError)
    async def unreadable(request: Request, error: TenfoldError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        message = "too many requests wait to be read; try again in a few seconds"
        return JSONResponse({"error": message}, 503, {"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        status = 400 if first["type"] == "json_invalid" else 422
        return JSONResponse({"error": _describe(first)}, status)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            methods = {*headers.get("Allow", "GET, HEAD").split(", "), "OPTIONS"}
            headers["Allow"] = ", ".join(sorted(methods))
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=headers)
        return JSONResponse({"error": str(error.detail)}, error.status_code, headers)

    @app.exception_handler(ClientDisconnect)
    async def disconnected(request: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"error": "the request body is incomplete"}, 400)  # nobody receives it

    return app


def _add_page(app: FastAPI) -> None:
    """Add a route for each file of the page: no path of a request reaches the file system."""
    files = StaticFiles(directory=STATIC)

    def add(path: str, file: str) -> None:
        async def page(request: Request) -> Response:
            return await files.get_response(file, request.scope)

        app.add_route(path, page, methods=["GET", "HEAD"])

    for file in STATIC.iterdir():
        add(f"/{file.name}", file.name)
    add("/", "index.html")


async def _unless_disconnected(request: Request, call: Callable[[], Awaitable[T]]) -> T:
    """Await a call, but cancel it where the client leaves."""
    outcome: T | Exception = ClientDisconnect()
    async with create_task_group() as group:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                continue
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            outcome = await call()
        except Exception as error:  # raised here, it would come out in a group
            outcome = error
        group.cancel_scope.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _describe(error: dict[str, Any]) -> str:
    """Describe what is wrong with a request, and where, in one line."""
    if error["type"] == "json_invalid":
        return f"the body is not JSON ({error.get('ctx', {}).get('error', error['msg'])})"
    origin, *path = error["loc"]
    if origin != "body":
        return f"{'.'.join(map(str, path))}: {error['msg']}"
    names = ("stroke", "point", "coordinate")
    numbers = [number + 1 for number in path if isinstance(number, int)]
    where = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=False))
    expected = "send a list of strokes, each a list of points [x, y]"
    return f"{where or 'strokes'}: {error['msg']}; {expected}"
