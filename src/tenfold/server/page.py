"""The files of the local web page: each has a fixed address, and is in memory."""

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tenfold.server.endpoint import Endpoint
from tenfold.server.service import Service

STATIC = Path(__file__).parent / "static"
HOME = "index.html"
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def endpoints(service: Service) -> list[Endpoint]:
    """Make an endpoint for each file that pages load; they hold nothing that is secret."""
    files = sorted(STATIC.iterdir())
    return [file_endpoint(f"/{file.name}", file) for file in files if file.suffix != ".html"]


def file_endpoint(path: str, file: Path, is_public: bool = True) -> Endpoint:
    """Make the endpoint of a file: no path of a request reaches the file system."""
    content, media_type = file.read_bytes(), MEDIA_TYPES[file.suffix]
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    async def handler(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return Response(content, 200, {"ETag": etag}, media_type)

    return Endpoint("GET", path, handler, is_public=is_public)
