"""Methods, statuses and headers as HTTP has them, whatever a client sends."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest

SEVEN = b"[[[10, 12], [60, 10], [34, 80]]]"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def connection(address: str) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    yield connection
    connection.close()


def ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response, response.read()


def assert_is_one_line_of_json(content: bytes) -> None:
    error = json.loads(content)["error"]
    assert error
    assert "\n" not in error


@pytest.mark.parametrize("path", ["/", "/v2/health/ready", "/main.js", "/nothing"])
def test_head_is_get_without_its_content(connection: HTTPConnection, path: str) -> None:
    get, content = ask(connection, "GET", path)
    head, nothing = ask(connection, "HEAD", path)
    assert (head.status, nothing) == (get.status, b"")
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers[name] == get.headers[name]
    assert len(content) == int(get.headers["content-length"])


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v2/health/ready", {"GET", "HEAD", "OPTIONS"}),
        ("/", {"GET", "HEAD", "OPTIONS"}),
        ("/read", {"POST", "OPTIONS"}),
    ],
)
def test_methods_that_are_allowed_are_named(
    connection: HTTPConnection, path: str, methods: set[str]
) -> None:
    options, content = ask(connection, "OPTIONS", path)
    assert (options.status, content) == (204, b"")
    assert set(options.headers["allow"].split(", ")) == methods
    for method in ({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - methods) - {"HEAD"}:
        response, content = ask(connection, method, path)
        assert response.status == 405
        assert set(response.headers["allow"].split(", ")) == methods
        assert_is_one_line_of_json(content)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/v2/health/live/",
        "/read/",
        "/%00",
        "/%ff",
        "/" + "a" * 5000,
        "/static/../../app.py",
        "//",
    ],
)
def test_an_unknown_path_is_not_found(connection: HTTPConnection, method: str, path: str) -> None:
    response, content = ask(connection, method, path)
    assert response.status == 404
    assert response.headers["x-content-type-options"] == "nosniff"
    assert_is_one_line_of_json(content)


@pytest.mark.parametrize(
    "origin",
    ["http://[", "http://[::1", "http://]", "", "null", "//", "http://a\xff", "http://@127.0.0.1"],
)
def test_a_malformed_origin_is_rejected(connection: HTTPConnection, origin: str) -> None:
    response, content = ask(connection, "POST", "/read", SEVEN, {**JSON, "Origin": origin})
    assert response.status == 403
    assert response.headers["content-security-policy"].startswith("default-src 'self'")
    assert_is_one_line_of_json(content)


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "\xff", "localhost:port", "@localhost", "%"])
def test_a_malformed_host_is_rejected(connection: HTTPConnection, host: str) -> None:
    response, content = ask(connection, "GET", "/v2/health/ready", headers={"Host": host})
    assert response.status in (400, 403)
    assert_is_one_line_of_json(content)


@pytest.mark.parametrize("length", ["-1", "+5", "5 5", "0x5", "1e3", "\xb2", "9" * 30, "9" * 5000])
def test_a_malformed_length_is_rejected(address: str, length: str) -> None:
    url = urlsplit(address)
    assert url.port is not None
    with socket.create_connection(("127.0.0.1", url.port), 60) as client:
        head = f"POST /read HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {length}"
        client.sendall(head.encode("latin-1") + b"\r\n\r\n")
        response = HTTPResponse(client)
        response.begin()
        assert response.status in (400, 413)
        assert_is_one_line_of_json(response.read())


@pytest.mark.parametrize(
    "strokes",
    [
        "[[[0,0]],[[5e-324,0]]]",
        "[[[0,0],[5e-324,5e-324]],[[1e-300,0]]]",
        "[[[1,1]],[[1.0000000000000002,1]]]",
        "[[[1e6,1e6]],[[999999.9999999999,1e6]]]",
        "[[[-0.0,0]],[[0,-5e-324]]]",
    ],
)
def test_points_next_to_each_other_are_one(connection: HTTPConnection, strokes: str) -> None:
    response, content = ask(connection, "POST", "/read", strokes.encode(), JSON)
    assert (response.status, json.loads(content)["rows"]) == (200, ["?"])


@pytest.mark.parametrize(
    "query", ["single=perhaps", "region=nan,0,1,1", "region=1e400,0,1,1", "region=0,0,0,0"]
)
def test_a_malformed_query_is_one_line(connection: HTTPConnection, query: str) -> None:
    response, content = ask(connection, "POST", f"/read?{query}", b"GIF8")
    assert response.status == 422
    assert_is_one_line_of_json(content)


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"{", b"\x00", b"1e999", b'"\\ud800"', b"[" * 100_000]
)
def test_a_malformed_body_is_one_line(connection: HTTPConnection, body: bytes) -> None:
    response, content = ask(connection, "POST", "/read", body, JSON)
    assert response.status in (400, 422)
    assert_is_one_line_of_json(content)
