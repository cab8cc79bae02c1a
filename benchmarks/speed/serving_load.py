"""The client of the benchmark of servers: wrk, which posts one body again and again."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.core.store import Row
from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError

SCRIPT = Path(__file__).with_suffix(".lua")
JSON, BYTES = "application/json", "application/octet-stream"


@dataclass(frozen=True)
class Body:
    """What is posted.

    Args:
        content: all of it.
        media_type: as in `Content-Type`.
        json_length: the length of the JSON in it, where a tensor's bytes follow.
    """

    content: bytes
    media_type: str
    json_length: int | None = None


def json_body(images: Images) -> Body:
    """Ask for the predictions of images as the Open Inference Protocol has it in JSON."""
    tensor = {**_tensor(images), "data": images.ravel().tolist()}
    return Body(json.dumps({"inputs": [tensor]}).encode(), JSON)


def binary_body(images: Images) -> Body:
    """Ask with the protocol's binary extension, and for an answer in it."""
    tensor = {**_tensor(images), "parameters": {"binary_data_size": images.nbytes}}
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(request).encode()
    return Body(head + images.tobytes(), BYTES, len(head))


def plain_body(images: Images) -> Body:
    """Ask LitServe, which has no tensors."""
    return Body(json.dumps({"image": images.ravel().tolist()}).encode(), JSON)


def post_again_and_again(url: str, body: Body, connections: int, seconds: float) -> Row:
    """Post a body over some connections, each as soon as it has its answer.

    Returns:
        Requests, requests a second, the median and the 99th percentile of the latency in seconds,
        and how many were refused or broken.

    Raises:
        TenfoldError: where wrk is not installed.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise TenfoldError("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.NamedTemporaryFile() as file:
        file.write(body.content)
        file.flush()
        words = [wrk, "--threads", "1", "--connections", str(connections), "--latency"]
        words += ["--duration", f"{max(1, round(seconds))}s", "--timeout", "60s"]
        words += ["--script", str(SCRIPT), url, "--", file.name, body.media_type]
        if body.json_length is not None:
            words.append(str(body.json_length))
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    row["requests_per_second"] = row["requests"] / row["seconds"]
    return row


def _tensor(images: Images) -> Row:
    return {"name": "image", "shape": [*images.shape], "datatype": "UINT8"}
