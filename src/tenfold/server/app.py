"""The web application: the page, and the digits of strokes and images as JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import FailFast, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tenfold.data.display import image_data_uri
from tenfold.errors import TenfoldError
from tenfold.ink.region import parse_region
from tenfold.model.reader import Reader
from tenfold.model.reading import Reading
from tenfold.server.guard import Guard

STATIC = Path(__file__).parent / "static"
MAX_BYTES = {"/read/strokes": 2 << 20, "/read/image": 32 << 20}
# A photo of 12 megapixels takes 80 MB as JPEG and 130 MB as PNG while it is read.
MAX_CONCURRENT = 4

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1), FailFast()]
AllStrokes = Annotated[list[Points], FailFast()]


def create_app(reader: Reader, host: str = "127.0.0.1") -> FastAPI:
    """Make the application for a reader.

    Args:
        reader: reads the digits.
        host: the name that the server listens on; requests to other names are rejected, requests
            to addresses are not.
    """
    app = FastAPI(title="Tenfold", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, host=host, max_bytes=MAX_BYTES)
    limiter = CapacityLimiter(MAX_CONCURRENT)

    async def respond(read: Callable[[], Reading]) -> dict[str, Any]:
        return await to_thread.run_sync(lambda: _to_dict(read(), reader), limiter=limiter)

    @app.post("/read/strokes")
    async def read_strokes(
        strokes: Annotated[AllStrokes, Body()], single: bool = False
    ) -> dict[str, Any]:
        return await respond(lambda: reader.read_strokes(strokes, single))

    @app.post("/read/image")
    async def read_image(
        request: Request, single: bool = False, region: str | None = None
    ) -> dict[str, Any]:
        part = None if region is None else parse_region(region)
        content = await request.body()
        return await respond(lambda: reader.read(content, single, "the image", part))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    app.mount("/", StaticFiles(directory=STATIC, html=True))

    @app.exception_handler(TenfoldError)
    async def unreadable(request: Request, error: TenfoldError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        status = 400 if first["type"] == "json_invalid" else 422
        return JSONResponse({"error": _describe(first)}, status)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def disconnected(request: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"error": "the request body is incomplete"}, 400)  # nobody receives it

    return app


def _to_dict(reading: Reading, reader: Reader) -> dict[str, Any]:
    """Give all of a reading as plain values, with images and every probability."""
    content = reading.to_dict()
    for digit, entry in zip(reading, content["digits"], strict=True):
        entry["probabilities"] = [round(value, 6) for value in digit.probabilities]
        entry["image"] = image_data_uri(digit.image)
    return {
        "text": reading.text,
        **content,
        "classes": list(reader.model.classes),
    }


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
