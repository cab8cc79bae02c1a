"""The servers of the benchmark: how each is started, where it infers, and what memory it takes."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.baselines.baseline import HERE, environment_python
from benchmarks.speed.serving_load import Body, binary_body, json_body, plain_body
from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.model.reader import SHIPPED

START_SECONDS = 120.0
V2 = "/v2/models/digits/infer"


@dataclass(frozen=True)
class ServerKind:
    """A server that can be measured.

    Args:
        title: its name in the table.
        path: where it infers.
        bodies: how it may be asked, by format.
        command: from a port and a number of threads to the words that start it.
    """

    title: str
    path: str
    bodies: dict[str, Callable[[Images], Body]]
    command: Callable[[int, int], list[str]]


def _tenfold(port: int, threads: int) -> list[str]:
    words = [sys.executable, "-m", "tenfold", "serve", "--port", str(port)]
    return [*words, "--threads", str(threads)]


def _script(script: str, requirements: str) -> Callable[[int, int], list[str]]:
    def command(port: int, threads: int) -> list[str]:
        words = [environment_python(requirements), str(HERE / script), str(SHIPPED)]
        return [*words, str(port), str(threads)]

    return command


KINDS = {
    "tenfold": ServerKind(
        "`tenfold serve`", V2, {"json": json_body, "binary": binary_body}, _tenfold
    ),
    "kserve": ServerKind(
        "KServe's Python server",
        V2,
        {"json": json_body, "binary": binary_body},
        _script("kserve_serve.py", "requirements-kserve.txt"),
    ),
    "litserve": ServerKind(
        "LitServe",
        "/predict",
        {"json": plain_body},
        _script("litserve_serve.py", "requirements-litserve.txt"),
    ),
}


@dataclass(frozen=True)
class Running:
    """A server that runs.

    Args:
        process: its first process.
        address: of it, without a path.
        start_seconds: from its start to the first answer.
    """

    process: "subprocess.Popen[bytes]"
    address: str
    start_seconds: float

    def memory(self) -> int:
        """Return the bytes that it and all its children hold for themselves (PSS)."""
        return sum(map(_proportional_bytes, _family(self.process.pid)))


@contextmanager
def running(kind: ServerKind, images: Images, threads: int) -> Iterator[Running]:
    """Run a server for as long as the block lasts.

    Args:
        kind: which.
        images: what it is first asked for.
        threads: of the model.

    Raises:
        TenfoldError: where it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = kind.command(port, threads)
    begun = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        body = next(iter(kind.bodies.values()))(images)
        while not _answers(port, kind.path, body):
            waited = time.perf_counter() - begun
            if process.poll() is not None or waited > START_SECONDS:
                raise TenfoldError(f"{kind.title} does not answer after {waited:.0f} s")
            time.sleep(0.005)
        yield Running(process, f"http://127.0.0.1:{port}", time.perf_counter() - begun)
    finally:
        family = _family(process.pid)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end(family)


def _answers(port: int, path: str, body: Body) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    headers = {"Content-Type": body.media_type}
    if body.json_length is not None:
        headers["Inference-Header-Content-Length"] = str(body.json_length)
    try:
        connection.request("POST", path, body.content, headers)
        response = connection.getresponse()
        response.read()
    except OSError:
        return False
    finally:
        connection.close()
    return response.status == 200


def _family(pid: int) -> list[int]:
    """Return a process and all that come of it."""
    found = [pid]
    for one in found:
        for tasks in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, tasks.read_text().split())
            except OSError:  # it has just ended
                continue
    return found


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def _end(family: list[int]) -> None:
    """End what a server that was ended has left behind."""
    import os
    import signal

    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
