"""The Open Inference Protocol, version 2: what Triton, KServe and TorchServe answer, too."""

from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tenfold import __version__
from tenfold.data.dataset import SIDE
from tenfold.model.engine import INPUT, OUTPUTS
from tenfold.server.endpoint import (
    JSON,
    REQUEST_ID,
    Content,
    Endpoint,
    Handler,
    Parameter,
    json_response,
    read_body,
)
from tenfold.server.refusal import Refusal
from tenfold.server.service import ServedModel, Service
from tenfold.server.tensors import (
    DATATYPE,
    DATATYPES,
    LENGTH_HEADER,
    VERSION,
    InferResponse,
    encode_response,
    parse_images,
    parse_request,
)

BINARY = "application/octet-stream"
MODEL = "/v2/models/{name}"
TAG = "Inference"
INFER = (
    "The input `image` is UINT8 [n, 28, 28], ink 255 on 0; its data are one flat list of numbers, "
    "or nested as its shape is. The outputs are those of the model file, or the ones that are "
    "named: `probabilities`, `label`, `accepted`.\n\nWith the binary tensor data extension the "
    f"body is JSON and bytes behind it, and the header `{LENGTH_HEADER}` is the length of the "
    "JSON. An input then has the parameter `binary_data_size`; outputs come back so where their "
    "parameter `binary_data`, or the request's `binary_data_output`, is true."
)
BYTES = {"type": "string", "format": "binary"}
LENGTH = Parameter(
    LENGTH_HEADER,
    "the length of the JSON, where bytes follow it",
    {"type": "integer", "minimum": 0, "maximum": 1 << 30},
    "header",
)
# What JSON Schema can say of a request; that data are as many numbers as shape has is not in it.
REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype"],
                "properties": {
                    "name": {"const": INPUT},
                    "datatype": {"const": DATATYPE},
                    "shape": {
                        "type": "array",
                        "prefixItems": [
                            {"type": "integer", "minimum": 0},
                            {"const": SIDE},
                            {"const": SIDE},
                        ],
                        "minItems": 3,
                        "maxItems": 3,
                    },
                    "parameters": {"type": "object"},
                    "data": {"type": "array"},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"enum": list(OUTPUTS)},
                    "parameters": {"type": "object"},
                },
            },
        },
    },
}


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
        if parsed.id:
            request.scope[REQUEST_ID] = parsed.id
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

    names = tuple(service.models)
    return [
        *_versions(
            "POST",
            "/infer",
            infer,
            names,
            summary="Predict the digits of images",
            description=INFER,
            parameters=(LENGTH,),
            body=(Content(JSON, REQUEST, {"one image": _example()}), Content(BINARY, BYTES)),
            responses=(Content(JSON, InferResponse), Content(BINARY, BYTES)),
            max_bytes=limits.body_bytes,
        ),
        *_versions(
            "GET",
            "",
            model,
            names,
            summary="What a model takes and gives",
            responses=(Content(JSON, ModelMetadata),),
        ),
        *_versions(
            "GET",
            "/ready",
            ready,
            names,
            summary="Whether a model takes requests",
            responses=(Content(JSON, ModelReady),),
        ),
        Endpoint(
            "GET",
            "/v2",
            server,
            "What the server is",
            responses=(Content(JSON, ServerMetadata),),
            tag=TAG,
        ),
    ]


def _versions(
    method: str,
    ending: str,
    handler: Handler,
    names: tuple[str, ...],
    parameters: tuple[Parameter, ...] = (),
    **rest: Any,
) -> list[Endpoint]:
    """Make an endpoint of a model, with and without its version in the path."""
    name = Parameter("name", "the model's name", {"enum": list(names)}, "path", names[0])
    version = Parameter("version", "its version", {"enum": [VERSION]}, "path", VERSION)
    path = f"{MODEL}/versions/{{version}}{ending}"
    return [
        Endpoint(
            method, f"{MODEL}{ending}", handler, parameters=(name, *parameters), tag=TAG, **rest
        ),
        Endpoint(method, path, handler, parameters=(name, version, *parameters), tag=TAG, **rest),
    ]


def _example() -> dict[str, Any]:
    """Make a request with a 1: a vertical line."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[4:24, 13:15] = 255
    tensor = {"name": INPUT, "shape": [1, SIDE, SIDE], "datatype": DATATYPE}
    return {"id": "a1", "inputs": [{**tensor, "data": image.ravel().tolist()}]}


def _metadata(served: ServedModel) -> ModelMetadata:
    shapes = {"probabilities": [-1, len(served.model.classes)]}
    return ModelMetadata(
        served.name,
        [VERSION],
        f"{served.model.engine.partition(' ')[0]}_onnx",
        [TensorMetadata(INPUT, DATATYPE, [-1, SIDE, SIDE])],
        [TensorMetadata(name, DATATYPES[name], shapes.get(name, [-1])) for name in OUTPUTS],
    )
