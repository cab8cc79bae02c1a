"""Speed-up over a baseline: pairs of processes that take turns, so both meet the same machine.

    python -m benchmarks run speedup pytorch                 # the shortest `quick` as accurate
    python -m benchmarks run speedup keras --at-least 99.56  # ... with this mean accuracy at least
    python -m benchmarks run speedup keras --epochs 3        # ... with this many epochs

A pair is a whole process of `quick` and one of the baseline. Of a long baseline two epochs are
trained, and its total is extrapolated: its start, its first epoch, and the second as often as the
rest. Beside each pair stands the throughput of a matrix product. A pair is a row; the speed-up is
the median over all pairs of a machine.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.baselines.baseline import BASELINES, Baseline, run_baseline, write_data
from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import timing_key
from benchmarks.core.store import Row, Store, log
from benchmarks.core.timing import time_training
from benchmarks.speed import time_to_accuracy
from benchmarks.speed.aggregate import configs, current_digests, shortest
from tenfold.data.source import load
from tenfold.run.recipe import change, load_recipe

LONG = 10  # epochs; a baseline with more is not trained to its end
MIN_PAIRS = 3


class Speedup(Benchmark):
    """Seconds of a baseline divided by those of a recipe."""

    name = "speedup"
    description = "Speed-up of a recipe over a baseline, measured in interleaved pairs."
    options = ("threads", "device", "settings")
    section = "Speed-up"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the baseline, the length of the recipe and the number of pairs."""
        parser.add_argument("baseline", choices=BASELINES)
        parser.add_argument("--recipe", default="quick")
        length = parser.add_mutually_exclusive_group()
        length.add_argument("--epochs", type=int, metavar="N", help="of the recipe")
        length.add_argument(
            "--at-least",
            type=float,
            metavar="%",
            help="the recipe's mean accuracy; default: the baseline's",
        )
        parser.add_argument("--pairs", type=int, default=MIN_PAIRS)
        parser.add_argument("--split", default="kaggle", metavar="SOURCE")
        parser.add_argument("--steps", type=int, default=0, help="of the baseline, for a trial")
        parser.add_argument("--python", metavar="PATH", help="instead of the environment's")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure every pair that has no row yet."""
        epochs = arguments.epochs or _as_accurate(arguments)
        recipe = load_recipe(arguments.recipe, arguments.settings)
        baseline = BASELINES[arguments.baseline]
        key: Row = timing_key(recipe, arguments.threads, arguments.device) | {
            "epochs": epochs,
            "train": arguments.split,
            "baseline": arguments.baseline,
            "baseline_digest": baseline.digest,
        }
        store = Store(self.file, arguments.results)
        for number in range(arguments.pairs):
            row = store.measure_once(
                key | {"pair": number},
                partial(_pair, arguments, baseline, epochs, number),
            )
            if row:
                log(
                    f"pair {number}: {row['seconds']:.1f} s, baseline "
                    f"{row['baseline_seconds']:.0f} s, speed-up {speedup(row):.1f}"
                )
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the median speed-ups, a line for each length, baseline and machine."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in current(rows):
            key = (row["baseline"], row["train"], row["name"], str(row["epochs"]), _place(row))
            groups.setdefault(key, []).append(row)
        if not groups:
            return ""
        lines = [
            "| baseline | split | recipe, epochs | pairs | recipe, s | baseline, s (extrapolated "
            "where long) | **speed-up** | range | matrix product, GFLOP/s | machine |",
            "|---|---|---|---:|---:|---:|---:|---|---|---|",
        ]
        for (baseline, split, name, epochs, place), mine in sorted(groups.items()):
            ratios = sorted(map(speedup, mine))
            ours, theirs = (
                median(row[key] for row in mine) for key in ("seconds", "baseline_seconds")
            )
            products = (
                f"{median(row['matmul_gflops'][kind] for row in mine):,.0f} in {kind}"
                for kind in mine[0]["matmul_gflops"]
            )
            cells = [BASELINES[baseline].title, split, f"`{name}`, {epochs}", f"{len(mine)}"]
            cells += [f"{ours:.1f}", f"{theirs:,.0f}", f"**{median(ratios):.1f}**"]
            cells += [f"{ratios[0]:.1f}-{ratios[-1]:.1f}", ", ".join(products), place]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the planned baselines that have fewer than three pairs."""
        missing = []
        for baseline in ("keras", "pytorch"):
            counts: dict[tuple[str, int], int] = {}
            for row in current(rows):
                if row["baseline"] == baseline:
                    key = (_place(row), row["epochs"])
                    counts[key] = counts.get(key, 0) + 1
            if max(counts.values(), default=0) < MIN_PAIRS:
                title = BASELINES[baseline].title
                missing.append(f"Speed-up over {title}: `{command(self.name, baseline)}`")
        return missing


