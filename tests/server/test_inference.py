"""The Open Inference Protocol: clients that nobody here wrote, and malformed requests."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

pytest.importorskip("tritonclient.http")

import tritonclient.http as triton
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.errors import BadRequestError
from open_inference.openapi.types import InferenceRequest
from tests.server.conftest import Serve

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Images
from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED

Infer = Callable[..., tuple[int, dict[str, Any]]]
PATH = "/v2/models/digits/infer"


@pytest.fixture(scope="module")
def images() -> Images:
    return tenfold.load("mnist:test").images[:300]


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(urlsplit(address).netloc)
    yield client
    client.close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as client:
        yield client


@pytest.fixture
def infer(address: str) -> Iterator[Infer]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)

    def infer(body: Any, path: str = PATH, **headers: str) -> tuple[int, dict[str, Any]]:
        content = body if isinstance(body, bytes) else json.dumps(body)
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, content, renamed)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    yield infer
    connection.close()


def tensor(images: Images, **changes: Any) -> dict[str, Any]:
    data = images.ravel().tolist()
    return {"name": "image", "shape": [*images.shape], "datatype": "UINT8", "data": data, **changes}


def test_triton_reads_what_is_there(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")
    metadata = client.get_server_metadata()
    assert metadata["name"] == "tenfold"
    assert metadata["version"] == tenfold.__version__
    assert metadata["extensions"] == ["binary_tensor_data"]
    model = client.get_model_metadata("digits")
    assert model["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert [one["name"] for one in model["outputs"]] == ["probabilities", "label", "accepted"]
    assert model == client.get_model_metadata("digits", "1")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_triton_infers_what_the_model_does(
    client: triton.InferenceServerClient, images: Images, binary_in: bool, binary_out: bool
) -> None:
    expected = open_model(SHIPPED, 1).predict(images)
    given = triton.InferInput("image", [*images.shape], "UINT8")
    given.set_data_from_numpy(images, binary_data=binary_in)
    names = "accepted", "probabilities", "label"
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer("digits", [given], outputs=outputs, request_id="a-7")
    assert result.get_response()["id"] == "a-7"
    assert [one["name"] for one in result.get_response()["outputs"]] == [*names]
    np.testing.assert_array_equal(result.as_numpy("label"), expected.labels)
    np.testing.assert_array_equal(result.as_numpy("accepted"), expected.accepted)
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected.probabilities, atol=1e-6)
    every = client.infer("digits", [given])  # without a list of outputs: all, as bytes
    np.testing.assert_array_equal(every.as_numpy("label"), expected.labels)


def test_triton_names_what_is_wrong(client: triton.InferenceServerClient, images: Images) -> None:
    given = triton.InferInput("image", [2, 28, 28], "UINT8")
    given.set_data_from_numpy(images[:2])
    with pytest.raises(triton.InferenceServerException, match="no model 'letters'"):
        client.infer("letters", [given])
    with pytest.raises(triton.InferenceServerException, match="there are probabilities"):
        client.infer("digits", [given], outputs=[triton.InferRequestedOutput("logits")])
    floats = triton.InferInput("image", [2, 28, 28], "FP32")
    floats.set_data_from_numpy(images[:2].astype(np.float32))
    with pytest.raises(triton.InferenceServerException, match="must be UINT8"):
        client.infer("digits", [floats])


def test_the_protocols_own_client_reads_and_infers(
    address: str, images: Images, http: httpx.Client
) -> None:
    client = OpenInferenceClient(base_url=address, httpx_client=http)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("digits")
    client.check_model_version_readiness("digits", "1")
    assert client.read_server_metadata().name == "tenfold"
    (described,) = client.read_model_metadata("digits").inputs or []
    assert described.shape == [-1, 28, 28]
    assert client.read_model_version_metadata("digits", "1").platform == "onnxruntime_onnx"
    for data in (images[:3].ravel().tolist(), images[:3].tolist()):  # flat, and nested
        given = {"name": "image", "shape": [3, 28, 28], "datatype": "UINT8", "data": data}
        asked = {"id": "b-8", "inputs": [given], "outputs": [{"name": "label"}]}
        request = InferenceRequest.parse_obj(asked)
        answer = client.model_infer("digits", request=request)
        assert (answer.id, answer.model_name, answer.model_version) == ("b-8", "digits", "1")
        (output,) = answer.outputs
        assert (output.name, output.datatype, output.shape) == ("label", "INT64", [3])
        assert output.data.__root__ == [7, 2, 1]
        client.model_version_infer("digits", "1", request=request)
    wrong = InferenceRequest.parse_obj({"inputs": [{**given, "name": "picture"}]})
    with pytest.raises(BadRequestError):
        client.model_infer("digits", request=wrong)


def test_numbers_may_be_written_as_floats(infer: Infer, images: Images) -> None:
    data = images[:1].astype(float).ravel().tolist()
    status, content = infer({"inputs": [tensor(images[:1], data=data)]})
    assert (status, content["outputs"][1]["data"]) == (200, [7])


def test_no_images_have_no_predictions(infer: Infer, images: Images) -> None:
    status, content = infer({"inputs": [tensor(images[:0])]})
    assert status == 200
    assert [one["shape"] for one in content["outputs"]] == [[0, 10], [0], [0]]


def test_more_than_a_batch_is_answered(infer: Infer, images: Images) -> None:
    status, content = infer({"inputs": [tensor(images)]})
    assert status == 200
    assert content["outputs"][1]["data"] == open_model(SHIPPED, 1).predict(images).labels.tolist()


BINARY = {"binary_data_size": 784}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "picture"}, "there must be one, 'image'"),
    ({"datatype": "FP32"}, "datatype must be UINT8"),
    ({"shape": [1, 784]}, "shape must be"),
    ({"shape": [-1, 28, 28]}, "shape must be"),
    ({"shape": [2, 28, 28]}, "data must be 1,568 numbers"),
    ({"shape": [1, 28, 28.5]}, "not valid"),
    ({"shape": "1"}, "not valid"),
    ({"data": [0] * 783}, "784 numbers"),
    ({"data": [0] * 783 + [256]}, "0-255"),
    ({"data": [0] * 783 + [-1]}, "0-255"),
    ({"data": [0] * 783 + [0.5]}, "0-255"),
    ({"data": [0] * 783 + [1e300]}, "0-255"),
    ({"data": [0] * 783 + [True]}, "0-255"),
    ({"data": [0] * 783 + ["0"]}, "0-255"),
    ({"data": [0] * 783 + [[0]]}, "0-255"),
    ({"data": [[[0] * 28] * 27]}, "784 numbers"),
    ({"data": [[[0] * 28] * 27 + [[0] * 27]]}, "0-255"),
    ({"data": "AAAA"}, "0-255"),
    ({"data": None}, "0-255"),
    ({"data": {}}, "0-255"),
    ({"parameters": BINARY}, "send one of them"),
    ({"parameters": 5}, "not valid"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_a_wrong_tensor_is_one_line(
    infer: Infer, images: Images, changes: dict[str, Any], message: str
) -> None:
    status, content = infer({"inputs": [tensor(images[:1], **changes)]})
    assert status == 400
    assert message in content["error"]
    assert "\n" not in content["error"]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (
            [{"name": "label"}, {"name": "accepted"}, {"name": "label"}],
            "'label' is asked for twice",
        ),
        (
            [{"name": "probabilities", "parameters": {"classification": 3}}],
            "'classification' is not offered",
        ),
        ([{"name": "score"}], "there are probabilities, label, accepted. Received: 'score'"),
    ],
)
def test_a_wrong_output_is_one_line(
    infer: Infer, images: Images, outputs: list[dict[str, Any]], message: str
) -> None:
    status, content = infer({"inputs": [tensor(images[:1])], "outputs": outputs})
    assert status == 400
    assert message in content["error"]


@pytest.mark.parametrize(
    ("body", "length", "message"),
    [
        (b"", None, "not JSON"),
        (b"[" * 100_000, None, "not valid"),
        (b'{"inputs": []}', None, "there must be one"),
        (b'{"inputs": [{}]}', None, "missing required field"),
        (b'{"inputs": []}', "15", "larger than the body"),
        (b'{"inputs": []}', "-1", "must be a number"),
        (b'{"inputs": []}', "9" * 40, "must be a number"),
        (b'{"inputs": []}', "\xb2", "must be a number"),
        (b'{"inputs": []}', "13", "not JSON"),
    ],
)
def test_a_wrong_message_is_one_line(
    infer: Infer, body: bytes, length: str | None, message: str
) -> None:
    headers = {} if length is None else {"Inference_Header_Content_Length": length}
    status, content = infer(body, **headers)
    assert status == 400
    assert message in content["error"]


@pytest.mark.parametrize("wrong", [-1, 1, 784, 1 << 40])
def test_wrong_sizes_of_bytes_are_one_line(infer: Infer, images: Images, wrong: int) -> None:
    given = {name: one for name, one in tensor(images[:1]).items() if name != "data"}
    for size, extra in ((784 + wrong, 0), (784, wrong if 0 < wrong < 5000 else -1)):
        parameters = {"binary_data_size": size}
        head = json.dumps({"inputs": [{**given, "parameters": parameters}]}).encode()
        body = head + bytes(784 + extra)
        status, content = infer(body, Inference_Header_Content_Length=str(len(head)))
        assert status == 400
        assert "binary_data_size" in content["error"] or "bytes must follow" in content["error"]


def test_bytes_without_a_tensor_are_not_ignored(infer: Infer, images: Images) -> None:
    head = json.dumps({"inputs": [tensor(images[:1])]}).encode()
    status, content = infer(head + b"abc", Inference_Header_Content_Length=str(len(head)))
    assert (status, content["error"][:7]) == (400, "3 bytes")


def test_unknown_names_and_versions_are_not_found(infer: Infer, images: Images) -> None:
    for path in ("/v2/models/none/infer", "/v2/models/digits/versions/2/infer"):
        status, content = infer({"inputs": [tensor(images[:1])]}, path)
        assert status == 404
        assert "there" in content["error"]


def test_several_models_are_served_by_their_names(
    serve: Serve, images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "first.onnx", tmp_path / "my second.onnx"]
    for file in files:
        shutil.copy(SHIPPED, file)
    address = serve(*map(str, files))
    body = {"inputs": [tensor(images[:1])]}
    with httpx.Client(base_url=address, timeout=60) as client:
        for name in ("first", "my second"):
            answer = client.post(f"/v2/models/{name}/infer", json=body).json()
            assert (answer["model_name"], answer["outputs"][1]["data"]) == (name, [7])
        assert "first, my second" in client.get("/v2/models/digits").json()["error"]
        strokes = [[[10, 12], [60, 10], [34, 80]]]
        for query in ("", "?model=my%20second"):
            assert client.post(f"/read{query}", json=strokes).json()["rows"] == ["7"]
    (tmp_path / "other").mkdir()
    twin = shutil.copy(SHIPPED, tmp_path / "other" / "first.onnx")
    assert main(["serve", "--port", "0", str(files[0]), str(twin)]) == 1
    assert "two models are named 'first'" in capsys.readouterr().err


def test_a_compressed_body_is_refused(infer: Infer) -> None:
    status, content = infer(b"\x1f\x8b", Content_Encoding="gzip")
    assert (status, "compressed" in content["error"]) == (415, True)


def test_a_thousand_malformed_tensors_leave_it_answering(infer: Infer, images: Images) -> None:
    """Whatever is cut out of a request, put into it or changed in it: 200, or one line."""
    draw = random.Random(17)
    given = {name: one for name, one in tensor(images[:1]).items() if name != "data"}
    head = json.dumps({"inputs": [{**given, "parameters": BINARY}]}).encode()
    whole = head + images[0].tobytes()
    flat = json.dumps({"inputs": [tensor(images[:1])]}).encode()
    for number in range(1000):
        body = bytearray(whole if number % 2 else flat)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(min(len(body), 300))
            change = draw.randrange(3)
            if change == 0:
                body[at] = draw.randrange(256)
            elif change == 1:
                del body[at : at + draw.randint(1, 50)]
            else:
                body[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 9)))
        length = str(max(0, len(head) + draw.choice((0, 0, 0, 1, -1, 999))))
        headers = {"Inference_Header_Content_Length": length} if number % 2 else {}
        status, content = infer(bytes(body), **headers)
        assert status in (200, 400, 413)
        if status != 200:
            assert content["error"]
            assert "\n" not in content["error"]
    assert infer({"inputs": [tensor(images[:1])]})[1]["outputs"][1]["data"] == [7]
