import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from tests.server.draw_page import DESKTOP, DrawPage, open_draw_page

SERVE = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--threads", "1"]

Start = Callable[..., tuple[subprocess.Popen[str], str]]
Serve = Callable[..., str]


@pytest.fixture(scope="session")
def start() -> Start:
    """Start a server on a free port; returns its process and its address."""

    def start(*options: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        server = subprocess.Popen(
            [*SERVE, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        assert server.stdout is not None
        line = server.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
        if match is None:
            server.kill()
            raise AssertionError(f"{line!r}, {server.communicate()[1]!r}")
        return server, match[0]

    return start


@pytest.fixture(scope="session")
def address(serve: Serve) -> str:
    """The address of a server that several modules share, with the engine of scores."""
    return serve("--engine", "onnxruntime")


@pytest.fixture(scope="session")
def serve(start: Start) -> Iterator[Serve]:
    """Start servers with options, whose stderr must stay empty; returns the address of each."""
    servers = []

    def serve(*options: str) -> str:
        server, url = start(*options)
        servers.append(server)
        return url

    yield serve
    for server in servers:
        server.terminate()
    assert [server.communicate()[1] for server in servers] == [""] * len(servers)


@pytest.fixture(scope="module")
def desktop_page(browser: Browser, address: str) -> Iterator[DrawPage]:
    draw_page = open_draw_page(browser, address, **DESKTOP)
    yield draw_page
    draw_page.page.context.close()


@pytest.fixture
def draw_page(desktop_page: DrawPage) -> DrawPage:
    """A blank page for the mouse."""
    desktop_page.page.reload()
    desktop_page.expect_text("")
    return desktop_page
