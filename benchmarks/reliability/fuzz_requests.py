"""Damaged requests: does the server go on answering, and each refusal in one line of JSON?

    python -m benchmarks run fuzz-requests --requests 10000

Whole requests of every kind are changed, cut and doubled at random places, one connection each.
What comes back must be HTTP; a status of 4xx has one line of JSON, 5xx is a mistake, and so is a
word on the server's stderr. At the end it is asked for a 7.
"""

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store

SEVEN = b"[[[10, 12], [60, 10], [34, 80]]]"
HOST = b"Host: localhost\r\n"
TENSOR = (
    b'{"inputs":[{"name":"image","shape":[1,28,28],"datatype":"UINT8",'
    b'"parameters":{"binary_data_size":784}}],"parameters":{"binary_data_output":true}}'
)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nx\r\n'
    b'--b\r\nContent-Disposition: form-data; name="fields"\r\n\r\n[fields.a]\r\n--b--\r\n'
)
HTTP = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [A-Z]")
LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)", re.IGNORECASE)
SECONDS = 60.0  # for one answer, on a busy machine


def _post(path: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + lines + length + b"\r\n" + body


WHOLE = (
    b"GET /v2/health/ready HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v2/models/digits?x=%41 HTTP/1.1\r\n" + HOST + b"Cookie: a=b; tenfold=c\r\n\r\n",
    _post(b"/read?marks=true", SEVEN, b"Content-Type: application/json"),
    _post(b"/read", FORM, b"Content-Type: multipart/form-data; boundary=b"),
    _post(b"/read?single=true", b"GIF89a" + bytes(40), b"Content-Type: image/gif"),
    _post(
        b"/v2/models/digits/infer",
        TENSOR + bytes(784),
        b"Inference-Header-Content-Length: %d" % len(TENSOR),
    ),
    b"POST /read HTTP/1.1\r\n"
    + HOST
    + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(SEVEN), SEVEN),
)


class FuzzRequests(Benchmark):
    """Damaged requests, and what the server makes of them."""

    name = "fuzz-requests"
    description = "Damaged requests: the server goes on, and each refusal is one line of JSON."
    options = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add how many requests."""
        parser.add_argument("--requests", type=int, default=10_000, metavar="N")
        parser.add_argument("--seed", type=int, default=0, metavar="N")

    def run(self, arguments: argparse.Namespace) -> int:
        """Send the requests, append a row and print the table; 1 where anything was wrong."""
        store = Store(self.file, arguments.results)
        key = {"requests": arguments.requests, "seed": arguments.seed}
        words = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--threads", "1"]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            address = server.stdout.readline().split()[2]
            row = fuzz(int(address.rpartition(":")[2]), **key)
            server.terminate()
            row["stderr"] = server.communicate()[1]
        store.append({**key, **row, **provenance()})
        print(self.table(store.rows()))
        return 1 if row["wrong"] or row["stderr"] or not row["answers"] else 0

    def table(self, rows: list[Row]) -> str:
        """Format the newest row."""
        if not rows:
            return ""
        row = rows[-1]
        statuses = ", ".join(f"{status}: {count:,}" for status, count in row["statuses"].items())
        return (
            f"{row['requests']:,} damaged requests, seed {row['seed']}: {len(row['wrong'])} "
            f"answered wrongly (statuses {statuses}; {row['silent']:,} had no answer, since they "
            f"were no whole request). It {'answers' if row['answers'] else 'no longer answers'}. "
            f"Commit {row['commit']}, {row['date'][:10]}."
        )


def fuzz(port: int, requests: int, seed: int) -> Row:
    """Send damaged requests to a server on this machine.

    Args:
        port: of the server.
        requests: how many.
        seed: of the damage.

    Returns:
        How often each status came, how many had no answer, what was answered wrongly, and whether
        the server answers at the end.
    """
    draw, statuses = random.Random(seed), Counter[str]()
    wrong, silent, begun = [], 0, time.perf_counter()
    for _ in range(requests):
        sent = damaged(draw.choice(WHOLE), draw)
        received = exchange(port, sent)
        silent += not received
        for status, content in responses(received):
            statuses[status] += 1
            if not _is_right(status, content):
                wrong.append({"sent": repr(sent), "received": repr(received[:500])})
    return {
        "statuses": dict(sorted(statuses.items())),
        "silent": silent,
        "wrong": wrong[:20],
        "answers": _reads_a_seven(port),
        "seconds": time.perf_counter() - begun,
    }


def _reads_a_seven(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("POST", "/read", SEVEN, {"Content-Type": "application/json"})
    content = json.loads(connection.getresponse().read())
    connection.close()
    return bool(content.get("rows") == ["7"])


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """Change, cut or double bytes of a request in one to four places."""
    sent = bytearray(whole)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(sent))
        change = draw.randrange(3)
        if change == 0:
            sent[at] = draw.randrange(256)
        elif change == 1:
            del sent[at : at + draw.randint(1, 20)]
        else:
            sent[at:at] = sent[: draw.randint(1, 40)]
        sent = sent or bytearray(b"x")
    return bytes(sent)


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes and no more; return what comes until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received


def responses(received: bytes) -> Iterator[tuple[str, bytes]]:
    """Split what was received into statuses and contents; what is no HTTP has the status ""."""
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, length = HTTP.match(head), LENGTH.search(head)
        size = int(length[1]) if length and not head.startswith(b"HTTP/1.1 304") else 0
        # the response to HEAD has the length of what it does not have
        size = 0 if rest.startswith(b"HTTP/1.1 ") else size
        yield status[1].decode() if status else "", rest[:size]
        received = rest[size:]


def _is_right(status: str, content: bytes) -> bool:
    if status in ("100", "200", "204"):
        return True
    if not content:  # of a HEAD
        return status.startswith("4")
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return False
    return status.startswith("4") and bool(error) and "\n" not in error
