"""The Open Inference Protocol, version 2: what Triton, KServe and TorchServe answer, too."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tenfold import __version__
from tenfold.data.dataset import SIDE
from tenfold.model.file import INPUT, OUTPUTS
from tenfold.server.endpoint import JSON, Endpoint, json_response, read_body
from tenfold.server.refusal import Refusal
from tenfold.server.service import ServedModel, Service
from tenfold.server.tensors import (
    DATATYPE,
    DATATYPES,
    LENGTH_HEADER,
    VERSION,
    encode_response,
    parse_images,
    parse_request,
)

BINARY = "application/octet-stream"
MODEL = "/v2/models/{name}"


class ServerMetadata(msgspec.Struct):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class ModelReady(msgspec.Struct):
    """Whether a model takes requests."""

    name: str
    ready: bool


class TensorMetadata(msgspec.Struct):
    """A tensor that a model takes or gives; -1 stands for any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def endpoints(service: Service) -> list[Endpoint]:
    """Make the endpoints of the protocol, but for those of probes."""
    limits = service.config.requests

    def served(request: Request) -> ServedModel:
        name, version = request.path_params["name"], request.path_params.get("version", VERSION)
        found = service.models.get(name)
        if found is None:
            names = ", ".join(service.models)
            raise Refusal(404, "path", f"no model {name[:100]!r}; there are: {names}")
        if version != VERSION:
            raise Refusal(
                404, "path", f"no version {version[:50]!r} of {name!r}; there is: {VERSION}"
            )
        return found

    async def infer(request: Request) -> Response:
        model = served(request)
        body = await read_body(request, limits.body_bytes)
        parsed, binary = parse_request(body, request.headers.get(LENGTH_HEADER))
        request.scope["tenfold.id"] = parsed.id
        images = parse_images(parsed, binary, limits.tensor_images)
        parts, length = encode_response(parsed, model.name, await model.batcher.predict(images))
        if length is None:
            return Response(parts[0], media_type=JSON)
        return Response(b"".join(parts), 200, {LENGTH_HEADER: str(length)}, BINARY)

    async def server(request: Request) -> Response:
        return json_response(ServerMetadata("tenfold", __version__, ["binary_tensor_data"]))

    async def model(request: Request) -> Response:
        return json_response(_metadata(served(request)))

    async def ready(request: Request) -> Response:
        name = served(request).name
        if service.is_stopping:
            raise Refusal(503, "stopping", "the server is being stopped")
        return json_response(ModelReady(name, True))

    return [
        *_versions("POST", "/infer", infer, max_bytes=limits.body_bytes, tag="Inference"),
        *_versions("GET", "", model, tag="Inference"),
        *_versions("GET", "/ready", ready, tag="Inference"),
        Endpoint("GET", "/v2", server, tag="Inference"),
    ]


def _versions(method: str, ending: str, handler: Any, **rest: Any) -> list[Endpoint]:
    """Make an endpoint of a model, with and without its version in the path."""
    return [
        Endpoint(method, f"{MODEL}{ending}", handler, **rest),
        Endpoint(method, f"{MODEL}/versions/{{version}}{ending}", handler, **rest),
    ]


def _metadata(served: ServedModel) -> ModelMetadata:
    shapes = {"probabilities": [-1, len(served.model.classes)]}
    return ModelMetadata(
        served.name,
        [VERSION],
        "onnxruntime_onnx",
        [TensorMetadata(INPUT, DATATYPE, [-1, SIDE, SIDE])],
        [TensorMetadata(name, DATATYPES[name], shapes.get(name, [-1])) for name in OUTPUTS],
    )
