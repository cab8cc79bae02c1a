"""The result files: one JSON object a line, added to and never changed.

A line is written whole or counts as absent, so that a benchmark that was killed goes on where it
stopped, and so that rows from several machines stand in one file.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenfold.run import environment

FOLDER = Path(__file__).parent / "results"

Row = dict[str, Any]


def rows(name: str, folder: Path = FOLDER) -> list[Row]:
    """Read every whole row of a result file, oldest first; none where there is no file.

    Args:
        name: the file's name without `.jsonl`.
        folder: where the result files are.
    """
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        return []
    found = (_whole(line) for line in path.read_bytes().splitlines())
    return [row for row in found if row is not None]


def append(name: str, row: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Add a row to a result file; it is on the disk when this returns.

    A last line that was cut short is left as it is, on a line of its own, and never read.

    Args:
        name: the file's name without `.jsonl`.
        row: what JSON can hold.
        folder: where the result files are; made where it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(dict(row), allow_nan=False).encode() + b"\n"
    with (folder / f"{name}.jsonl").open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def has(found: list[Row], **key: Any) -> bool:
    """Say whether one of the rows has these values, and so need not be measured again."""
    return any(all(row.get(name) == value for name, value in key.items()) for row in found)


def stamp() -> Row:
    """Say where, with what and when a row was measured."""
    return {
        "machine": environment.machine(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": environment.versions(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def commit() -> str | None:
    """Name the commit that is measured, with `-dirty` where files other than results differ."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ":(top)", ":(top,exclude)benchmarks/results")
    return f"{name}-dirty" if name and changed else name or None


def _git(*words: str) -> str:
    here = Path(__file__).parent
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=here)
    return done.stdout.strip()


def _whole(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
