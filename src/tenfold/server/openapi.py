"""The OpenAPI description, made of the endpoints that it describes."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tenfold import __version__
from tenfold.server.endpoint import JSON, Content, Endpoint, Parameter
from tenfold.server.schemas import Error

TEMPLATE = "#/components/schemas/{name}"
DESCRIPTION = (
    "Handwritten digits: the Open Inference Protocol for images of 28 x 28 pixels, and `/read` "
    "for pictures, PDFs, forms and strokes of any size. Every error is JSON of one line."
)
# What any endpoint may answer.
ERRORS = {
    400: "the request is not valid",
    401: "no token, or a wrong one",
    403: "an unknown host name, or another website",
    404: "nothing has this name",
    405: "the path does not take the method",
    408: "the request came in too slowly",
    409: "the model answers otherwise than the request says",
    413: "the request is too large",
    415: "the body is compressed",
    422: "it cannot be read, or a parameter is not valid",
    431: "the header is too large",
    503: "too much waits, or the server is being stopped; `Retry-After` says when to ask again",
    507: "corrections cannot be kept or read; the server's own output says why",
}
ALWAYS = (400, 401, 403, 408, 431, 503)
WITH_BODY = (413, 415)


def describe(endpoints: Iterable[Endpoint], has_token: bool) -> dict[str, Any]:
    """Describe endpoints as OpenAPI 3.1.

    Args:
        endpoints: those with a tag are described.
        has_token: whether requests must carry one.
    """
    described = [endpoint for endpoint in endpoints if endpoint.tag]
    contents = [one for endpoint in described for one in (*endpoint.body, *endpoint.responses)]
    types = [kind for one in contents for kind in _types(one.schema)]
    _, schemas = msgspec.json.schema_components([*types, Error], ref_template=TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in described:
        operation = _operation(endpoint, has_token)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Tenfold", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if has_token:
        scheme = {"type": "http", "scheme": "bearer"}
        description["components"]["securitySchemes"] = {"token": scheme}
    return description


def _operation(endpoint: Endpoint, has_token: bool) -> dict[str, Any]:
    statuses = {*ALWAYS, *endpoint.errors, *(WITH_BODY if endpoint.body else ())}
    if "{" in endpoint.path:
        statuses.add(404)
    error = {JSON: {"schema": {"$ref": TEMPLATE.format(name="Error")}}}
    refusals = {
        str(status): {"description": ERRORS[status], "content": error}
        for status in sorted(statuses)
    }
    operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": [_parameter(parameter) for parameter in endpoint.parameters],
        "responses": {
            "200": {"description": "the answer", "content": _contents(endpoint.responses)},
            **refusals,
        },
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": _contents(endpoint.body)}
    if has_token:
        operation["security"] = [] if endpoint.is_public else [{"token": []}]
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    words = endpoint.path.replace("{", "").replace("}", "").replace("/", " ").split()
    return "_".join([endpoint.method.lower(), *words])


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_required or parameter.place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
        **({} if parameter.example is None else {"example": parameter.example}),
    }


def _contents(contents: Iterable[Content]) -> dict[str, Any]:
    return {
        content.media_type: {
            "schema": _schema(content.schema),
            **(
                {"examples": {name: {"value": one} for name, one in content.examples.items()}}
                if content.examples
                else {}
            ),
        }
        for content in contents
    }


def _types(schema: Any) -> tuple[Any, ...]:
    if isinstance(schema, dict):
        return ()
    return schema if isinstance(schema, tuple) else (schema,)


def _schema(schema: Any) -> dict[str, Any]:
    if isinstance(schema, dict):
        return schema
    written, _ = msgspec.json.schema_components(_types(schema), ref_template=TEMPLATE)
    return written[0] if len(written) == 1 else {"oneOf": list(written)}
