"""The benchmark of servers: its requests are right, and its table says what the rows do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from benchmarks.__main__ import main
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Store
from benchmarks.speed.serving import Serving
from benchmarks.speed.serving_load import binary_body, json_body

import tenfold

FIGURES = {"requests_per_second": 3000.0, "p50": 0.004, "p99": 0.02, "refused": 0, "broken": 0}


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_server_is_measured_once(tmp_path: Path) -> None:
    words = ["run", "serving", "--servers", "tenfold", "--parts", "infer", "--turns", "1"]
    words += ["--seconds", "1", "--threads", "1", "--results", str(tmp_path)]
    assert main(words) == main(words) == 0
    (row,) = Store("serving", tmp_path).rows()
    runs = {(run["format"], run["connections"]): run for run in row["runs"]}
    assert runs.keys() == {(form, n) for form in ("json", "binary") for n in (1, 16, 64)}
    assert all(run["requests"] > 0 for run in runs.values())
    assert not any(run["refused"] or run["broken"] for run in runs.values())
    assert row["memory"] > 50e6
    assert "| `tenfold serve` | binary | 64 |" in Serving().table([row])


def test_bodies_are_those_of_the_protocol() -> None:
    images = tenfold.load("mnist:test").images[:2]
    tensor = json.loads(json_body(images).content)["inputs"][0]
    assert (tensor["shape"], len(tensor["data"])) == ([2, 28, 28], 1568)
    body = binary_body(images)
    assert body.json_length is not None
    assert json.loads(body.content[: body.json_length])["inputs"][0]["datatype"] == "UINT8"
    assert body.content[body.json_length :] == images.tobytes()


def row(part: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    key = {"threads": 2, "tenfold": "0.1.0", "seconds_each": 10.0, "turn": 0}
    key |= {"server": "tenfold", "part": part, "start_seconds": 0.6, "memory": 3e8}
    return {**key, "runs": runs, **provenance()}


def test_the_table_has_every_part() -> None:
    batch = {"images_per_second": 9500.0, "engine_images_per_second": 1e4, "share_of_engine": 0.95}
    memory = {"path": "/read", "images_a_request": 1, "counted": 5000}
    memory |= {"memory_before": 500_000_000, "memory_after": 501_000_000}
    rows = [
        row("infer", [{"format": form, "connections": n, **FIGURES}
                      for form in ("json", "binary") for n in (1, 16, 64)]),
        row("batch", [{"connections": 4, **FIGURES, **batch}]),
        row("read", [{"connections": n, **FIGURES} for n in (1, 8, 64)]),
        row("memory", [memory]),
    ]  # fmt: skip
    table = Serving().table(rows)
    assert "| `tenfold serve` | json | 16 | 3,000 | 4.00 | 20.00 | 0 | 300 | 0.60 |" in table
    assert "**95.0 %** of the 10,000" in table
    assert "| 64 connections | 3,000 | 4.00 | 20.00 | 0 |" in table
    assert "| `/read`, 1 a request | 5,000 | 500.0 | 501.0 |" in table
    assert Serving().pending(rows) == ["`python -m benchmarks run serving`"]  # the other servers
