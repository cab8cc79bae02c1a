"""Requests a second, latency and memory of `tenfold serve`, and of others with the same model.

    python -m benchmarks run serving
    python -m benchmarks run serving --servers tenfold --seconds 2 --parts infer

The client is wrk, on the same machine: it posts one body over some connections, each as soon as it
has its answer. Parts, each of which adds rows:

- `infer`: single images, as JSON and as bytes, at 1, 16 and 64 connections, by every server;
- `batch`: 256 images a request, as bytes, and the same by the engine in process, taking turns;
- `read`: a photo of 12 megapixels with 100 digits, at 1, 8 and 64 connections, after the first
  answer to strokes from the start;
- `memory`: of all processes, before and after many images and many photos, those of 12, 3 and 1
  megapixels by turns.
"""

import argparse
import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from io import BytesIO
from itertools import cycle
from statistics import median
from urllib.parse import urlsplit

import msgspec
from PIL import Image

import tenfold
from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log, newest_group
from benchmarks.speed.serving_load import Body, binary_body, post_again_and_again
from benchmarks.speed.serving_servers import KINDS, V2, Running, running
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import open_model
from tenfold.model.reader import SHIPPED
from tenfold.run.environment import machine, thread_count

PARTS = ("infer", "batch", "read", "memory")
CONNECTIONS = {"infer": (1, 16, 64), "batch": (4,), "read": (1, 8, 64), "memory": (16,)}
BATCH = 256
PHOTO_SIDES = (1.0, 0.5, 0.29)  # of the photo of 12 megapixels, for memory: 12, 3 and 1
STROKES = Body(b"[[[10, 12], [60, 10], [34, 80]]]", "application/json")


class Serving(Benchmark):
    """How much servers answer, how soon, and what memory they take."""

    name = "serving"
    description = "Requests a second, latency and memory of servers, with wrk."
    section = "Serving"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what is measured, and for how long."""
        parser.add_argument("--servers", nargs="+", choices=KINDS, default=list(KINDS))
        parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
        parser.add_argument("--turns", type=int, default=3, metavar="N")
        parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
        parser.add_argument("--images", type=int, default=1_000_000, help="for memory")
        parser.add_argument("--photos", type=int, default=5_000, help="for memory")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure what has no row yet, and print the table."""
        store, digits = Store(self.file, arguments.results), tenfold.load("mnist:test")
        threads = thread_count(arguments.threads)
        key = {"machine": msgspec.to_builtins(machine()), "threads": threads}
        key |= {"tenfold": tenfold.__version__, "seconds_each": arguments.seconds}
        for turn in range(arguments.turns):
            for server in arguments.servers:
                parts = [part for part in arguments.parts if part == "infer" or server == "tenfold"]
                todo = [
                    key | {"turn": turn, "server": server, "part": part}
                    for part in parts
                    if part != "memory" or turn == 0
                ]
                todo = [one for one in todo if not store.has(**one)]
                if todo:
                    self._measure(server, todo, digits, store, arguments, threads)
        print(self.table(store.rows()))
        return 0

    def _measure(
        self,
        server: str,
        todo: list[Row],
        digits: Dataset,
        store: Store,
        arguments: argparse.Namespace,
        threads: int,
    ) -> None:
        kind = KINDS[server]
        with running(kind, digits.images[:1], threads) as started:
            if server == "tenfold":
                _read_strokes(started)  # each process that reads has loaded its models then
            for key in todo:
                measure = {"infer": _infer, "batch": _batch, "read": _read, "memory": _memory}
                figures = list(measure[key["part"]](server, started, digits, arguments, threads))
                for row in figures:
                    log(f"{server}, {key['part']}: {_spoken(row)}")
                row = {"start_seconds": started.start_seconds, "memory": started.memory()}
                store.append({**key, **row, "runs": figures, **provenance()})

    def pending(self, rows: list[Row]) -> list[str]:
        """List what no row has."""
        seen = {(row["server"], row["part"]) for row in rows}
        wanted = {("tenfold", part) for part in PARTS} | {(server, "infer") for server in KINDS}
        return [f"`{command(self.name)}`"] if wanted - seen else []

    def table(self, rows: list[Row]) -> str:
        """Format the medians of the newest machine and length."""
        keys = ("machine", "threads", "tenfold", "seconds_each")
        timed = newest_group([row for row in rows if row["part"] != "memory"], *keys)
        memory = [row for row in rows if row["part"] == "memory"][-1:]
        tables = [_infer_table(timed), _batch_table(timed), _read_table(timed), _client(timed)]
        tables += [_memory_table(memory), _client(memory)]
        return "\n\n".join(table for table in tables if table)


