"""What was acknowledged is still there after a SIGKILL, and with several writers at once."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.data.corrections.conftest import DIGITS, Correct, drawn

from tenfold.data.corrections import database
from tenfold.data.corrections.store import Corrections

# Keeps one correction after another, and says the id of each once it is kept.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from tenfold.data.corrections.records import *
from tenfold.data.corrections.store import Corrections
kept = Corrections(Path(sys.argv[1]))
model = AnsweredBy("digits", "5" * 64, tuple("0123456789"))
for place in range(int(sys.argv[2])):
    content = f"[[[{sys.argv[3]}, {place}]]]".encode() + bytes(20_000)
    strokes = CorrectedInput("strokes", content, b"", (0, 0, 1, 1))
    image = np.full((28, 28), place % 256, np.uint8)
    one = Correction("7", "1", True, 0.5, Area(0, 0, 5, 5), image)
    print(*kept.add(strokes, model, [one]), flush=True)
"""


def writer(path: Path, count: int, name: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(count), str(name)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "corrections.sqlite"
    acknowledged: set[int] = set()
    for kill in range(5):
        process = writer(path, 100_000, kill)
        assert process.stdout is not None
        for _ in range(random.randint(1, 40)):
            acknowledged.add(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        acknowledged |= {int(line) for line in process.communicate()[0].splitlines() if line}
        found = {one.id for one in Corrections(path).find()}
        assert acknowledged <= found
        assert len(found) <= len(acknowledged) + kill + 1  # one a writer was under way
    checked = sqlite3.connect(path)
    assert checked.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    checked.close()


def test_writers_that_begin_at_once_on_no_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "corrections.sqlite"
    writers = [writer(path, 10, name) for name in range(4)]
    ids: list[int] = []
    for process in writers:
        output, errors = process.communicate()
        assert errors == ""
        ids += map(int, output.split())
    assert sorted(ids) == list(range(1, 41))
    assert Corrections(path).count() == 40


def test_the_log_is_synced_with_every_transaction(kept: Corrections, correct: Correct) -> None:
    kept.add(drawn(), DIGITS, [correct(0, "7")])
    with database.connection(kept.path) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert opened.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_file_that_was_begun_by_a_killed_process_is_taken_over(
    kept: Corrections, correct: Correct
) -> None:
    kept.path.parent.mkdir()
    kept.path.write_bytes(b"")
    kept.add(drawn(), DIGITS, [correct(0, "7")])
    kept.path.unlink()
    begun = sqlite3.connect(kept.path)
    begun.execute("PRAGMA journal_mode = WAL")
    begun.close()
    kept.add(drawn(), DIGITS, [correct(0, "7")])
    assert kept.count() == 1
