"""Corrections that outlive the processes that kept them: what the benchmark counts."""

import sqlite3
from pathlib import Path

from benchmarks.reliability.kill_corrections import KillCorrections, is_whole, missing, run_trials


def test_killed_writers_lose_nothing() -> None:
    row = run_trials("two writers", trials=2, seed=0)
    assert row["acknowledged"] >= 4
    assert (row["n"], row["lost"], row["damaged"]) == (2, 0, 0)
    assert f"**0 of {row['acknowledged']:,}**" in KillCorrections().table([row])


def test_a_loss_and_another_label_are_counted() -> None:
    assert missing({1: "7", 2: "8", 3: "9"}, {1: "7", 2: "1", 4: None}) == [2, 3]


def test_a_damaged_file_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "some.sqlite"
    opened = sqlite3.connect(path)
    opened.execute("CREATE TABLE some (value TEXT)")
    opened.executemany("INSERT INTO some VALUES (?)", [("x" * 3000,)] * 20)
    opened.commit()
    opened.close()
    assert is_whole(path)
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 64] = bytes(64)
    path.write_bytes(content)
    assert not is_whole(path)
