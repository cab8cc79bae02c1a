"""Clients that are idle, slow, many or never content: deadlines and bounds of the server."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest

from tenfold.model.file import Model
from tenfold.server.app import create_app
from tenfold.server.config import RequestLimits, ServerConfig
from tenfold.server.connections import ConnectionLimits, Connections
from tenfold.server.pages import PagePool
from tenfold.server.runner import Server
from tenfold.server.serve import listen
from tenfold.server.service import Service, open_models

GET = b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
SEVEN = b"[[[10,12],[60,10],[34,80]]]"


def post(length: int) -> bytes:
    head = "POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


def picture(length: int) -> bytes:
    return post(length).replace(b"application/json", b"image/png")


ASK_SEVEN = post(len(SEVEN)).replace(b"Host", b"Connection: close\r\nHost") + SEVEN


@dataclass
class Running:
    """A server in a thread of this process, with its own limits."""

    port: int
    connections: Connections
    service: Service

    @property
    def pages(self) -> PagePool:
        return self.service.pages

    def connect(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        client.sendall(sent)
        return client


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return open_models([], threads=1)


Run = Callable[..., Any]


@pytest.fixture
def run(models: dict[str, Model]) -> Run:
    @contextmanager
    def run(max_waiting: int = 64, **limits: Any) -> Iterator[Running]:
        connections = Connections(ConnectionLimits(**limits))
        service = Service(
            models, ServerConfig(readers=1, requests=RequestLimits(waiting=max_waiting))
        )
        server = Server(create_app(service), service, connections)
        with listen("127.0.0.1", 0) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # soon full
            port = listener.getsockname()[1]
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield Running(port, connections, service)
            finally:
                server.should_exit = True
                thread.join()
                service.close()

    return run


def response(client: socket.socket) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Read until the server closes; return status, content and headers of the one response."""
    received = b""
    while piece := client.recv(1 << 16):
        received += piece
    client.close()
    head, _, content = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), json.loads(content), headers


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    finally:
        client.close()


def answers(running: Running) -> bool:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request("GET", "/v2/health/ready")
    status = connection.getresponse().status
    connection.close()
    return status == 200


def test_responses_are_not_delayed_for_acknowledgements(run: Run) -> None:
    with run() as running, running.connect(GET) as client:
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        (connection,) = running.connections.open
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_that_stops_is_not_ready(run: Run) -> None:
    with run() as running:
        assert answers(running)
        running.service.is_stopping = True
        closing = GET[:-2] + b"Connection: close\r\n\r\n"
        for path in (b"/v2/health/ready", b"/v2/models/digits/ready"):
            status, content, _ = response(
                running.connect(closing.replace(b"/v2/health/ready", path))
            )
            assert (status, content["error"]) == (503, "the server is being stopped")


@pytest.mark.parametrize("sent", [b"", GET[:-4], GET[:3]], ids=repr)
def test_a_header_that_does_not_end_is_closed(run: Run, sent: bytes) -> None:
    with run(header_seconds=0.3) as running:
        client = running.connect(sent)
        if sent:
            status, content, headers = response(client)
            assert (status, headers["connection"]) == (408, "close")
            assert "header took longer" in content["error"]
            assert headers["x-content-type-options"] == "nosniff"
        else:
            assert is_closed(client)


def test_bytes_now_and_then_do_not_prolong_a_header(run: Run) -> None:
    with run(header_seconds=0.5) as running:
        client = running.connect(GET[:-2])
        client.settimeout(0.02)
        received = b""
        for number in range(3000):  # a minute of them would do
            try:
                client.sendall(b"X-%d: 1\r\n" % (number % 10))
                received += client.recv(1000)
                break
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")
        client.close()


def test_a_body_that_does_not_come_is_refused(run: Run) -> None:
    with run(window_seconds=0.3) as running:
        status, content, _ = response(running.connect(post(1000) + b"[[["))
        assert status == 408
        assert "too slowly" in content["error"]
        assert answers(running)


def test_a_body_has_to_end(run: Run) -> None:
    with run(body_seconds=0.3) as running:
        status, content, _ = response(running.connect(post(100_000) + b" " * 50_000))
        assert (status, "took longer" in content["error"]) == (408, True)


def test_a_client_that_takes_no_response_is_closed(run: Run) -> None:
    request = GET.replace(b"/v2/health/ready", b"/main.js")
    with run(response_seconds=0.3, header_seconds=60.0) as running:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(("127.0.0.1", running.port))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.sendall(request * 200_000)  # and none of the responses is read
        client.close()
        assert answers(running)


def test_an_idle_connection_makes_room_for_a_new_one(run: Run) -> None:
    with run(connections=8, header_seconds=60.0) as running:
        idle = [running.connect() for _ in range(30)]
        assert answers(running)
        assert is_closed(idle[0])
        assert len(running.connections.open) <= 8
        for client in idle[1:]:
            client.close()


def test_a_connection_too_many_is_told_so(run: Run) -> None:
    with run(connections=3) as running:
        busy = [running.connect(post(1000) + b"[") for _ in range(3)]
        while sum(one.phase == "body" for one in list(running.connections.open)) < 3:
            continue
        status, content, headers = response(running.connect())
        assert (status, headers["retry-after"]) == (503, "5")
        assert "too many connections" in content["error"]
        for client in busy:
            client.close()


def test_bodies_together_are_bounded(run: Run) -> None:
    with run(held_bytes=3 << 20) as running:
        first = running.connect(picture(2 << 20) + bytes(2_000_000))
        while running.connections.held < 2_000_000:
            continue
        running.connect(picture(2 << 20) + bytes(1_500_000)).close()
        status, content, _ = response(first)
        assert (status, "large requests" in content["error"]) == (503, True)
        assert answers(running)
    assert running.connections.held == 0


