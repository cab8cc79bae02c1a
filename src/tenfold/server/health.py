"""Whether the server is there, and ready."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tenfold.server.endpoint import JSON, Content, Endpoint, json_response
from tenfold.server.refusal import Refusal
from tenfold.server.service import Service


class Live(msgspec.Struct):
    """The answer of a server that runs."""

    live: bool


class Ready(msgspec.Struct):
    """The answer of a server that takes requests."""

    ready: bool


def endpoints(service: Service) -> list[Endpoint]:
    """Make the endpoints of probes; they need no token and tell nothing else."""

    async def live(request: Request) -> Response:
        return json_response(Live(True))

    async def ready(request: Request) -> Response:
        if service.is_stopping:
            raise Refusal(503, "stopping", "the server is being stopped")
        return json_response(Ready(True))

    shared: dict[str, Any] = {"is_public": True, "tag": "Health"}
    return [
        Endpoint(
            "GET",
            "/v2/health/live",
            live,
            "Whether the server runs",
            responses=(Content(JSON, Live, {"running": {"live": True}}),),
            **shared,
        ),
        Endpoint(
            "GET",
            "/v2/health/ready",
            ready,
            "Whether the server takes requests",
            "503 while it stops: a load balancer sends no more then.",
            responses=(Content(JSON, Ready, {"ready": {"ready": True}}),),
            errors=(503,),
            **shared,
        ),
    ]
