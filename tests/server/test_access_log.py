"""The access log: a line for each request, with nothing secret and nothing forged."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.conftest import Start

from tenfold.server import access_log
from tenfold.server.access_log import AccessLog
from tenfold.server.observer import RequestEvent

SEVEN = [[[10, 12], [60, 10], [34, 80]]]
TOKEN = "correct-horse-battery"


def event(**changed: Any) -> RequestEvent:
    given: dict[str, Any] = {
        "method": "GET",
        "route": "",
        "path": "/v2",
        "status": 200,
        "reason": None,
        "seconds": 0.0123,
        "bytes_received": 3,
        "bytes_sent": 45,
        "client": "10.0.0.9",
        "id": "",
    }
    return RequestEvent(**{**given, **changed})


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def logged(pipe: tuple[int, int], as_json: bool, *events: RequestEvent) -> list[str]:
    log = AccessLog(as_json, pipe[1])
    for one in events:
        log.on_request(one)
    log.on_connection_refused("slow")
    log.close()
    return os.read(pipe[0], 1 << 16).decode("ascii").splitlines()


def test_a_line_of_json_has_what_is_needed(pipe: tuple[int, int]) -> None:
    refused = event(status=404, reason="path", id="r-1", path="/none")
    lines = [json.loads(line) for line in logged(pipe, True, event(), refused)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[0].pop("time"))
    assert lines[0] == {
        "client": "10.0.0.9",
        "method": "GET",
        "path": "/v2",
        "status": 200,
        "seconds": 0.0123,
        "received": 3,
        "sent": 45,
    }
    assert (lines[1]["reason"], lines[1]["id"], lines[1]["status"]) == ("path", "r-1", 404)
    assert lines[2].keys() == {"time", "reason"}


def test_a_line_of_text_has_the_same(pipe: tuple[int, int]) -> None:
    first, second, third = logged(pipe, False, event(), event(status=404, reason="path", id="a"))
    assert first.endswith(' 10.0.0.9 "GET /v2" 200 12.3ms received=3 sent=45')
    assert second.endswith('404 12.3ms received=3 sent=45 reason=path id="a"')
    assert third.endswith("Z reason=slow")


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_that_a_client_chose_is_obeyed(pipe: tuple[int, int], as_json: bool) -> None:
    evil = '\n{"status":200}\r\x1b[31m\x7f\x9b\u202e"\\ \ud800' + "x" * 100_000
    lines = logged(pipe, as_json, event(method=evil, path=evil, id=evil, client=evil))
    assert len(lines) == 2
    assert re.fullmatch(r"[ -~]{50,3000}", lines[0])
    if as_json:
        assert json.loads(lines[0])["path"] == evil[: access_log.MAX_TEXT]


def test_a_log_that_nobody_reads_holds_nothing_up(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "MAX_WAITING", 2000)
    log = AccessLog(True, pipe[1])
    sent = 0
    while log._n_dropped < 10:  # the pipe is full, and so is what waits
        log.on_request(event())
        sent += 1
        if sent % 2000 == 0:
            time.sleep(0.1)
    content = b""
    while b'"dropped"' not in content:
        content += os.read(pipe[0], 1 << 16)
    log.close()
    lines = [json.loads(line) for line in content.splitlines()]
    dropped = sum(line.get("dropped", 0) for line in lines)
    assert dropped >= 10
    assert sum("path" in line for line in lines) + dropped == sent


def test_a_reader_that_is_gone_ends_the_log_alone() -> None:
    read, write = os.pipe()
    os.close(read)
    log = AccessLog(True, write)
    for _ in range(3):
        log.on_request(event())
        time.sleep(0.1)
    log.close()
    os.close(write)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_server_logs_no_token_and_no_picture(start: Start, form: str) -> None:
    server, address = start("--log", form, "--token", TOKEN, "--readers", "1")
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Request-ID": "mine"}
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/read?marks=true", json=SEVEN, headers=headers).status_code == 200
        assert client.get(f"/?token={TOKEN}").status_code == 200
        assert client.post("/", data={"token": TOKEN}).status_code == 303
        assert client.get("/read%0Aforged", headers=headers).status_code == 404
    server.terminate()
    lines = stderr_of(server).splitlines()
    assert len(lines) == 4
    text = "\n".join(lines)
    assert not any(word in text for word in (TOKEN, "marks", "[[", "token="))
    assert [status for status in re.findall(r"\b(200|303|404)\b", text)] == [
        "200",
        "200",
        "303",
        "404",
    ]
    assert r"/read\nforged" in text
    if form == "json":
        first = json.loads(lines[0])
        assert (first["method"], first["path"], first["id"]) == ("POST", "/read", "mine")
        assert first["client"] == "127.0.0.1"
        assert json.loads(lines[3])["reason"] == "path"


def stderr_of(server: "subprocess.Popen[str]") -> str:
    return server.communicate(timeout=60)[1]