def test_a_refusal_reaches_a_client_that_still_sends(run: Run) -> None:
    with run(connections=1) as running:
        busy = running.connect(post(1000) + b"[")
        while not any(one.phase == "body" for one in list(running.connections.open)):
            continue
        client = running.connect(picture(30 << 20) + bytes(4 << 20))
        assert response(client)[0] == 503
        busy.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET / HTTP/9\r\n\r\n", 400),
        (post(5)[:-2] + b"Content-Length: 6\r\n\r\n", 400),
        (GET[:-2] + b"X: " + b"a" * 70_000, 431),
        (GET[:-2] + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    ],
    ids=["TLS", "version", "two lengths", "long header", "coding"],
)
def test_what_is_no_http_is_refused_in_json(run: Run, sent: bytes, status: int) -> None:
    with run() as running:
        received, content, headers = response(running.connect(sent))
        assert received == status
        assert "HTTP/1.1" in content["error"] or status == 431
        assert headers["content-security-policy"].startswith("default-src 'self'")


def test_a_page_that_hangs_is_given_up_and_the_next_one_is_read(run: Run) -> None:
    with run() as running:
        assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]
        (child,) = running.pages._children
        assert child._process is not None
        child._process.send_signal(signal.SIGSTOP)
        child._wall_seconds = 0.2
        status, content, _ = response(running.connect(ASK_SEVEN))
        assert (status, "took longer" in content["error"]) == (422, True)
        child._wall_seconds = 60.0
        assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]


def test_a_reading_that_takes_too_long_is_told_so(run: Run) -> None:
    with run(response_seconds=0.5) as running:
        (child,) = running.pages._children
        assert child._process is not None
        child._process.send_signal(signal.SIGSTOP)
        status, content, _ = response(running.connect(ASK_SEVEN))
        assert (status, "send fewer pictures at once" in content["error"]) == (503, True)
        assert answers(running)


@contextmanager
def being_read(running: Running) -> Iterator[socket.socket]:
    """A connection whose request for a 7 is read no further until the block ends."""
    (child,) = running.pages._children
    assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]
    assert child._process is not None
    child._process.send_signal(signal.SIGSTOP)
    client = running.connect(post(len(SEVEN)) + SEVEN)
    while child in running.pages._idle:
        continue
    try:
        yield client
    finally:
        child._process.send_signal(signal.SIGCONT)


def assert_answered_then(client: socket.socket, status: int) -> None:
    """The request is answered with its 7, and what came behind it with `status`."""
    received = b""
    while piece := client.recv(1 << 16):
        received += piece
    client.close()
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.index(b'"rows":["7"]') < received.index(b"HTTP/1.1 %d" % status)


def test_a_header_that_does_not_end_behind_a_request_is_refused(run: Run) -> None:
    with run() as running:
        with being_read(running) as client:
            client.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(64):
                client.sendall(b"a" * (64 << 10))
            assert running.connections.held < 1 << 20
        assert_answered_then(client, 431)


def test_a_slow_body_behind_a_request_does_not_take_its_answer(run: Run) -> None:
    with run(window_seconds=0.3) as running:
        with being_read(running) as client:
            client.sendall(post(1000) + b"[[[")
            (connection,) = running.connections.open
            while not connection._problem and connection.phase != "closing":
                continue
        assert_answered_then(client, 408)
        assert answers(running)


def test_a_request_whose_client_leaves_frees_its_reader(run: Run) -> None:
    with run() as running:
        assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]
        (child,) = running.pages._children
        assert child._process is not None
        child._process.send_signal(signal.SIGSTOP)
        client = running.connect(ASK_SEVEN)
        while child in running.pages._idle:
            continue
        client.close()
        assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]


def test_more_requests_than_may_wait_are_told_so(run: Run) -> None:
    with run(max_waiting=0) as running:
        assert response(running.connect(ASK_SEVEN))[1]["rows"] == ["7"]
        (child,) = running.pages._children
        assert child._process is not None
        child._process.send_signal(signal.SIGSTOP)
        hung = running.connect(ASK_SEVEN)
        while child in running.pages._idle:
            continue
        status, content, headers = response(running.connect(ASK_SEVEN))
        assert (status, headers["retry-after"]) == (503, "5")
        assert "too many requests wait" in content["error"]
        hung.close()


def test_requests_that_come_at_once_are_all_answered(run: Run) -> None:
    request = post(len(SEVEN)) + SEVEN
    with run(window_seconds=0.3) as running, running.connect(request * 8) as client:
        received = b""
        while received.count(b'"rows":["7"]') < 8:
            piece = client.recv(1 << 16)
            assert piece
            received += piece
        assert received.count(b"HTTP/1.1 200 OK") == 8


def test_a_kept_connection_waits_longer_than_a_header(run: Run) -> None:
    with run(header_seconds=0.2, idle_seconds=60.0) as running, running.connect(GET) as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
        since = time.monotonic()
        while time.monotonic() < since + 2:  # some checks of the connections go by
            time.sleep(0.1)
        client.sendall(GET)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")


def test_a_full_queue_of_images_is_told_so(run: Run) -> None:
    with run() as running:
        batcher = running.service.models["digits"].batcher
        batcher.n_waiting = 5000  # as if they waited
        head = post(9).replace(b"/read", b"/v2/models/digits/infer")
        image = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}
        body = json.dumps({"inputs": [image]}).encode()
        head = head.replace(b"Length: 9", b"Length: %d\r\nConnection: close" % len(body))
        status, content, headers = response(running.connect(head + body))
        assert (status, headers["retry-after"]) == (503, "1")
        assert "too many images wait" in content["error"]
        batcher.n_waiting = 0
        assert response(running.connect(head + body))[0] == 200
