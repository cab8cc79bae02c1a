"""What one parser takes for one request and another for two: refused, and never mixed up."""

import json
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tenfold.server.connections import ConnectionLimits

Connect = Callable[[bytes], socket.socket]

READY = b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = READY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
SEVEN = b"[[[10, 12], [60, 10], [34, 80]]]"
POST = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SEVEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SEVEN), SEVEN)


@pytest.fixture
def connect(address: str) -> Iterator[Connect]:
    clients = []

    def connect(sent: bytes) -> socket.socket:
        port = urlsplit(address).port
        assert port is not None
        client = socket.create_connection(("127.0.0.1", port), 60)
        clients.append(client)
        client.sendall(sent)
        return client

    yield connect
    for client in clients:
        client.close()


def everything(client: socket.socket) -> bytes:
    """What the server sends until it closes, or resets."""
    received = b""
    try:
        while piece := client.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "sent",
    [
        POST + LENGTH + CHUNKED + b"\r\n" + CHUNKS,
        POST + CHUNKED + LENGTH + b"\r\n" + CHUNKS,
        POST + LENGTH + LENGTH.replace(b"32", b"33") + b"\r\n" + SEVEN + b"x",
        POST + LENGTH.replace(b"32", b"32, 33") + b"\r\n" + SEVEN,
        POST + LENGTH.replace(b"32", b"+32") + b"\r\n" + SEVEN,
        POST + LENGTH.replace(b"32", b"0x20") + b"\r\n" + SEVEN,
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
        POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
        POST + CHUNKED + b"\r\n" + b"20;\nx\r\n" + SEVEN + b"\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n" + b"-20\r\n" + SEVEN + b"\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n" + b"fffffffffffffffff\r\n" + SEVEN,
        POST + b"Content-Length: 0\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
        POST.replace(b"HTTP/1.1", b"HTTP/1.1 ") + b"\r\n",
        POST.replace(b"Host: localhost", b"Host : localhost") + b"\r\n",
        POST.replace(b"Host: localhost", b"X: y\r\n Host: localhost") + b"\r\n",
        POST + b"X: a\x00b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[65:]),
)
def test_ambiguous_requests_are_refused_and_end_the_connection(
    connect: Connect, sent: bytes
) -> None:
    received = everything(connect(sent + READY))
    head, _, content = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert received.count(b"HTTP/1.1 ") == 1  # what is behind it is no request
    assert json.loads(content)["error"]


def test_requests_behind_one_another_are_answered_in_their_order(connect: Connect) -> None:
    body = POST + LENGTH + b"\r\n" + SEVEN
    received = everything(connect(body + READY + body + LAST))
    kinds = [part for part in (b'"rows"', b'"ready"') for _ in range(received.count(part))]
    assert len(kinds) == 4
    places = [received.index(b'"rows"'), received.index(b'"ready"')]
    places += [received.rindex(b'"rows"'), received.rindex(b'"ready"')]
    assert places == sorted(places)


def test_headers_of_many_requests_are_not_added_up(connect: Connect) -> None:
    sent = READY * 700 + LAST
    assert len(sent) > 2 * ConnectionLimits().header_bytes
    client = connect(b"")
    for start in range(0, len(sent), 1009):
        client.sendall(sent[start : start + 1009])
    assert everything(client).count(b"HTTP/1.1 200") == 701


def test_nonsense_behind_a_request_does_not_take_its_answer(connect: Connect) -> None:
    received = everything(connect(POST + LENGTH + b"\r\n" + SEVEN + b"\x00nonsense\r\n\r\n"))
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.index(b'"rows":["7"]') < received.index(b"HTTP/1.1 400")


def test_an_upgrade_is_ignored_and_the_body_is_read(connect: Connect) -> None:
    """Java's client asks for HTTP/2 with every request."""
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    for pieces in ([SEVEN], [SEVEN[:5], SEVEN[5:]]):
        client = connect(POST + LENGTH + upgrade + b"\r\n")
        for piece in pieces:
            client.sendall(piece)
        client.sendall(LAST)
        received = everything(client)
        assert received.count(b"HTTP/1.1 200") == 2
        assert received.index(b'"rows":["7"]') < received.index(b'"ready":true')
    got = everything(connect(READY.replace(b"\r\n\r\n", b"\r\n" + upgrade + b"\r\n") + LAST))
    assert got.count(b'"ready":true') == 2


def test_a_chunked_body_is_read(connect: Connect) -> None:
    assert b'"rows":["7"]' in everything(connect(POST + CHUNKED + b"\r\n" + CHUNKS + LAST))


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%5c..%5capp.py",
        "/page.css/../../app.py",
        "//etc/passwd",
        "/page.css%00.js",
        "/v2/models/..%2f..%2freader",
        "/v2/models/%2e%2e",
        "/app.py",
    ],
)
def test_no_path_reaches_the_file_system(address: str, path: str) -> None:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status == 404
    assert json.loads(content)["error"]
