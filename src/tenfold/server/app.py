"""The web application: all endpoints behind the guard."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tenfold.server import corrections, docs, health, inference, metrics, page, read, sign_in
from tenfold.server.access import AllowedHosts, AllowedOrigins, Token
from tenfold.server.endpoint import Endpoint, routes
from tenfold.server.guard import Guard
from tenfold.server.refusal import Refusal
from tenfold.server.service import Service

# What is served: each makes its endpoints from the service. The paths of inference come first,
# since they are asked for most often and paths are tried in their order.
ENDPOINTS: Sequence[Callable[[Service], list[Endpoint]]] = (
    inference.endpoints,
    health.endpoints,
    metrics.endpoints,
    read.endpoints,
    corrections.endpoints,
    sign_in.endpoints,
    page.endpoints,
)


def create_app(service: Service) -> ASGIApp:
    """Make the application.

    Args:
        service: what answers requests.
    """
    config = service.config
    endpoints = [endpoint for make in ENDPOINTS for endpoint in make(service)]
    endpoints += docs.endpoints(endpoints, config.token is not None)
    public = {endpoint.path for endpoint in endpoints if endpoint.is_public}
    token = None if config.token is None else Token(config.token)
    app: ASGIApp = Guard(
        Router(routes(endpoints), redirect_slashes=False, default=_not_found),
        AllowedHosts((config.host, *config.allow_hosts)),
        AllowedOrigins(config.allow_origins),
        token,
        public.__contains__,
        service.in_flight,
        service.observers,
    )
    if config.trusted_proxies:
        proxies = list(config.trusted_proxies)
        app = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, app), proxies))
    return app


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refusal(404, "path", "Not Found")
