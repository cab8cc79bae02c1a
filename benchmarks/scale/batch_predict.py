"""Predict millions of pictures on a cluster of three machines that dies in parts.

    python -m benchmarks run batch-predict --pictures 10000000

The pictures are MNIST's test set again and again, each with an id of its own, in Parquet files of
100,000 rows. Two kinds of rows:

- `speed`: images per second of a part of them by one process, by a process a core and by a Ray
  cluster with as many cores, by turns, each a command of its own, its start counted;
- `killed`: all of them on the cluster; a machine is killed half-way, the driver at three quarters
  and started again; then every id is counted, and the tables are compared with those that the
  processes of this machine write.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log, newest_group
from benchmarks.scale.cluster import cluster, finish, kill, peak_memory, start, wait_until
from tenfold.data.dataset import PIXELS
from tenfold.data.source import load
from tenfold.model.reader import SHIPPED
from tenfold.run.environment import cores

FILE_ROWS = 100_000
MODES = ("one process", "processes", "ray")


class BatchPredict(Benchmark):
    """Prediction of sets larger than memory."""

    name = "batch-predict"
    description = "Predict millions of pictures, on this machine and on a cluster that is killed."
    options = ()
    section = "Millions of pictures"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of pictures, of turns and of a part, and the model."""
        parser.add_argument("--pictures", type=int, default=10_000_000, metavar="N")
        parser.add_argument("--speed-pictures", type=int, default=1_000_000, metavar="N")
        parser.add_argument("--turns", type=int, default=3, metavar="N")
        parser.add_argument("--part-size", type=int, default=16_384, metavar="N")
        parser.add_argument("--model", default=str(SHIPPED))
        parser.add_argument(
            "--folder", type=Path, help="for the pictures; default: a temporary one"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure, append rows and print the table; return 1 where an id is lost or twice."""
        store = Store(self.file, arguments.results)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            folder = Path(name)
            if arguments.turns:
                source = write_pictures(folder / "speed", arguments.speed_pictures)
                for row in measure_speed(source, folder, arguments):
                    store.append(row)
            if arguments.pictures:
                source = write_pictures(folder / "all", arguments.pictures)
                store.append(measure_killed(source, folder, arguments))
        rows = store.rows()
        print(self.table(rows))
        return int(any(row["kind"] == "killed" and not row["equal"] for row in rows[-1:]))

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where not all of the pictures were predicted."""
        asked = {"killed": 10_000_000, "speed": 1_000_000}
        missing = [
            f"{pictures:,} ({kind})"
            for kind, pictures in asked.items()
            if not any(row["pictures"] >= pictures and row["kind"] == kind for row in rows)
        ]
        what = " and ".join(missing)
        return [f"so many pictures, {what}: `{command(self.name)}`"] * bool(missing)

    def table(self, rows: list[Row]) -> str:
        """Format the speeds of the newest machine, and what became of the killed job."""
        lines: list[str] = []
        speed = newest_group(
            [r for r in rows if r["kind"] == "speed"], "pictures", "model", "machine"
        )
        if speed:
            seconds = {
                mode: median(r["seconds"] for r in speed if r["mode"] == mode) for mode in MODES
            }
            last = speed[-1]
            lines += ["| predicted by | images/s | of one process |", "|---|---:|---:|"]
            for mode in MODES:
                rate, times = last["pictures"] / seconds[mode], seconds[MODES[0]] / seconds[mode]
                lines.append(f"| {mode} | {rate:,.0f} | {times:.2f} |")
            overhead = 100 * (seconds["ray"] / seconds["processes"] - 1)
            lines += [
                "",
                f"{last['pictures']:,} pictures by `{last['model']}`, whole commands with their "
                f"start, medians of n = {len(speed) // len(MODES)} turns; Ray's overhead over as "
                f"many processes {overhead:.1f} %. {last['cores']} cores of "
                f"{last['machine']['cpu']}, load {last['load_average']:.1f}, commit "
                f"{last['commit']}, {last['date'][:10]}.",
                "",
            ]
        for row in [r for r in rows if r["kind"] == "killed"][-1:]:
            equal = "equal to the bit to" if row["equal"] else "NOT equal to"
            lines.append(
                f"- **{row['ids']:,} of {row['pictures']:,}** ids by `{row['model']}`, each once"
                f"{'' if row['ids'] == row['rows'] else ' (NOT: some twice)'}, on a Ray cluster of "
                f"three machines of which one was killed half-way and the driver at three "
                f"quarters; {equal} the tables of this machine's processes. Peak memory of all "
                f"processes {row['peak_bytes'] / 2**30:.1f} GiB there, "
                f"{row['peak_bytes_here'] / 2**30:.1f} GiB here ({row['seconds']:,.0f} and "
                f"{row['seconds_here']:,.0f} s, commit {row['commit']}, {row['date'][:10]})."
            )
        return "\n".join(lines)


def write_pictures(folder: Path, count: int) -> Path:
    """Write so many digits, each row with an id of its own."""
    import polars as pl

    images = load("mnist:test").images.reshape(-1, PIXELS)
    folder.mkdir()
    for number, start_ in enumerate(range(0, count, FILE_ROWS)):
        rows = np.arange(start_, min(start_ + FILE_ROWS, count))
        some = images[rows % len(images)]
        columns = {f"pixel{index}": some[:, index] for index in range(PIXELS)}
        table = pl.DataFrame({"id": rows} | columns)
        table.write_parquet(folder / f"part-{number:05d}.parquet", compression="lz4")
    return folder


def _words(source: Path, out: Path, arguments: argparse.Namespace) -> list[str]:
    size = str(arguments.part_size)
    return ["predict", arguments.model, str(source), "-o", str(out), "--part-size", size]


def measure_speed(source: Path, folder: Path, arguments: argparse.Namespace) -> list[Row]:
    """Measure each mode in each turn."""
    rows = []
    count = cores()
    with cluster([0, *[1] * count]) as machines:
        for turn in range(arguments.turns):
            for mode in MODES:
                out = folder / "out"
                words = _words(source, out, arguments)
                words += {
                    "one process": ["--threads", "1"],
                    "processes": ["--threads", str(count)],
                    "ray": ["--ray", machines.address],
                }[mode]
                began = time.perf_counter()
                finish(start(words, folder / "log"), folder / "log")
                seconds = time.perf_counter() - began
                shutil.rmtree(out)
                log(f"turn {turn + 1}, {mode}: {arguments.speed_pictures / seconds:,.0f} images/s")
                rows.append(
                    {
                        "kind": "speed",
                        "mode": mode,
                        "turn": turn,
                        "pictures": arguments.speed_pictures,
                        "part_size": arguments.part_size,
                        "model": Path(arguments.model).name,
                        "cores": count,
                        "seconds": round(seconds, 2),
                        **provenance(),
                    }
                )
    return rows


def measure_killed(source: Path, folder: Path, arguments: argparse.Namespace) -> Row:
    """Predict all pictures on a cluster that is killed in parts, and here; compare them."""
    n_parts: int = sum(-(-size // arguments.part_size) for size in _file_sizes(arguments.pictures))
    there, here = folder / "there", folder / "here"

    def reached(share: float) -> bool:
        return sum(1 for _ in (there / "done").glob("*.json")) >= share * n_parts

    began = time.perf_counter()
    with peak_memory() as peak, cluster([1, 1, 1]) as machines:
        words = [*_words(source, there, arguments), "--ray", machines.address]
        driver = start(words, folder / "log")
        killed = wait_until(driver, lambda: reached(0.5))
        machines.kill_last()
        log("a machine was killed")
        killed &= wait_until(driver, lambda: reached(0.75))
        kill(driver)
        log("the driver was killed")
        finish(start(words, folder / "log"), folder / "log")
        memory = peak()
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    with peak_memory() as peak:
        finish(start(_words(source, here, arguments), folder / "log"), folder / "log")
        memory_here = peak()
    rows, ids, equal = compare(there / "predictions", here / "predictions")
    return {
        "kind": "killed",
        "pictures": arguments.pictures,
        "part_size": arguments.part_size,
        "model": Path(arguments.model).name,
        "rows": rows,
        "ids": ids,
        "equal": equal and killed and rows == ids == arguments.pictures,
        "peak_bytes": memory,
        "peak_bytes_here": memory_here,
        "seconds": round(seconds, 1),
        "seconds_here": round(time.perf_counter() - began, 1),
        **provenance(),
    }


def _file_sizes(pictures: int) -> list[int]:
    return [min(FILE_ROWS, pictures - first) for first in range(0, pictures, FILE_ROWS)]


def compare(one: Path, other: Path) -> tuple[int, int, bool]:
    """Count the rows and the ids of a folder of tables, and say whether another equals it."""
    import polars as pl

    ids = pl.scan_parquet(one / "*.parquet").select(pl.len(), pl.col("id").n_unique()).collect()
    names = [sorted(file.name for file in folder.iterdir()) for folder in (one, other)]
    equal = names[0] == names[1] and all(
        pl.read_parquet(one / name).equals(pl.read_parquet(other / name)) for name in names[0]
    )
    return int(ids.row(0)[0]), int(ids.row(0)[1]), equal
