"""The files of the local web page: each has a fixed address, and is in memory."""

import hashlib
import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tenfold.server.endpoint import Endpoint
from tenfold.server.service import Service

STATIC = Path(__file__).parent / "static"
PAGES = {"/": "index.html", "/corrections": "corrections.html"}
MEDIA_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}


def endpoints(service: Service) -> list[Endpoint]:
    """Make an endpoint for each file of the page: no path of a request reaches the file system."""
    made = []
    for file in sorted(STATIC.iterdir()):
        made.append(_endpoint(f"/{file.name}", file))
    return [*(_endpoint(path, STATIC / name) for path, name in PAGES.items()), *made]


def _endpoint(path: str, file: Path) -> Endpoint:
    content = file.read_bytes()
    media_type = MEDIA_TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    async def handler(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return Response(content, 200, {"ETag": etag}, media_type)

    return Endpoint("GET", path, handler)
