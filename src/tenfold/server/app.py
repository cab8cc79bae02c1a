"""What the server answers: the page, and the digits of strokes and pictures."""

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

from tenfold.data.display import picture_uri
from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader, Reading
from tenfold.server.guard import Guard

STATIC = Path(__file__).parent / "static"
MOST_BYTES = {"/read/strokes": 2 << 20, "/read/picture": 32 << 20}
# A photo of 12 megapixels takes 80 MB as JPEG and 130 MB as PNG while it is read.
MOST_AT_ONCE = 4

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Points = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1), FailFast()]
AllStrokes = Annotated[list[Points], FailFast()]


def create_app(reader: Reader, host: str = "127.0.0.1") -> FastAPI:
    """Make the application that answers for a reader.

    Args:
        reader: what reads.
        host: the name that the server listens on; other names are refused, addresses are not.
    """
    app = FastAPI(title="Tenfold", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, host=host, most_bytes=MOST_BYTES)
    limiter = CapacityLimiter(MOST_AT_ONCE)

    async def answer(read: Callable[[], Reading]) -> dict[str, Any]:
        return await to_thread.run_sync(lambda: _as_dict(read(), reader), limiter=limiter)

    @app.post("/read/strokes")
    async def read_strokes(
        strokes: Annotated[AllStrokes, Body()], single: bool = False
    ) -> dict[str, Any]:
        return await answer(lambda: reader.read_strokes(strokes, single))

    @app.post("/read/picture")
    async def read_picture(request: Request, single: bool = False) -> dict[str, Any]:
        content = await request.body()
        return await answer(lambda: reader.read(content, single, "the picture"))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    app.mount("/", StaticFiles(directory=STATIC, html=True))

    @app.exception_handler(TenfoldError)
    async def cannot_be_read(request: Request, error: TenfoldError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        status = 400 if first["type"] == "json_invalid" else 422
        return JSONResponse({"error": _in_words(first)}, status)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"error": "the body was cut short"}, 400)  # nobody is there to hear it

    return app


def _as_dict(reading: Reading, reader: Reader) -> dict[str, Any]:
    """Give all of a reading as plain values, pictures and every probability too."""
    answer = reading.to_dict()
    for digit, told in zip(reading, answer["digits"], strict=True):
        told["probabilities"] = [round(value, 6) for value in digit.probabilities]
        told["image"] = picture_uri(digit.image)
    return {
        "text": str(reading),
        **answer,
        "classes": list(reader.model.classes),
        "notes": list(reading.page.notes),
    }


def _in_words(error: dict[str, Any]) -> str:
    """Say in one line what is wrong with a request, and where."""
    if error["type"] == "json_invalid":
        return f"the body is no JSON ({error.get('ctx', {}).get('error', error['msg'])})"
    origin, *place = error["loc"]
    if origin != "body":
        return f"{'.'.join(map(str, place))}: {error['msg']}"
    names = ("stroke", "point", "coordinate")
    numbers = [number + 1 for number in place if isinstance(number, int)]
    where = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=False))
    wanted = "send a list of strokes, each a list of points [x, y]"
    return f"{where or 'strokes'}: {error['msg']}; {wanted}"