def current(rows: list[Row]) -> list[Row]:
    """Return the pairs of the recipe and the baseline as they are now."""
    digests = current_digests()
    return [
        row
        for row in rows
        if digests.get(("tenfold", row["name"])) == row["digest"]
        and digests.get(("baseline", row["baseline"])) == row["baseline_digest"]
    ]


def speedup(row: Row) -> float:
    """Return the speed-up of one pair."""
    return float(row["baseline_seconds"] / row["seconds"])


def _as_accurate(arguments: argparse.Namespace) -> int:
    """Return the shortest length of the recipe that was measured to be accurate enough."""
    found = configs(Store(time_to_accuracy.NAME, arguments.results).rows())
    min_accuracy = (arguments.at_least or 0) / 100
    if arguments.at_least is None:
        theirs = [
            one.accuracy.mean
            for one in found
            if one.baseline and (one.name, one.train) == (arguments.baseline, arguments.split)
        ]
        if not theirs:
            raise SystemExit(
                f"time-to-accuracy has no row of {arguments.baseline}; give --epochs or --at-least"
            )
        min_accuracy = max(theirs)
    config = shortest(found, arguments.recipe, arguments.split, min_accuracy)
    if config is None:
        raise SystemExit(
            f"no measured length of {arguments.recipe} reaches {100 * min_accuracy:.3f} % of "
            f"{arguments.split}:test yet; run time-to-accuracy, or give --epochs"
        )
    return config.epochs


def _pair(arguments: argparse.Namespace, baseline: Baseline, epochs: int, number: int) -> Row:
    train_set = load(arguments.split)
    test_set = load(train_set.test_source or f"{arguments.split}:test")
    with tempfile.TemporaryDirectory() as folder:
        seconds, metrics = time_training(
            arguments.split,
            arguments.recipe,
            Path(folder) / "run",
            seed=number,
            epochs=epochs,
            settings=arguments.settings,
            threads=arguments.threads,
            device=arguments.device,
        )
        data = Path(folder) / "data.npz"
        write_data(train_set, test_set, data)
        theirs = run_baseline(
            baseline,
            data,
            test_set,
            seed=number,
            epochs=2 if baseline.epochs > LONG else 0,
            steps=arguments.steps,
            threads=arguments.threads,
            device=arguments.device,
            python=arguments.python,
        )
    return {
        "seconds": seconds,
        "training_seconds": metrics["training"]["seconds"],
        "accuracy": metrics["test"]["accuracy"],
        "baseline_seconds": total_seconds(theirs, baseline.epochs),
        "baseline_epochs": [row["seconds"] for row in theirs["history"]],
        "baseline_process_seconds": theirs["seconds"],
        "baseline_accuracy": theirs["accuracy"] if baseline.epochs <= LONG else None,
        "baseline_versions": theirs["baseline_versions"],
        "matmul_gflops": matmul_gflops(arguments.threads, arguments.device),
    }


def total_seconds(row: Row, epochs: int) -> float:
    """Return the seconds of a baseline's whole process, extrapolated from its last epoch.

    Args:
        row: `seconds` of the process and its `history`, of all epochs or of the first two.
        epochs: how many the whole has.
    """
    history = [epoch["seconds"] for epoch in row["history"]]
    return float(row["seconds"] + history[-1] * (epochs - len(history)))


def matmul_gflops(threads: int, device: str) -> dict[str, float]:
    """Measure the throughput of a matrix product here, GFLOP/s for each precision.

    Bfloat16 is left out where the processor only emulates it: 0.9 GFLOP/s, two minutes.
    """
    from tenfold.training.backend import Backend, resolve
    from tenfold.training.profiling import peak_flops

    resolved = resolve(change(load_recipe("quick"), threads=threads, device=device))
    Backend.prepare(resolved)
    kinds = ["float32"] + ["bfloat16"] * (resolved.precision == "bfloat16")
    return {kind: round(peak_flops(kind, resolved.device) / 1e9, 1) for kind in kinds}


def _place(row: Row) -> str:
    place = row["machine"]["cpu"] if row["device_kind"] == "cpu" else "GPU"
    return f"{row['threads']} threads of {place}"
