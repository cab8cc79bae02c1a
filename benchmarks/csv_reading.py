"""Compare reading Kaggle's train.csv by Tenfold with `pandas.read_csv(path).to_numpy()`.

Tenfold checks every value, pandas none. Times: both readers in one process, taking turns on a warm
file, after one unmeasured round. Memory: the peak of a fresh process that imports one reader and
reads the file once. Run with `python -m benchmarks.csv_reading`, which adds a line to
`results/csv_reading.jsonl`; pandas is needed here alone.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import results

NAME = "csv_reading"
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
READERS = {
    "tenfold": "from tenfold.data.source import load; digits = load(path)",
    "pandas": "import pandas; digits = pandas.read_csv(path).to_numpy()",
}


def main() -> None:
    """Measure, write the results and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    with tempfile.TemporaryDirectory() as folder:
        export = [sys.executable, "-m", "tenfold", "data", "export", "kaggle", folder]
        subprocess.run(export, check=True, capture_output=True)
        path = os.path.join(folder, "train.csv")
        size = os.path.getsize(path)
        # Memory first: this process is still small, so that its children's peaks are their own.
        peaks = {name: [peak(name, path) for _ in range(repeats)] for name in READERS}
        times = interleaved(path, repeats)
    ratios = [slow / fast for slow, fast in zip(times["pandas"], times["tenfold"], strict=True)]
    result: results.Row = {
        "what": "reading Kaggle's train.csv against pandas.read_csv(path).to_numpy()",
        "file_bytes": size,
        "n": repeats,
        "seconds": times,
        "median_seconds": {name: statistics.median(values) for name, values in times.items()},
        "median_ratio": statistics.median(ratios),
        "ratios": ratios,
        "peak_bytes": peaks,
        "peak_of_file": {name: max(values) / size for name, values in peaks.items()},
    }
    result |= results.stamp()
    result["versions"] |= {"pandas": version("pandas")}
    results.append(NAME, result, arguments.results)
    seconds = result["median_seconds"]
    print(
        f"tenfold {seconds['tenfold']:.2f} s, pandas {seconds['pandas']:.2f} s (medians of "
        f"{repeats}): {result['median_ratio']:.1f}x; peak {result['peak_of_file']['tenfold']:.2f} "
        f"and {result['peak_of_file']['pandas']:.2f} times the file"
    )


def interleaved(path: str, repeats: int) -> dict[str, list[float]]:
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
            digits = read()
            taken = time.perf_counter() - start
            del digits
            if turn:
                times[name].append(taken)
    return times


def peak(name: str, path: str) -> int:
    """Return the peak resident bytes of a fresh process that reads the file once."""
    code = f"import sys; path = sys.argv[1]; {READERS[name]}; {PEAK}"
    done = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


if __name__ == "__main__":
    main()
