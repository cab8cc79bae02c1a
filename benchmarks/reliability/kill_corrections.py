"""Kill processes while they keep corrections, and count which acknowledged ones are gone.

    python -m benchmarks run kill-corrections --trials 100

A trial of the server starts one, has clients correct digits as fast as they are answered, and kills
it with SIGKILL at a random instant; most of its time it reads. A trial of writers kills two
processes at once that do nothing but keep corrections in one file. All trials share a file.
Afterwards every correction that was acknowledged must be there with its label, and SQLite must find
nothing wrong with the file. Each run of the benchmark adds a row for each kind of trial.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from tenfold.data.corrections.database import DATA_FOLDER, FILE_NAME
from tenfold.data.corrections.store import Corrections

CLIENTS = 4
MOST_SECONDS = 1.0  # from the first acknowledged correction to the kill
START_SECONDS = 60.0
WRITERS = 2
WRITER_SECONDS = 0.3
# Keeps one correction after another, and says the id of each once it is kept.
WRITER = """
import sys
from itertools import count
import numpy as np
from tenfold.data.corrections.records import AnsweredBy, Area, CorrectedInput, Correction
from tenfold.data.corrections.store import Corrections
kept, model = Corrections(), AnsweredBy("digits", "5" * 64, tuple("0123456789"))
for place in count():
    content = f"[[[{sys.argv[1]}, {place}]]]".encode() + bytes(20_000)
    strokes = CorrectedInput("strokes", content, b"", (0.0, 0.0, 1.0, 1.0))
    image = np.full((28, 28), place % 256, np.uint8)
    label = str(place % 10)
    one = Correction(label, "1", True, 0.5, Area(0, 0, 5, 5), image)
    print(kept.add(strokes, model, [one])[0], label, flush=True)
"""
SERVE = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--threads", "1"]


class KillCorrections(Benchmark):
    """Whether what was acknowledged outlives the server that has kept it."""

    name = "kill-corrections"
    description = "Kill servers that keep corrections; count which acknowledged ones are gone."
    options = ()
    section = "Killed servers and their corrections"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of trials and the seed of the instants."""
        parser.add_argument("--trials", type=int, default=100, metavar="N")
        parser.add_argument("--seed", type=int, default=0, help="of the instants")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the trials, append a row and print the table; return 1 where one is lost."""
        rows = []
        for kind in TRIALS:
            rows.append(run_trials(kind, arguments.trials, arguments.seed))
            Store(self.file, arguments.results).append(rows[-1])
        print(self.table(rows))
        return int(any(row["lost"] or row["damaged"] for row in rows))

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        return "\n".join(
            f"- **{row['lost']} of {row['acknowledged']:,}** acknowledged corrections are lost "
            f"after {row['n']} kills of {row['of']} with SIGKILL at random instants, and "
            f"{row['damaged']} times the file was damaged; {row['unacknowledged']} more were kept, "
            "the kill being faster than their answer "
            f"(seed {row['seed']}, commit {row['commit']}, {row['date'][:10]})."
            for row in rows
        )


def run_trials(kind: str, trials: int, seed: int) -> Row:
    """Run every trial of a kind on one file; return the counts and provenance."""
    draw = random.Random(seed)
    acknowledged: dict[int, str] = {}
    damaged, began = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        kept = Corrections(Path(name) / FILE_NAME)
        for number in range(trials):
            TRIALS[kind](Path(name), number, draw, acknowledged)
            damaged += not is_whole(kept.path)
            found = {one.id: one.correction.label for one in kept.find()}
            lost = missing(acknowledged, found)
            log(f"{number + 1}/{trials}: {len(acknowledged):,} acknowledged, {len(lost)} lost")
    return {
        "description": "processes killed with SIGKILL while they keep corrections",
        "of": kind,
        "n": trials,
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "unacknowledged": len(found) - len(acknowledged) + len(lost),
        "damaged": damaged,
        "seconds": round(time.perf_counter() - began, 1),
        "seed": seed,
        **provenance(),
    }


def missing(acknowledged: dict[int, str], found: dict[int, str | None]) -> list[int]:
    """Return the ids that were acknowledged and are not there with their label."""
    return [number for number, label in acknowledged.items() if found.get(number) != label]


def is_whole(path: Path) -> bool:
    """Ask SQLite whether a file is consistent; this also replays its log."""
    with closing(sqlite3.connect(path)) as opened:
        try:
            found: list[tuple[str]] = opened.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError:
            return False
    return found == [("ok",)]


Trial = Callable[[Path, int, random.Random, dict[int, str]], None]


def _kill_server(
    folder: Path, number: int, draw: random.Random, acknowledged: dict[int, str]
) -> None:
    """Start a server, correct until it is killed, and take down what it has acknowledged."""
    environment = os.environ | {DATA_FOLDER: str(folder)}
    server = subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    host = urlsplit(server.stdout.readline().split()[2]).netloc
    first = threading.Event()
    clients = [
        threading.Thread(target=_correct, args=(host, number, client, acknowledged, first))
        for client in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    if not first.wait(START_SECONDS):
        server.kill()
        raise RuntimeError("the server has acknowledged nothing")
    time.sleep(draw.uniform(0, MOST_SECONDS))
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    for client in clients:
        client.join()


def _correct(
    host: str, trial: int, client: int, acknowledged: dict[int, str], first: threading.Event
) -> None:
    """Correct one drawing after another, each of its own, until nobody answers."""
    count = 0
    try:
        connection = HTTPConnection(host, timeout=START_SECONDS)
        while True:
            strokes = [[[10, 12], [60, 10], [34 + client, 80 + trial], [33, 90 + count / 100]]]
            label = str(count % 10)
            body = {"strokes": strokes, "single": True, "digit": 0, "label": label}
            connection.request("POST", "/corrections", json.dumps(body))
            response = connection.getresponse()
            content = json.loads(response.read())
            if response.status != 200:
                raise RuntimeError(f"status {response.status}: {content}")
            acknowledged[content["ids"][0]] = label
            count += 1
            first.set()
    except (OSError, HTTPException, ValueError):  # the server was killed
        return


def _kill_writers(
    folder: Path, number: int, draw: random.Random, acknowledged: dict[int, str]
) -> None:
    """Start writers, kill them at once, and take down what they have acknowledged."""
    environment = os.environ | {DATA_FOLDER: str(folder)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(WRITERS * number + writer)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for writer in range(WRITERS)
    ]
    lines = []
    for writer in writers:
        assert writer.stdout is not None
        lines.append(writer.stdout.readline())
    time.sleep(draw.uniform(0, WRITER_SECONDS))
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        lines += writer.communicate()[0].splitlines()
    for line in lines:
        number_of, label = line.split()
        acknowledged[int(number_of)] = label


TRIALS: dict[str, Trial] = {"a server": _kill_server, "two writers": _kill_writers}
