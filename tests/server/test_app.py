"""The HTTP interface of the server."""

import base64
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.draw_digits import DrawDigits

from tenfold.cli import main
from tenfold.model.reader import Reader

SEVEN = [[[10, 12], [60, 10], [34, 80]]]

Response = tuple[int, dict[str, Any]]
Post = Callable[..., Response]
Start = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def connection(address: str) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    yield connection
    connection.close()


@pytest.fixture
def post(connection: HTTPConnection) -> Post:
    def post(path: str, body: Any, **headers: str) -> Response:
        content_type = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        content = body if isinstance(body, str | bytes | Iterator) else json.dumps(body)
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, content, {"Content-Type": content_type, **renamed})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    return post


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_strokes_are_read_as_by_the_reader(post: Post) -> None:
    status, content = post("/read", SEVEN)
    reading = Reader(threads=1).read_strokes([[(x, y) for x, y in SEVEN[0]]])
    assert (status, content) == (200, reading.to_dict())
    assert content["rows"] == ["7"]


def test_details_are_every_probability_and_the_image(post: Post) -> None:
    content = post("/read?details=true", SEVEN)[1]
    reading = Reader(threads=1).read_strokes([[(x, y) for x, y in SEVEN[0]]])
    digit = content["digits"][0]
    assert {name: digit[name] for name in reading[0].to_dict()} == reading[0].to_dict()
    assert np.argmax(digit["probabilities"]) == content["classes"].index("7") == 7
    model_input = base64.b64decode(digit["image"].removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(model_input))), reading[0].image)


def test_image_is_read_row_by_row(post: Post, draw_digits: DrawDigits) -> None:
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    image = png(draw_digits([0, 1, 2, 3], places, size=(360, 320)))
    status, content = post("/read", image)
    assert (status, content["rows"]) == (200, ["72", "10"])
    assert (content["width"], content["height"]) == (320, 360)
    status, content = post("/read?single=true", image)
    assert (status, len(content["digits"])) == (200, 1)


def test_a_region_of_an_image_is_read(post: Post, draw_digits: DrawDigits) -> None:
    image = png(draw_digits([0, 1], [(20, 60), (160, 60)]))
    status, content = post("/read?region=0.5,0,0.5,1", image)
    assert (status, content["rows"], content["width"]) == (200, ["2"], 280)
    assert abs(content["digits"][0]["box"]["x"] - 160) < 8
    for region, message in [("200,0,200,10", "reaches beyond"), ("0,0,0,5", "empty"), ("x", "x,y")]:
        status, content = post(f"/read?region={region}", image)
        assert status == 422
        assert message in content["error"]
        assert "\n" not in content["error"]


def test_a_tap_is_no_digit(post: Post) -> None:
    for tap in ([[100, 100]], [[100, 100], [101, 102]]):
        assert post("/read", [tap])[1]["rows"] == ["?"]


def test_blank_input_has_no_digits(post: Post) -> None:
    status, content = post("/read", [])
    assert (status, content["digits"], content["rows"]) == (200, [], [])
    status, content = post("/read", png(np.full((90, 90), 250, np.uint8)))
    assert (status, content["digits"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("[[[1, 2], [3", 400, "not JSON"),
        ("[" * 100_000, 422, "coordinate 1"),
        ({"strokes": []}, 422, "list of strokes"),
        ([[]], 422, "stroke 1"),
        ([[[1, 2]], [[1, 2], [1, 2, 3]]], 422, "stroke 2, point 2"),
        ([[[1, "a"]]], 422, "stroke 1, point 1, coordinate 2"),
        ([[[1, 1e7]]], 422, "stroke 1, point 1, coordinate 2"),
        ("[[[1, NaN]]]", 400, "not JSON"),
        ([[[1, 1]] * 300_000], 413, "bytes"),
        ("[[" + "[1,1]," * 200_000 + "[1,1]]]", 422, "at most 200,000 points"),
    ],
)
def test_invalid_strokes_give_a_one_line_error(
    post: Post, body: Any, status: int, message: str
) -> None:
    received, content = post("/read", body)
    assert received == status
    assert message in content["error"]
    assert "\n" not in content["error"]
    assert post("/read", SEVEN)[1]["rows"] == ["7"]


@pytest.mark.parametrize("cut", [0, 3, 60])
def test_truncated_image_gives_a_one_line_error(
    post: Post, cut: int, draw_digits: DrawDigits
) -> None:
    status, content = post("/read", png(draw_digits([0], [(90, 90)]))[:cut])
    assert status == 422
    assert content["error"].startswith("the image: ")
    assert "\n" not in content["error"]


def test_large_content_length_is_rejected_before_the_body_is_read(
    connection: HTTPConnection,
) -> None:
    connection.putrequest("POST", "/read")
    connection.putheader("Content-Length", str(33 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413  # though nothing was sent


def test_large_chunked_body_is_rejected(connection: HTTPConnection) -> None:
    connection.putrequest("POST", "/read")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = bytes(1 << 20)
    for _ in range(33):
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    response = connection.getresponse()  # though the body has not ended
    assert response.status == 413
    assert "33,554,432 bytes" in json.loads(response.read())["error"]


def test_disconnect_leaves_no_traceback(address: str, post: Post) -> None:
    for media_type in ("image/png", "application/json"):
        half = HTTPConnection(urlsplit(address).netloc, timeout=30)
        half.putrequest("POST", "/read")
        half.putheader("Content-Type", media_type)
        half.putheader("Content-Length", "1000")
        half.endheaders(b"[[[1, 2]")
        half.close()
    assert post("/read", SEVEN)[0] == 200  # `address` checks stderr at the end


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7:8000", 200),  # an address cannot be rebound
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
        ("", 403),
        ("[::1", 403),
    ],
)
def test_unknown_host_names_are_rejected(
    connection: HTTPConnection, host: str, status: int
) -> None:
    connection.request("GET", "/v2/health/ready", headers={"Host": host})
    assert connection.getresponse().status == status


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_requests_of_other_websites_are_rejected(post: Post, address: str, origin: str) -> None:
    status, content = post("/read", SEVEN, Origin=origin)
    assert status == 403
    assert origin in content["error"]
    assert post("/read", SEVEN, Origin=address)[0] == 200


def test_every_response_has_security_headers(connection: HTTPConnection) -> None:
    for path, status in [("/", 200), ("/main.js", 200), ("/none", 404), ("/../app.py", 404)]:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data: blob:;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers


def test_port_in_use_gives_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"tenfold: --port: {port} on 127.0.0.1 ")
    assert captured.err.count("\n") == 1


def test_invalid_host_or_model_gives_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "no host", "--port", "0", "--no-token"]) == 1
    assert capsys.readouterr().err.startswith("tenfold: --host, --port: cannot listen on no host")
    assert main(["serve", "--port", "0", "--model", "absent.onnx"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("tenfold.server", "uvicorn"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--port", "0"]) == 1
    message = capsys.readouterr().err
    assert "pip install 'tenfold[serve]' (uvicorn is not installed)" in message


def test_ctrl_c_stops_the_server_cleanly(start: Start) -> None:
    server, address = start()
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", "/v2/health/ready")
    assert json.loads(connection.getresponse().read()) == {"ready": True}
    server.send_signal(signal.SIGINT)  # with an open connection, as a browser keeps it
    assert server.communicate(timeout=30) == ("", "")
    assert server.returncode == 0
    connection.close()


def test_a_path_that_takes_no_body_is_not_said_to_take_a_smaller_one(post: Post) -> None:
    status, answer = post("/read/picture", b"x" * 5000)
    assert (status, answer["error"]) == (404, "Not Found")
