"""A child process that hangs, crashes, or wants too much memory costs one call."""

import signal

import pytest

from tenfold.child import Child
from tenfold.errors import TenfoldError

FUNCTIONS = "tests.child_functions"


@pytest.fixture
def child() -> Child:
    return Child(seconds=1.0, memory_bytes=300 << 20)


@pytest.mark.parametrize(
    ("function", "payload", "message"),
    [
        ("spin", b"", "the file: reading it took longer than 1 s"),
        ("allocate", b"400000000", "the file: reading it takes more than 300 MiB of memory"),
        ("crash", b"", "the file: reading it crashed"),
        ("refuse", b"", "page.tif: is no page"),
    ],
)
def test_a_call_that_fails_is_one_line_and_the_next_one_works(
    child: Child, function: str, payload: bytes, message: str
) -> None:
    with pytest.raises(TenfoldError, match=message) as caught:
        child.call(f"{FUNCTIONS}:{function}", payload, "the file")
    assert "\n" not in str(caught.value)
    large = bytes(3_000_000)
    assert child.call(f"{FUNCTIONS}:echo", large, "the file") == large
    child.close()


def test_a_process_that_stands_still_is_killed(child: Child) -> None:
    child.call(f"{FUNCTIONS}:echo", b"", "the file")
    process = child._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)  # uses no processor time
    child._wall_seconds = 0.2
    with pytest.raises(TenfoldError, match="took longer"):
        child.call(f"{FUNCTIONS}:echo", b"", "the file")
    assert process.poll() == -signal.SIGKILL
    child.close()


def test_a_killed_child_takes_no_more_calls(child: Child) -> None:
    child.start()
    child.kill()
    with pytest.raises(TenfoldError, match="the file: reading it was stopped"):
        child.call(f"{FUNCTIONS}:echo", b"", "the file")
    child.close()
