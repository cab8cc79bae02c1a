"""The server as a program meets it."""

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

from tenfold.cli import main
from tenfold.model.reader import Reader

SEVEN = [[[10, 12], [60, 10], [34, 80]]]

Answer = tuple[int, dict[str, Any]]
Ask = Callable[..., Answer]
Start = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def connection(address: str) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    yield connection
    connection.close()


@pytest.fixture
def ask(connection: HTTPConnection) -> Ask:
    def ask(path: str, body: Any, **headers: str) -> Answer:
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        sent = body if isinstance(body, str | bytes | Iterator) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, sent, {"Content-Type": kind, **named})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    return ask


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_strokes_are_answered_as_the_reader_answers(ask: Ask) -> None:
    status, answer = ask("/read/strokes", SEVEN)
    reading = Reader(threads=1).read_strokes([[(x, y) for x, y in SEVEN[0]]])
    assert (status, answer["text"], answer["rows"]) == (200, "7", ["7"])
    digit = answer["digits"][0]
    assert {name: digit[name] for name in reading[0].to_dict()} == reading[0].to_dict()
    assert np.argmax(digit["probabilities"]) == answer["classes"].index("7") == 7
    seen = base64.b64decode(digit["image"].removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(seen))), reading[0].image)


def test_a_picture_is_answered_row_by_row(ask: Ask, drawn: Callable[..., Any]) -> None:
    places = [(40, 30), (170, 30), (40, 230), (170, 230)]
    picture = png(drawn([0, 1, 2, 3], places, size=(360, 320)))
    status, answer = ask("/read/picture", picture)
    assert (status, answer["text"]) == (200, "72\n10")
    assert (answer["width"], answer["height"]) == (320, 360)
    status, answer = ask("/read/picture?single=true", picture)
    assert (status, len(answer["digits"])) == (200, 1)


def test_nothing_written_is_no_digit(ask: Ask) -> None:
    status, answer = ask("/read/strokes", [])
    assert (status, answer["digits"], answer["text"]) == (200, [], "")
    status, answer = ask("/read/picture", png(np.full((90, 90), 250, np.uint8)))
    assert (status, answer["digits"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("[[[1, 2], [3", 400, "no JSON"),
        ("[" * 100_000, 400, ""),
        ({"strokes": []}, 422, "list of strokes"),
        ([[]], 422, "stroke 1"),
        ([[[1, 2]], [[1, 2], [1, 2, 3]]], 422, "stroke 2, point 2"),
        ([[[1, "a"]]], 422, "stroke 1, point 1, coordinate 2"),
        ([[[1, 1e7]]], 422, "stroke 1, point 1, coordinate 2"),
        ("[[[1, NaN]]]", 422, "stroke 1, point 1, coordinate 2"),
        ([[[1, 1]] * 300_000], 413, "bytes"),
        ("[[" + "[1,1]," * 200_000 + "[1,1]]]", 422, "at most 200,000 points"),
    ],
)
def test_bad_strokes_are_one_line(ask: Ask, body: Any, status: int, said: str) -> None:
    got, answer = ask("/read/strokes", body)
    assert got == status
    assert said in answer["error"]
    assert "\n" not in answer["error"]
    assert ask("/read/strokes", SEVEN)[1]["text"] == "7"


@pytest.mark.parametrize("cut", [0, 3, 60])
def test_a_broken_picture_is_one_line(ask: Ask, cut: int, drawn: Callable[..., Any]) -> None:
    status, answer = ask("/read/picture", png(drawn([0], [(90, 90)]))[:cut])
    assert status == 422
    assert answer["error"].startswith("the picture: ")
    assert "\n" not in answer["error"]


def test_a_body_that_says_how_large_it_is_is_not_read(connection: HTTPConnection) -> None:
    connection.putrequest("POST", "/read/picture")
    connection.putheader("Content-Length", str(33 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413  # though nothing was sent


def test_a_body_without_end_is_cut_off(connection: HTTPConnection) -> None:
    connection.putrequest("POST", "/read/picture")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = bytes(1 << 20)
    for _ in range(33):
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    response = connection.getresponse()  # the body has not ended
    assert response.status == 413
    assert "33,554,432 bytes" in json.loads(response.read())["error"]


def test_a_page_that_goes_away_leaves_no_traceback(address: str, ask: Ask) -> None:
    for path in ("/read/picture", "/read/strokes"):
        half = HTTPConnection(urlsplit(address).netloc, timeout=30)
        half.putrequest("POST", path)
        half.putheader("Content-Length", "1000")
        half.endheaders(b"[[[1, 2]")
        half.close()
    assert ask("/read/strokes", SEVEN)[0] == 200  # what was said on stderr is looked at in the end


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7:8000", 200),  # an address cannot be made to point here
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
        ("", 403),
        ("[::1", 403),
    ],
)
def test_another_name_for_this_machine_is_refused(
    connection: HTTPConnection, host: str, status: int
) -> None:
    connection.request("GET", "/health", headers={"Host": host})
    assert connection.getresponse().status == status


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_another_website_is_refused(ask: Ask, address: str, origin: str) -> None:
    status, answer = ask("/read/strokes", SEVEN, Origin=origin)
    assert status == 403
    assert origin in answer["error"]
    assert ask("/read/strokes", SEVEN, Origin=address)[0] == 200


def test_every_answer_forbids_what_is_foreign(connection: HTTPConnection) -> None:
    for path, status in [("/", 200), ("/main.js", 200), ("/none", 404), ("/../app.py", 404)]:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data: blob:;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"tenfold: --port: {port} on 127.0.0.1 is taken")
    assert told.err.count("\n") == 1


def test_a_bad_host_or_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "no host", "--port", "0"]) == 1
    assert capsys.readouterr().err.startswith("tenfold: --host, --port: cannot listen on no host")
    assert main(["serve", "--port", "0", "--model", "absent.onnx"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_absent_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "tenfold.server.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--port", "0"]) == 1
    assert "needs uvicorn" in (said := capsys.readouterr().err)
    assert "extra 'serve'" in said


def test_ctrl_c_ends_it_in_good_order(start: Start) -> None:
    server, address = start()
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read()) == {"status": "ready"}
    server.send_signal(signal.SIGINT)  # with a connection open, as a browser's is
    assert server.communicate(timeout=30) == ("", "")
    assert server.returncode == 0
    connection.close()
