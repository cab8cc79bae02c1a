"""Time to accuracy: a recipe or a baseline at several lengths, many seeds, both splits.

    python -m benchmarks run time-to-accuracy quick --epochs 1 2 3 4 6 8 --seeds 20
    python -m benchmarks run time-to-accuracy best --seeds 5 --splits kaggle
    python -m benchmarks run time-to-accuracy pytorch --seeds 5

Each seed is a new process that trains on every training image with a schedule fixed before it
starts; the weights of its last step predict the test images, once. Rows from other days and other
machines add up. The run folders of recipes stay in `runs/time_to_accuracy`, for the benchmarks
`ensembles` and `inference`.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import plan
from benchmarks.baselines.baseline import BASELINES, run_baseline, write_data
from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import recipe_digest
from benchmarks.core.store import Row, Store, log
from benchmarks.core.timing import time_training
from benchmarks.speed import accuracy_tables, keras_rows
from benchmarks.speed.aggregate import configs, main_place
from tenfold.data.source import load
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import change, load_recipe

NAME = "time_to_accuracy"
RUNS = Path("runs") / NAME


class TimeToAccuracy(Benchmark):
    """Accuracy and seconds of recipes and baselines."""

    name = "time-to-accuracy"
    description = "Time and accuracy of a recipe or a baseline, one process per seed."
    options = ("threads", "device", "settings")
    section = "Time to accuracy"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what is trained, how long, how often and on what."""
        parser.add_argument(
            "recipe", metavar="RECIPE|BASELINE", help=f"baselines: {', '.join(BASELINES)}"
        )
        parser.add_argument("--epochs", type=int, nargs="+", metavar="N", help="default: its own")
        parser.add_argument("--seeds", type=int, default=1, metavar="N")
        parser.add_argument("--first-seed", type=int, default=0, metavar="N")
        parser.add_argument("--splits", nargs="+", default=plan.SPLITS, metavar="SOURCE",
                            help="default: kaggle mnist")  # fmt: skip
        parser.add_argument("--steps", type=int, default=0, help="of a baseline, for a trial")
        parser.add_argument(
            "--python", metavar="PATH", help="for a baseline, instead of its environment's"
        )
        parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")

    def rows(self, folder: Path) -> list[Row]:
        """Read its own rows, and what `notebook` and `speedup` have measured of the same kind."""
        notebook, speedup = (Store(name, folder).rows() for name in ("notebook", "speedup"))
        return [*keras_rows.from_notebook(notebook), *keras_rows.timings(speedup),
                *super().rows(folder)]  # fmt: skip

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure every missing seed, one of each length and split before the next."""
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            for source in arguments.splits:
                for epochs in arguments.epochs or [0]:
                    measure(arguments, source, epochs, seed)
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format a table for each split."""
        return accuracy_tables.tables(rows)

    def charts(self, rows: list[Row], folder: Path) -> str:
        """Draw error against time, for CPUs and for GPUs."""
        from benchmarks.publish import charts

        found, parts = configs(rows), []
        for kind, name in (("cpu", "speed"), ("cuda", "speed-gpu")):
            place = main_place(found, kind)
            figure = charts.error_against_time(found, place) if place else None
            if figure:
                label = "Mean test error against time, a point for each length of each recipe and "
                parts.append(charts.save(figure, name, label + "baseline", folder))
                parts.append(
                    "A point is a recipe or a baseline, labelled with its epochs; a bar is the "
                    "95 % interval of the mean. Lower is more accurate, further left is faster."
                )
        return "\n\n".join(parts)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the planned seeds that have no row."""
        return accuracy_tables.pending(rows)


def measure(arguments: argparse.Namespace, source: str, epochs: int, seed: int) -> None:
    """Measure one seed, unless it has a row already, and append its row."""
    from tenfold.training.backend import resolve

    name = arguments.recipe
    recipe = load_recipe("quick" if name in BASELINES else name, arguments.settings)
    if name in BASELINES:
        key: Row = {"kind": "baseline", "name": name, "digest": BASELINES[name].digest}
        own, train = BASELINES[name].epochs, _train_baseline
    else:
        key = {"kind": "tenfold", "name": recipe.name, "digest": recipe_digest(recipe)}
        own, train = recipe.epochs, _train_recipe
    key |= {"epochs": epochs or own, "steps": arguments.steps, "train": source, "seed": seed}
    # On another kind of device a seed draws other numbers: there it is one more sample.
    key["device_kind"] = resolve(change(recipe, device=arguments.device)).device
    row = Store(NAME, arguments.results).measure_once(key, lambda: train(arguments, key))
    if row:
        log(
            f"{name}, {row['epochs']} epochs of {source}, seed {seed}: {row['errors']} errors in "
            f"{row['n']:,}; {row['seconds']:.1f} s, training {row['training_seconds']:.1f} s"
        )


def _train_recipe(arguments: argparse.Namespace, key: Row) -> Row:
    if arguments.steps:
        raise SystemExit("--steps is for baselines; a recipe takes --set steps=N")
    out = run_path(arguments.runs, key)
    out.parent.mkdir(parents=True, exist_ok=True)
    seconds, metrics = time_training(
        key["train"],
        arguments.recipe,
        out,
        seed=key["seed"],
        epochs=key["epochs"],
        settings=arguments.settings,
        threads=arguments.threads,
        device=arguments.device,
    )
    folder, test = RunFolder.open(out), metrics["test"]
    recipe, environment = folder.recipe(), folder.environment()
    return {
        "settings": arguments.settings,
        "test": environment.test_source,
        **{name: test[name] for name in ("accuracy", "errors", "n")},
        "seconds": seconds,
        "training_seconds": metrics["training"]["seconds"],
        "capture_seconds": metrics["training"]["capture_seconds"],
        "training": metrics["training"],
        **{name: metrics["model"][name] for name in ("parameters", "multiply_adds")},
        "members": recipe.members,
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": environment.device,
    }


def _train_baseline(arguments: argparse.Namespace, key: Row) -> Row:
    train_set = load(key["train"])
    test_set = load(train_set.test_source or f"{key['train']}:test")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        write_data(train_set, test_set, data)
        row = run_baseline(
            BASELINES[arguments.recipe],
            data,
            test_set,
            seed=key["seed"],
            epochs=key["epochs"],
            steps=key["steps"],
            threads=arguments.threads,
            device=key["device_kind"],
            python=arguments.python,
        )
    return {"test": test_set.source, **row}


def run_path(runs: Path, row: Row) -> Path:
    """Return the run folder of a row."""
    words = row["name"], row["digest"], row["epochs"], Path(row["train"]).stem, row["seed"]
    return runs / "-".join(map(str, words))
