"""`quick` on Fashion-MNIST: clothes instead of digits, as proof that nothing is tied to digits.

    python -m benchmarks run fashion [FOLDER]

FOLDER holds the four IDX files; Debian's package dataset-fashion-mnist puts them into the default
folder. A row is a seed.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.store import Row, Store
from tenfold.workflow.runs.train import train

FOLDER = "/usr/share/datasets/fashion-mnist"


class Fashion(Benchmark):
    """Accuracy on Fashion-MNIST."""

    name = "fashion"
    description = "Accuracy of a recipe on Fashion-MNIST."
    options = ("settings",)
    section = "Fashion-MNIST"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the data set's folder, the recipe and the seed."""
        parser.add_argument("folder", nargs="?", default=FOLDER)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--recipe", default="quick")

    def run(self, arguments: argparse.Namespace) -> int:
        """Train what has no row yet, and print the table."""
        store = Store(self.file, arguments.results)
        key = {name: getattr(arguments, name) for name in ("seed", "recipe", "settings")}
        store.measure_once(key, lambda: train_once(arguments.folder, **key))
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        if not rows:
            return ""
        lines = [
            "| recipe | settings | seed | epochs | accuracy, % (95 % interval) | n | training, s | "
            "measured |",
            "|---|---|---:|---:|---:|---:|---:|---|",
        ]
        for row in rows:
            low, high = (f"{edge * 100:.2f}" for edge in row["interval"])
            settings = [one for one in row["settings"] if not one.startswith("threads=")]
            names = ", ".join(f"`{one.partition('=')[0]}`" for one in settings) or "as it is"
            lines.append(
                f"| `{row['recipe']}` | {names} | {row['seed']} | {row['epochs']} | "
                f"{row['accuracy'] * 100:.2f} ({low}-{high}) | {row['n']:,} | "
                f"{row['training_seconds']:.0f} | {row['threads']} thread"
                f"{'s' * (row['threads'] != 1)} of {row['machine']['cpu']}, commit "
                f"{row['commit']}, {row['date'][:10]} |"
            )
        return "\n".join(lines)


def train_once(folder: str, seed: int, recipe: str, settings: list[str]) -> Row:
    """Train one seed on every training image; return its score on the test set."""
    with TemporaryDirectory() as place:
        run = train(
            folder,
            recipe=recipe,
            settings=settings,
            seed=seed,
            val_fraction=0,
            out=Path(place) / "run",
            report=False,
        )
        test, training = run.metrics["test"], run.metrics["training"]
        threads = run.recipe.threads
    return {
        **{name: test[name] for name in ("n", "errors", "accuracy", "interval")},
        "epochs": training["epochs"],
        "training_seconds": training["seconds"],
        "threads": threads,
    }