def _client(rows: list[Row]) -> str:
    """Say what rows were measured by."""
    if not rows:
        return ""
    last = rows[-1]
    return (
        f"Client: wrk on the same machine, one thread, {last['seconds_each']:g} s each; medians of "
        f"{len({row['turn'] for row in rows})}. {last['threads']} threads of "
        f"{last['machine']['cpu']}, load {last['load_average']:.1f}, commit {last['commit']}, "
        f"{last['date'][:10]}."
    )


def _infer(
    server: str, started: Running, digits: Dataset, arguments: argparse.Namespace, threads: int
) -> Iterator[Row]:
    kind = KINDS[server]
    for form, body in kind.bodies.items():
        for connections in CONNECTIONS["infer"]:
            url = started.address + kind.path
            found = post_again_and_again(
                url, body(digits.images[:1]), connections, arguments.seconds
            )
            yield {"format": form, "connections": connections, **found}


def _batch(
    server: str, started: Running, digits: Dataset, arguments: argparse.Namespace, threads: int
) -> Iterator[Row]:
    images = digits.images[:BATCH]
    model = open_model(SHIPPED, threads)
    model.predict(images)  # the first one allocates
    for connections in CONNECTIONS["batch"]:
        engine = _engine_images_per_second(arguments.seconds / 2, model, images)
        body = binary_body(images)
        found = post_again_and_again(started.address + V2, body, connections, arguments.seconds)
        engine_after = _engine_images_per_second(arguments.seconds / 2, model, images)
        answered = found["requests_per_second"] * BATCH
        in_process = (engine + engine_after) / 2
        yield {
            "connections": connections,
            **found,
            "images_per_second": answered,
            "engine_images_per_second": in_process,
            "share_of_engine": answered / in_process,
        }


def _engine_images_per_second(
    seconds: float, model: tenfold.Model, images: tenfold.data.dataset.Images
) -> float:
    begun, runs = time.perf_counter(), 0
    while (taken := time.perf_counter() - begun) < seconds:
        model.predict(images)
        runs += 1
    return runs * len(images) / taken


def _read(
    server: str, started: Running, digits: Dataset, arguments: argparse.Namespace, threads: int
) -> Iterator[Row]:
    photo = Body(_photo(digits), "image/jpeg")
    for connections in CONNECTIONS["read"]:
        url = f"{started.address}/read"
        found = post_again_and_again(url, photo, connections, 2 * arguments.seconds)
        yield {"connections": connections, "photo_bytes": len(photo.content), **found}


def _memory(
    server: str, started: Running, digits: Dataset, arguments: argparse.Namespace, threads: int
) -> Iterator[Row]:
    """Ask until so many images and photos were answered; the first tenth does not count."""
    photo = _photo(digits)
    photos = [Body(_resized(photo, side), "image/jpeg") for side in PHOTO_SIDES]
    for path, bodies, wanted, count in (
        (V2, [binary_body(digits.images[:1])], arguments.images, 1),
        (V2, [binary_body(digits.images[:BATCH])], arguments.images, BATCH),
        ("/read", photos, arguments.photos, 1),
    ):
        by_turns = cycle(bodies)
        answered, before, connections = 0, 0, CONNECTIONS["memory"][0] if path == V2 else 4
        while answered < wanted:
            url = started.address + path
            found = post_again_and_again(url, next(by_turns), connections, arguments.seconds)
            if found["requests"] == found["refused"]:
                raise TenfoldError(f"{path}: nothing was answered in {arguments.seconds:g} s")
            answered += (found["requests"] - found["refused"]) * count
            if not before and answered >= wanted / 10:
                before, counted_from = started.memory(), answered
        yield {
            "path": path,
            "images_a_request": count,
            "answered": answered,
            "counted": answered - counted_from,
            "memory_before": before,
            "memory_after": started.memory(),
        }


