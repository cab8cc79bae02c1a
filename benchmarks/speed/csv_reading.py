"""Reading Kaggle's train.csv by Tenfold and by `pandas.read_csv(path).to_numpy()`.

    python -m benchmarks run csv-reading

Tenfold checks every value, pandas none. Times: both readers in one process, taking turns on a warm
file, after one round that is not counted. Memory: the peak of a fresh process that imports one
reader and reads the file once. pandas is needed here alone. Each run adds a row.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.kaggle import exported_tables
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store

# not `ru_maxrss`, which begins with that of the process that started this one
PEAK = "print(1024 * int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]))"
READERS = {
    "tenfold": "from tenfold.data.source import load; dataset = load(path)",
    "pandas": "import pandas; dataset = pandas.read_csv(path).to_numpy()",
}


class CsvReading(Benchmark):
    """Seconds and peak memory of reading a large CSV file."""

    name = "csv-reading"
    description = "Seconds and memory of reading Kaggle's train.csv, against pandas."
    options = ()
    section = "Reading CSV files"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of repeats."""
        parser.add_argument("--repeats", type=int, default=9)

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure both readers, append the row and print the table."""
        repeats, store = arguments.repeats, Store(self.file, arguments.results)
        with exported_tables() as folder:
            path = folder / "train.csv"
            size = path.stat().st_size
            # Memory first: this process is still small, so its children's peaks are their own.
            peaks = {name: [peak_memory(name, path) for _ in range(repeats)] for name in READERS}
            times = interleaved(path, repeats)
        ratios = [slow / fast for slow, fast in zip(times["pandas"], times["tenfold"], strict=True)]
        row: Row = {
            "description": "reading Kaggle's train.csv against pandas.read_csv(path).to_numpy()",
            "file_bytes": size,
            "n": repeats,
            "seconds": times,
            "median_seconds": {name: statistics.median(values) for name, values in times.items()},
            "median_ratio": statistics.median(ratios),
            "ratios": ratios,
            "peak_bytes": peaks,
            "peak_of_file": {name: max(values) / size for name, values in peaks.items()},
            **provenance(),
        }
        row["versions"] |= {"pandas": version("pandas")}
        store.append(row)
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the newest row."""
        if not rows:
            return ""
        row = rows[-1]
        lines = [
            "| reader | median, s | peak memory, times the file |",
            "|---|---:|---:|",
            *(
                f"| {title} | {row['median_seconds'][name]:.2f} | {row['peak_of_file'][name]:.2f} |"
                for name, title in (
                    ("tenfold", "`tenfold.load`"),
                    ("pandas", "`pandas.read_csv(path).to_numpy()`"),
                )
            ),
        ]
        return "\n".join(lines) + (
            f"\n\nKaggle's train.csv, {row['file_bytes'] / 1e6:.1f} MB; both readers in turn, "
            f"{row['n']} times: Tenfold is **{row['median_ratio']:.1f}** times as fast (median of "
            f"the ratios), though it checks every value. {row['machine']['cpu']}, pandas "
            f"{row['versions']['pandas']}, commit {row['commit']}, {row['date'][:10]}."
        )


def interleaved(path: Path, repeats: int) -> dict[str, list[float]]:
    """Time each reader `repeats` times in turn, in seconds."""
    import pandas

    from tenfold.data.source import load

    readers: dict[str, Callable[[], Any]] = {
        "tenfold": lambda: load(path),
        "pandas": lambda: pandas.read_csv(path).to_numpy(),
    }
    times: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(repeats + 1):
        for name, read in readers.items():
            start = time.perf_counter()
            dataset = read()
            taken = time.perf_counter() - start
            del dataset
            if turn:
                times[name].append(taken)
    return times


def peak_memory(name: str, path: Path) -> int:
    """Return the peak resident bytes of a fresh process that reads the file once."""
    code = f"import sys; path = sys.argv[1]; {READERS[name]}; {PEAK}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)
