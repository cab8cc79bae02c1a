"""The Open Inference Protocol's messages: tensors as JSON, or as bytes behind it."""

import math
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.model.engine import INPUT, OUTPUTS
from tenfold.model.file import Predictions
from tenfold.server.refusal import Refusal

LENGTH_HEADER = "Inference-Header-Content-Length"
DATATYPE = "UINT8"
DATATYPES = {"probabilities": "FP32", "label": "INT64", "accepted": "BOOL"}
VERSION = "1"  # of every model: a file is served as it is

Parameters = dict[str, Any]


class RequestInput(Struct):
    """A tensor of a request; with `binary_data_size` its data are bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: Raw | UnsetType = UNSET


class RequestOutput(Struct):
    """A tensor that is asked for."""

    name: str
    parameters: Parameters | None = None


class InferRequest(Struct):
    """A request for predictions."""

    inputs: list[RequestInput]
    id: str = ""
    parameters: Parameters | None = None
    outputs: list[RequestOutput] | None = None


class ResponseOutput(Struct, omit_defaults=True):
    """A tensor of a response; with `binary_data_size` its data are bytes behind the JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters | None = None
    data: Any = None


class InferResponse(Struct, omit_defaults=True):
    """Predictions."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str = ""


_request = msgspec.json.Decoder(InferRequest)
_flat = msgspec.json.Decoder(list[int])
_flat_floats = msgspec.json.Decoder(list[float])
_nested_floats = msgspec.json.Decoder(list[list[list[float]]])
_encoder = msgspec.json.Encoder()


def parse_request(body: bytes, header_length: str | None) -> tuple[InferRequest, memoryview]:
    """Split a body into its JSON and the bytes behind it.

    Args:
        body: of the request.
        header_length: the value of its header `Inference-Header-Content-Length`, if there is one.

    Raises:
        Refusal: where it is no request.
    """
    view, size = memoryview(body), len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdecimal()) or len(header_length) > 12:
            raise malformed(f"{LENGTH_HEADER}: must be a number. Received: {header_length[:50]!r}")
        if int(header_length) > size:
            raise malformed(
                f"{LENGTH_HEADER}: is larger than the body. Received: {header_length}, of {size:,} "
                "bytes"
            )
        size = int(header_length)
    try:
        return _request.decode(view[:size]), view[size:]
    except msgspec.ValidationError as error:
        raise malformed(f"the request is not valid: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"the request is not JSON ({error})") from None


def parse_images(request: InferRequest, binary: memoryview, most: int) -> NDArray[np.uint8]:
    """Return the images of a request, uint8 [n, 28, 28], without a copy where they are bytes.

    Args:
        request: as parsed.
        binary: the bytes behind the JSON.
        most: images.

    Raises:
        Refusal: where the tensor is not as the model takes it.
    """
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        names = ", ".join(repr(one.name[:50]) for one in request.inputs[:5])
        raise malformed(f"inputs: there must be one, {INPUT!r}. Received: {names or 'none'}")
    (tensor,) = request.inputs
    if tensor.datatype != DATATYPE:
        raise malformed(f"{INPUT}: datatype must be {DATATYPE}. Received: {tensor.datatype[:50]!r}")
    shape = tensor.shape
    if len(shape) != 3 or shape[1:] != [SIDE, SIDE] or shape[0] < 0:
        raise malformed(f"{INPUT}: shape must be [n, {SIDE}, {SIDE}]. Received: {shape!r:.100}")
    if shape[0] > most:
        raise Refusal(
            413, "size", f"{INPUT}: a request may have {most:,} images. Received: {shape[0]:,}"
        )
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        if len(binary):
            raise malformed(f"{len(binary):,} bytes follow the JSON, which names no tensor in them")
        if tensor.data is UNSET:
            raise malformed(f"{INPUT}: has neither data nor binary_data_size")
        pixels: bytes | memoryview = _parse_data(tensor.data, shape)
    else:
        if tensor.data is not UNSET:
            raise malformed(f"{INPUT}: has data and binary_data_size; send one of them")
        if size != math.prod(shape) or isinstance(size, bool | float):
            raise malformed(
                f"{INPUT}: binary_data_size must be {math.prod(shape):,} for shape {shape}. "
                f"Received: {size!r:.50}"
            )
        if len(binary) != size:
            raise malformed(
                f"{INPUT}: {size:,} bytes must follow the JSON. Received: {len(binary):,}"
            )
        pixels = binary
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def _parse_data(data: Raw, shape: list[int]) -> bytes:
    """Return the pixels of JSON: one flat list, or one as the shape has it."""
    try:
        try:
            pixels = bytes(_flat.decode(data))  # 40 us of 784 numbers fewer than what follows
        except (msgspec.ValidationError, ValueError):
            # nested, or whole numbers written as 12.0, as some clients have it
            start = bytes(memoryview(data)[:64]).translate(None, b" \t\r\n")
            is_nested = start.startswith(b"[[")
            array = np.array((_nested_floats if is_nested else _flat_floats).decode(data))
            if is_nested and array.shape != tuple(shape):
                raise _wrong_size(shape) from None
            if not ((array >= 0) & (array <= 255) & (array == np.floor(array))).all():
                raise ValueError("one is not") from None
            pixels = array.astype(np.uint8).tobytes()
    except ValueError as error:  # msgspec's are, too
        raise malformed(f"{INPUT}: data must be whole numbers of 0-255 ({error})") from None
    if len(pixels) != math.prod(shape):
        raise _wrong_size(shape)
    return pixels


def _wrong_size(shape: list[int]) -> Refusal:
    return malformed(
        f"{INPUT}: data must be {math.prod(shape):,} numbers, flat or nested, for shape {shape}"
    )


def encode_response(
    request: InferRequest, model: str, predictions: Predictions
) -> tuple[list[bytes | memoryview], int | None]:
    """Write the response to a request.

    Args:
        request: what was asked for.
        model: its name.
        predictions: of its images.

    Returns:
        The body's parts, and the length of its JSON where bytes follow it.

    Raises:
        Refusal: where an output is asked for that the model has not, or twice, or as the
            classification extension has it.
    """
    arrays = predictions.probabilities, predictions.labels, predictions.accepted
    tensors: dict[str, NDArray[Any]] = dict(zip(OUTPUTS, arrays, strict=True))
    is_binary = bool((request.parameters or {}).get("binary_data_output", False))
    wanted = request.outputs or [RequestOutput(name) for name in OUTPUTS]
    outputs: list[ResponseOutput] = []
    pieces: list[memoryview] = []
    for output in wanted:
        tensor = tensors.get(output.name)
        if any(one.name == output.name for one in outputs):
            raise malformed(f"outputs: {output.name!r} is asked for twice; name it once")
        if tensor is None:
            raise malformed(
                f"outputs: there are {', '.join(OUTPUTS)}. Received: {output.name[:50]!r}"
            )
        if (output.parameters or {}).get("classification"):
            raise malformed(
                "outputs: the parameter 'classification' is not offered; leave it out, and sort "
                "the probabilities"
            )
        written = ResponseOutput(output.name, DATATYPES[output.name], list(tensor.shape))
        if bool((output.parameters or {}).get("binary_data", is_binary)):
            written.parameters = {"binary_data_size": tensor.nbytes}
            pieces.append(memoryview(np.ascontiguousarray(tensor)).cast("B"))  # type: ignore[arg-type]
        else:
            written.data = tensor.ravel().tolist()
        outputs.append(written)
    head = _encoder.encode(InferResponse(model, VERSION, outputs, request.id))
    return [head, *pieces], len(head) if pieces else None


def malformed(message: str) -> Refusal:
    """Make the refusal of a request that is not as the protocol or the model has it."""
    return Refusal(400, "malformed", message)
