"""Training cost against the number of images: seconds and memory from 10,000 to 600,000.

    python -m benchmarks run cost --images 10000 60000 600000

MNIST's 60,000 images, repeated with each copy shifted by a pixel or two, are written to a file
that `tenfold train` reads in a new process, one epoch, without a report. A row is one process.
"""

import argparse
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import timing_key
from benchmarks.core.store import Row, Store, log, newest_group
from benchmarks.core.timing import time_command, train_command
from tenfold.data.dataset import Dataset, Images, Labels
from tenfold.data.source import load
from tenfold.run.recipe import load_recipe

N_IMAGES = (10_000, 30_000, 60_000, 150_000, 300_000, 600_000)
# Runs the command and prints its own peak; getrusage's would be that of its parent where higher.
PEAK = """
import sys
from pathlib import Path
from tenfold.cli import main
code = main()
status = Path("/proc/self/status")
if status.is_file():
    peak = 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print("peak", peak)
sys.exit(code)
"""


class Cost(Benchmark):
    """Seconds and peak memory of training on more and more images."""

    name = "cost"
    description = "Training seconds and peak memory against the number of images."
    options = ("threads", "settings")
    section = "Cost against the number of images"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the numbers of images, the recipe and the repeats."""
        parser.add_argument("--images", type=int, nargs="+", default=N_IMAGES, metavar="N")
        parser.add_argument("--recipe", default="quick")
        parser.add_argument("--repeats", type=int, default=3)

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure what has no row yet; the sizes take turns."""
        recipe = load_recipe(arguments.recipe, arguments.settings)
        key = timing_key(recipe, arguments.threads, recipe.device)
        store = Store(self.file, arguments.results)
        for repeat in range(arguments.repeats):
            for count in arguments.images:
                row = store.measure_once(
                    key | {"images": count, "repeat": repeat},
                    partial(_train, arguments, count),
                )
                if row:
                    log(
                        f"{count:,} images: {row['training_seconds']:.1f} s of training, peak "
                        f"{row['peak_bytes'] / 1e6:,.0f} MB"
                    )
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format seconds and memory for each number of images."""
        found = medians(rows)
        if not found:
            return ""
        lines = [
            "| images | n | process, s | training, s | training, s per 10,000 | peak memory, MB |",
            "|---:|---:|---:|---:|---:|---:|",
        ]
        costs = [row["training_seconds"] / row["images"] * 1e4 for row in found]
        for row, cost in zip(found, costs, strict=True):
            lines.append(
                f"| {row['images']:,} | {row['n']} | {row['seconds']:.1f} | "
                f"{row['training_seconds']:.1f} | {cost:.2f} | {row['peak_bytes'] / 1e6:,.0f} |"
            )
        text = "\n".join(lines) + "\n\n"
        if len(found) > 1:
            text += (
                f"The time per 10,000 images varies by {100 * spread(found):.0f} % from the "
                f"cheapest to the dearest; each further image takes {bytes_per_image(found):,.0f} "
                "bytes. "
            )
        last = found[-1]
        return text + (
            f"One epoch of `{last['name']}`, a new process each, medians; {last['threads']} "
            f"threads of {last['machine']['cpu']}, commit {last['commit']}, {last['date'][:10]}."
        )

    def charts(self, rows: list[Row], folder: Path) -> str:
        """Draw time per image and memory against the number of images."""
        from benchmarks.publish import charts

        found = medians(rows)
        if not found:
            return ""
        label = "Training seconds per 10,000 images, and peak memory, against the number of images"
        return charts.save(charts.cost_against_images(found), "cost", label, folder)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the numbers of images that have no row."""
        measured = {row["images"] for row in medians(rows)}
        missing = [str(count) for count in N_IMAGES if count not in measured]
        return [f"Cost: `{command(self.name, '--images', *missing)}`"] if missing else []


def _train(arguments: argparse.Namespace, count: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        images, labels = repeated(load("mnist"), count)
        table = os.path.join(folder, "images.npz")
        np.savez(table, images=images, labels=labels)
        del images, labels
        words = train_command(
            table,
            arguments.recipe,
            Path(folder) / "run",
            epochs=1,
            settings=arguments.settings,
            threads=arguments.threads,
        )
        seconds, stdout = time_command([sys.executable, "-c", PEAK, *words])
    text, _, peak = stdout.rpartition("peak ")
    training = json.loads(text)["training"]
    return {
        "seconds": seconds,
        "training_seconds": training["seconds"],
        "steps": training["steps"],
        "peak_bytes": int(peak),
    }


def repeated(dataset: Dataset, count: int) -> tuple[Images, Labels]:
    """Repeat a set until there are `count` images, each copy shifted by another pixel or two."""
    images = np.empty((count, *dataset.images.shape[1:]), np.uint8)
    labels = np.empty(count, np.int64)
    shifts = [
        (0, 0),
        *((y, x) for y in (-1, 1, 0, -2, 2) for x in (-1, 1, -2, 2, 0) if (y, x) != (0, 0)),
    ]
    for copy, start in enumerate(range(0, count, len(dataset))):
        part = slice(start, min(count, start + len(dataset)))
        size = part.stop - part.start
        images[part] = np.roll(dataset.images[:size], shifts[copy % len(shifts)], (1, 2))
        labels[part] = dataset.require_labels()[:size]
    return images, labels


def medians(rows: list[Row]) -> list[Row]:
    """Return, for each number of images, the medians of the newest recipe and machine."""
    mine = newest_group(rows, "name", "digest", "threads", "device_kind", "machine")
    found = []
    for count in sorted({row["images"] for row in mine}):
        repeats = [row for row in mine if row["images"] == count]
        middle = {
            key: median(row[key] for row in repeats)
            for key in ("seconds", "training_seconds", "peak_bytes")
        }
        found.append({**repeats[-1], **middle, "n": len(repeats)})
    return found


def spread(found: list[Row]) -> float:
    """Return by what share the dearest 10,000 images cost more than the cheapest."""
    costs = [row["training_seconds"] / row["images"] for row in found]
    return float(max(costs) / min(costs) - 1)


def bytes_per_image(found: list[Row]) -> float:
    """Return how much each further image adds to the peak, from the fewest to the most."""
    more = found[-1]["images"] - found[0]["images"]
    return float((found[-1]["peak_bytes"] - found[0]["peak_bytes"]) / more)
