"""The description of all endpoints, as OpenAPI and as a page that needs no network."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from tenfold.server.endpoint import Endpoint, json_response
from tenfold.server.openapi import describe
from tenfold.server.page import STATIC, file_endpoint


def endpoints(described: Sequence[Endpoint], has_token: bool) -> list[Endpoint]:
    """Make the endpoints that describe others."""
    description = describe(described, has_token)

    async def openapi(request: Request) -> Response:
        return json_response(description)

    return [
        Endpoint("GET", "/openapi.json", openapi),
        file_endpoint("/docs", STATIC / "docs.html", is_public=False),
    ]
