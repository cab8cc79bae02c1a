"""Where the time of a run goes: `tenfold train --profile`, kept as rows.

    python -m benchmarks run profiles quick --repeats 3

A row is a whole process on one split.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import timing_key
from benchmarks.core.store import Row, Store, newest_group
from benchmarks.core.timing import time_training
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe


class Profiles(Benchmark):
    """Seconds of each stage of a run and of each phase of a training step."""

    name = "profiles"
    description = "Where the time of a run goes, by stage and by phase of a training step."
    options = ("threads", "device", "settings")
    section = "Where the time goes"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what is trained and how often."""
        parser.add_argument("recipe", nargs="?", default="quick")
        parser.add_argument("--repeats", type=int, default=3)
        parser.add_argument("--split", default="kaggle", metavar="SOURCE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure every repeat that has no row yet, and print the table."""
        recipe = load_recipe(arguments.recipe, arguments.settings)
        key: Row = timing_key(recipe, arguments.threads, arguments.device) | {
            "epochs": recipe.epochs,
            "train": arguments.split,
        }
        store = Store(self.file, arguments.results)
        for repeat in range(arguments.repeats):
            store.measure_once(
                key | {"repeat": repeat},
                partial(_profile, arguments, repeat),
            )
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the medians of the newest recipe, machine and settings."""
        keys = ("name", "digest", "epochs", "train", "threads", "device_kind", "machine")
        mine = newest_group(rows, *keys)
        if not mine:
            return ""
        last = mine[-1]
        whole, loop = _median(mine, "seconds"), _median(mine, "loop_seconds")
        lines = ["| stage | seconds | share |", "|---|---:|---:|"]
        for part, total, title in (("stages", whole, "process"), ("loop", loop, "training loop")):
            lines.append(f"| **{title}** | **{total:.2f}** | |")
            for name in last[part]:
                value = median(row[part].get(name, 0.0) for row in mine)
                lines.append(f"| {name} | {value:.2f} | {100 * value / total:.1f} % |")
        speed = median(row["operations"] / row["loop_seconds"] for row in mine) / 1e9
        machine = last["machine"]
        return "\n".join(lines) + (
            f"\n\n`{last['name']}`, {last['epochs']} epochs of `{last['train']}`, medians of "
            f"{len(mine)} runs: {_median(mine, 'images_per_second'):,.0f} images/s. An image costs "
            f"{last['multiply_adds'] / 1e6:.1f} M multiply-adds; at two operations each, in the "
            f"forward pass and in the backward pass of trained layers, that is {speed:,.0f} "
            f"GFLOP/s: **{100 * _median(mine, 'of_peak'):.0f} %** of the "
            f"{_median(mine, 'peak') / 1e9:,.0f} that a matrix product in {last['precision']} "
            f"reaches. {last['threads']} threads of {machine['cpu']}, commit {last['commit']}, "
            f"{last['date'][:10]}."
        )


def _profile(arguments: argparse.Namespace, repeat: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        seconds, metrics = time_training(
            arguments.split,
            arguments.recipe,
            out,
            seed=repeat,
            settings=arguments.settings,
            threads=arguments.threads,
            device=arguments.device,
            options=["--profile"],
        )
        precision = RunFolder.open(out).recipe().precision
    return {
        "precision": precision,
        "process_seconds": seconds,
        "images_per_second": metrics["training"]["images_per_second"],
        **metrics["training"]["profile"],
        **metrics["model"],
    }


def _median(rows: list[Row], key: str) -> float:
    return float(median(row[key] for row in rows))