def _photo(digits: Dataset) -> bytes:
    from benchmarks.reading.synthetic_pages import make_page

    return make_page(digits, seed=1).jpeg


def _resized(photo: bytes, side: float) -> bytes:
    image = Image.open(BytesIO(photo))
    file = BytesIO()
    image.resize([round(side * length) for length in image.size]).save(file, "JPEG", quality=85)
    return file.getvalue()


def _read_strokes(started: Running) -> None:
    connection = HTTPConnection(urlsplit(started.address).netloc, timeout=120)
    for _ in range(20):
        connection.request("POST", "/read", STROKES.content, {"Content-Type": STROKES.media_type})
        answer = json.loads(connection.getresponse().read())
        assert answer["rows"] == ["7"], answer
    connection.close()


def _spoken(row: Row) -> str:
    return ", ".join(
        f"{name} {value:,.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )


def _cells(rows: list[Row], part: str, **wanted: object) -> dict[str, float]:
    """Give the medians of a measurement's figures over the turns."""
    runs = [
        run
        for row in rows
        if row["part"] == part
        and all(row.get(name, value) == value for name, value in wanted.items())
        for run in row["runs"]
        if all(run.get(name, value) == value for name, value in wanted.items())
    ]
    names = {name for run in runs for name, value in run.items() if isinstance(value, int | float)}
    return {name: median(run[name] for run in runs if name in run) for name in names}


def _infer_table(rows: list[Row]) -> str:
    lines = [
        "| server, single images | format | connections | requests/s | p50, ms | p99, ms | refused "
        "or broken | memory, MB | first answer, s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for server, kind in KINDS.items():
        mine = [row for row in rows if row["server"] == server and row["part"] == "infer"]
        for form in kind.bodies if mine else ():
            for connections in CONNECTIONS["infer"]:
                cells = _cells(mine, "infer", format=form, connections=connections)
                memory = median(row["memory"] for row in mine) / 1e6
                start = median(row["start_seconds"] for row in mine)
                lines.append(
                    f"| {kind.title} | {form} | {connections} | {_latency(cells)} | "
                    f"{cells['refused'] + cells['broken']:,.0f} | {memory:,.0f} | {start:.2f} |"
                )
    return "\n".join(lines) if len(lines) > 2 else ""


def _latency(cells: dict[str, float]) -> str:
    return (
        f"{cells['requests_per_second']:,.4g} | {1e3 * cells['p50']:,.2f} | "
        f"{1e3 * cells['p99']:,.2f}"
    )


def _batch_table(rows: list[Row]) -> str:
    cells = _cells(rows, "batch")
    if not cells:
        return ""
    return (
        f"Batches of {BATCH} images as bytes, over {CONNECTIONS['batch'][0]} connections: "
        f"{cells['images_per_second']:,.0f} images/s, **{100 * cells['share_of_engine']:.1f} %** "
        f"of the {cells['engine_images_per_second']:,.0f} that the same engine predicts in process."
    )


def _read_table(rows: list[Row]) -> str:
    lines = [
        "| `POST /read`, a photo of 12 megapixels with 100 digits | photos/s | p50, ms | p99, ms | "
        "refused |",
        "|---|---:|---:|---:|---:|",
    ]
    for connections in CONNECTIONS["read"]:
        cells = _cells(rows, "read", connections=connections)
        if cells:
            lines.append(
                f"| {connections} connections | {_latency(cells)} | {cells['refused']:,.0f} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""


def _memory_table(rows: list[Row]) -> str:
    runs = [run for row in rows if row["part"] == "memory" for run in row["runs"]]
    lines = [
        "| memory of all processes | answered | MB before | MB after |",
        "|---|---:|---:|---:|",
    ]
    for run in runs:
        what = f"`{run['path']}`, {run['images_a_request']} a request"
        lines.append(
            f"| {what} | {run['counted']:,} | {run['memory_before'] / 1e6:,.1f} | "
            f"{run['memory_after'] / 1e6:,.1f} |"
        )
    return "\n".join(lines) if runs else ""
