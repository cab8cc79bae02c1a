"""The end of a server, and what little it may be given: signals, descriptors, hung readings."""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.server.conftest import SERVE

Ask = Callable[[str], HTTPConnection]
Connect = Callable[..., socket.socket]
Start = Callable[..., tuple[subprocess.Popen[str], str]]

SEVEN = b"[[[10, 12], [60, 10], [34, 80]]]"
HUNG = 30  # seconds; a server that hangs is killed then


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Send a request for a 7, which is in flight then; its connection is closed at the end."""
    connections = []

    def ask(address: str) -> HTTPConnection:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=HUNG)
        connections.append(connection)
        connection.putrequest("POST", "/read")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(SEVEN)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(SEVEN)
        return connection

    yield ask
    for connection in connections:
        connection.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect and send some bytes; the connection is closed at the end."""
    clients = []

    def connect(address: str, sent: bytes = b"") -> socket.socket:
        url = urlsplit(address)
        assert url.port is not None
        client = socket.create_connection(("127.0.0.1", url.port), HUNG)
        clients.append(client)
        client.sendall(sent)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_though_clients_stay(
    start: Start, ask: Ask, connect: Connect, number: signal.Signals
) -> None:
    server, address = start()
    silent, half_header = connect(address), connect(address, b"GET / HTTP/1.1\r\n")
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    half_body = connect(address, head + b"1")
    ask(address).getresponse().read()  # and its connection stays open
    server.send_signal(number)
    assert server.communicate(timeout=HUNG)[1] == ""
    assert server.returncode == (-signal.SIGTERM if number == signal.SIGTERM else 0)
    assert silent.recv(1000) == half_header.recv(1000) == b""
    told = half_body.recv(1000)
    assert told.startswith(b"HTTP/1.1 503 ")


def test_what_is_read_when_the_signal_comes_is_answered(start: Start, ask: Ask) -> None:
    server, address = start()
    ask(address).getresponse().read()
    responses = [ask(address) for _ in range(6)]
    server.terminate()
    for one in responses:
        response = one.getresponse()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert json.loads(response.read())["rows"] == ["7"]
    assert server.communicate(timeout=HUNG)[1] == ""


IMAGE = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}


class Client(threading.Thread):
    """Asks again and again until the server takes no more; counts what was answered, and lost."""

    def __init__(self, address: str, path: str, body: bytes, is_kept: bool) -> None:
        super().__init__()
        self._netloc, self._path, self._body = urlsplit(address).netloc, path, body
        self._is_kept = is_kept
        self.answered = 0
        self.lost: list[str] = []

    def run(self) -> None:
        connection = HTTPConnection(self._netloc, timeout=HUNG)
        while True:
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return  # it has stopped, and says so
            try:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", self._path, self._body, headers)
                response = connection.getresponse()
                content = response.read()
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
                continue
            if response.status == 200:
                self.answered += 1
            else:
                self.lost.append(f"{response.status} {content!r}")
            if not self._is_kept:
                connection.close()


@pytest.mark.parametrize("is_kept", [True, False])
def test_sigterm_under_load_loses_no_request(start: Start, ask: Ask, is_kept: bool) -> None:
    server, address = start()
    ask(address).getresponse().read()
    infer = json.dumps({"inputs": [IMAGE]}).encode()
    clients = [Client(address, "/v2/models/digits/infer", infer, is_kept) for _ in range(12)] + [
        Client(address, "/read", SEVEN, is_kept) for _ in range(4)
    ]
    for client in clients:
        client.start()
    while sum(client.answered for client in clients) < 100:
        time.sleep(0.01)
    server.terminate()
    for client in clients:
        client.join()
    assert [lost for client in clients for lost in client.lost] == []
    assert server.communicate(timeout=HUNG)[1] == ""


def test_a_reading_that_hangs_is_told_and_ended(start: Start, ask: Ask) -> None:
    server, address = start("--stop-seconds", "1")
    ask(address).getresponse().read()
    readers = children(server.pid)
    for reader in readers:
        os.kill(reader, signal.SIGSTOP)
    asked = [ask(address) for _ in range(4)]  # some of them wait for a reader
    server.terminate()
    for one in asked:
        response = one.getresponse()
        assert response.status == 503
        assert "being stopped" in json.loads(response.read())["error"]
    assert server.communicate(timeout=HUNG)[1] == ""
    assert readers
    until = time.monotonic() + HUNG  # they are gone as soon as the system has got to it
    while any(Path(f"/proc/{reader}").exists() for reader in readers):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_reader_that_dies_costs_one_request(start: Start, ask: Ask) -> None:
    server, address = start()
    ask(address).getresponse().read()
    for reader in children(server.pid):
        os.kill(reader, signal.SIGKILL)
    for _ in range(3):
        response = ask(address).getresponse()
        assert response.status in (200, 422)
        response.read()
    assert json.loads(ask(address).getresponse().read())["rows"] == ["7"]
    server.terminate()
    assert server.communicate(timeout=HUNG)[1] == ""


def test_readers_end_with_a_server_that_is_killed(start: Start, ask: Ask) -> None:
    server, address = start()
    ask(address).getresponse().read()
    readers = [os.pidfd_open(reader) for reader in children(server.pid)]
    assert readers
    server.kill()
    server.communicate()
    for reader in readers:
        assert select.select([reader], [], [], HUNG)[0] == [reader]
        os.close(reader)


def limited_to(files: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def test_more_connections_than_descriptors_do_not_stop_it(ask: Ask, connect: Connect) -> None:
    server = subprocess.Popen(
        SERVE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limited_to(160),
    )
    assert server.stdout is not None
    address = server.stdout.readline().split()[2]
    for _ in range(400):
        connect(address)
    assert ask(address).getresponse().status == 200
    server.terminate()
    assert server.communicate(timeout=HUNG)[1] == ""


def test_too_few_descriptors_are_one_line() -> None:
    server = subprocess.run(
        SERVE, capture_output=True, text=True, preexec_fn=limited_to(64), timeout=HUNG
    )
    assert server.returncode == 1
    assert server.stderr.startswith("tenfold: serve: needs 104 open files at least")
    assert server.stderr.count("\n") == 1
