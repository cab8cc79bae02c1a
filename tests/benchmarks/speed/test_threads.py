"""Threads that wait: a row for each turn, and what was not measured is not in the table."""

from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.core.store import Store
from benchmarks.speed import threads


def test_idle_is_measured_where_the_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "running_elsewhere", lambda: 2)
    words = ["run", "threads", "--turns", "1", "--images", "2", "--modes", "one thread"]
    words += ["--results", str(tmp_path), "--set", "steps=1", "--set", "batch_size=32"]
    assert main(words) == 0
    rows = Store("threads", tmp_path).rows()
    assert [row["kind"] for row in rows] == ["train", "predict"]
    assert all(row["others"] > 0 for row in rows)
    table = threads.Threads().table(rows)
    assert f"| `--threads 1` | not measured | {rows[0]['images_per_second']:,.0f} |" in table
    assert "idle" in threads.Threads().pending(rows)[0]
