"""Ensembles of the networks of `time-to-accuracy`: disjoint groups, averaged.

    python -m benchmarks run ensembles best --sizes 5 10

The mean is that of the probabilities which each run keeps in `predictions.parquet` of its folder in
`runs/time_to_accuracy`: each network applies test-time augmentation to images of low confidence of
its own, where in a file of `tenfold ensemble` the mean decides. Groups are made in the order of the
seeds and share no network. A row is a group.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store
from benchmarks.speed import time_to_accuracy
from benchmarks.speed.aggregate import current_digests
from tenfold.evaluation.scores import score
from tenfold.evaluation.seeds import mean
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe


class Ensembles(Benchmark):
    """Accuracy of averaged networks; nothing is trained or timed."""

    name = "ensembles"
    description = "Accuracy of disjoint ensembles of the networks of time-to-accuracy."
    options = ("settings",)
    section = "Ensembles"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the recipes and the sizes."""
        parser.add_argument("recipes", nargs="*", default=["best", "quick"])
        parser.add_argument("--sizes", type=int, nargs="+", default=(5, 10, 20), metavar="N")
        parser.add_argument("--runs", type=Path, default=time_to_accuracy.RUNS, metavar="DIR")

    def run(self, arguments: argparse.Namespace) -> int:
        """Score every group that has no row yet, and print the table."""
        store = Store(self.file, arguments.results)
        trained = Store(time_to_accuracy.NAME, arguments.results).rows()
        for name in arguments.recipes:
            recipe = load_recipe(name, arguments.settings)
            digest = recipe_digest(recipe)
            rows = [
                row
                for row in trained
                if row.get("digest") == digest and row["epochs"] == recipe.epochs
            ]
            for split in sorted({row["train"] for row in rows}):
                mine = [row for row in rows if row["train"] == split]
                for size in arguments.sizes:
                    _score_groups(store, arguments.runs, mine, size)
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the mean over the groups of each recipe, size and split."""
        digests = current_digests()
        groups: dict[tuple[str, str, int, int], list[Row]] = {}
        for row in rows:
            if digests.get(("tenfold", row["name"])) == row["digest"]:
                key = (row["train"], row["name"], row["epochs"], row["size"])
                groups.setdefault(key, []).append(row)
        if not groups:
            return ""
        lines = [
            "| split | recipe, epochs | networks | groups | mean errors | "
            "accuracy, % (95 % interval) | errors of each group |",
            "|---|---|---:|---:|---:|---:|---|",
        ]
        for (split, name, epochs, size), mine in sorted(groups.items()):
            accuracy = mean([row["accuracy"] for row in mine])
            shown = f"{accuracy.mean * 100:.3f}"
            if accuracy.interval:
                low, high = (edge * 100 for edge in accuracy.interval)
                shown += f" ({low:.3f}-{min(high, 100):.3f})"
            errors = sum(row["errors"] for row in mine) / len(mine)
            each = ", ".join(f"{row['errors']}" for row in mine)
            cells = [split, f"`{name}`, {epochs}", f"{size}", f"{len(mine)}", f"{errors:.1f}"]
            lines.append(f"| {' | '.join([*cells, shown, each])} |")
        return "\n".join(lines)


def _score_groups(store: Store, runs: Path, rows: list[Row], size: int) -> None:
    paths = {row["seed"]: time_to_accuracy.run_path(runs, row) for row in rows}
    seeds = sorted(seed for seed, path in paths.items() if (path / "predictions.parquet").exists())
    for start in range(0, len(seeds) - size + 1, size):
        group = seeds[start : start + size]
        key = {name: rows[0][name] for name in ("name", "digest", "epochs", "train", "test")}
        key |= {"size": size, "seeds": group}
        store.measure_once(key, partial(score_ensemble, [paths[seed] for seed in group]))


def score_ensemble(runs: list[Path]) -> Row:
    """Average the test probabilities of runs; return the errors and accuracy of the mean."""
    tables = [
        RunFolder.open(run).predictions().filter(split="test").sort("id", maintain_order=True)
        for run in runs
    ]
    columns = [
        column for column in tables[0].columns if column[0] == "p" and column[1:].isdecimal()
    ]
    each = np.stack([table.select(columns).to_numpy() for table in tables])
    probabilities: NDArray[np.float32] = each.mean(axis=0, dtype=np.float64).astype(np.float32)
    classes = RunFolder.open(runs[0]).environment().classes
    labels = tables[0]["label"].to_numpy()
    scores = score(labels, probabilities, classes)
    return {"errors": scores.errors, "n": len(labels), "accuracy": scores.accuracy}
