import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from tests.server.paper import DESKTOP, Paper, opened

SERVE = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--threads", "1"]

Start = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture(scope="session")
def start() -> Start:
    """Start a server on a free port; gives it and its address."""

    def start() -> tuple[subprocess.Popen[str], str]:
        server = subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
        if found is None:
            server.kill()
            raise AssertionError(f"{line!r}, {server.communicate()[1]!r}")
        return server, found[0]

    return start


@pytest.fixture(scope="session")
def address(start: Start) -> Iterator[str]:
    """A server's address; in the end its stderr must be empty."""
    server, where = start()
    yield where
    server.terminate()
    assert server.communicate()[1] == ""


@pytest.fixture(scope="module")
def desk(browser: Browser, address: str) -> Iterator[Paper]:
    paper = opened(browser, address, **DESKTOP)
    yield paper
    paper.page.context.close()


@pytest.fixture
def paper(desk: Paper) -> Paper:
    """A blank page for the mouse."""
    desk.page.reload()
    desk.reads("")
    return desk
