"""Result files: one JSON object a line, appended to and never rewritten.

A line is written whole or counts as absent, so a benchmark that was killed resumes where it
stopped, and rows of several machines share one file.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.core.provenance import provenance

FOLDER = Path(__file__).parents[1] / "results"

Row = dict[str, Any]


@dataclass(frozen=True)
class Store:
    """The rows of one result file.

    Args:
        name: of the file, without `.jsonl`.
        folder: where it is.
    """

    name: str
    folder: Path = FOLDER

    @property
    def path(self) -> Path:
        """The result file, which need not exist."""
        return self.folder / f"{self.name}.jsonl"

    def rows(self) -> list[Row]:
        """Read every whole row, oldest first; none where there is no file."""
        if not self.path.is_file():
            return []
        parsed = (_parse(line) for line in self.path.read_bytes().splitlines())
        return [row for row in parsed if row is not None]

    def has(self, **key: Any) -> bool:
        """Return whether a row has all of these values, and so need not be measured again."""
        return any(matches(row, **key) for row in self.rows())

    def append(self, row: Mapping[str, Any]) -> None:
        """Append a row; it is on the disk when this returns.

        A last line that was cut short is left as it is, on a line of its own, and never read.

        Raises:
            ValueError: where the row holds a number that JSON does not have.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(dict(row), allow_nan=False).encode() + b"\n"
        with self.path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def measure_once(self, key: Row, measure: Callable[[], Row]) -> Row | None:
        """Measure and append a row, unless one with this key is there already.

        Args:
            key: the values that tell this measurement from any other.
            measure: returns the rest of the row; provenance is added.

        Returns:
            The new row, or None where it had been measured before.
        """
        if self.has(**key):
            return None
        row = {**key, **measure(), **provenance()}
        self.append(row)
        return row


def matches(row: Mapping[str, Any], **key: Any) -> bool:
    """Return whether a row has all of these values."""
    return all(row.get(name) == value for name, value in key.items())


def newest_group(rows: list[Row], *keys: str) -> list[Row]:
    """Return the rows that equal the last one in these keys; none without rows."""
    return [row for row in rows if all(row[key] == rows[-1][key] for key in keys)]


def log(message: str) -> None:
    """Print progress to stderr."""
    print(message, file=sys.stderr, flush=True)


def _parse(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
