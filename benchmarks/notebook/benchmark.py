"""The notebook's recipe over its 30 epochs, in Tenfold and in Keras.

    python -m benchmarks run notebook tenfold --seed 0
    python -m benchmarks run notebook keras --seed 0
    python -m benchmarks run notebook import-keras LOG SUBMISSION --seed 0

Both train on the same 37,800 of Kaggle's 42,000 images, are validated on the other 4,200 and
scored once on `kaggle:test`; Keras's predictions are those of its submission. A row is a run.
`import-keras` makes the row of a run of `examples/notebook_keras.py --log` on this machine.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.store import Row, Store, log
from benchmarks.notebook.runs import import_keras, run_keras, run_tenfold
from benchmarks.notebook.summary import summary

NAME = "notebook"


class NotebookRecipe(Benchmark):
    """Accuracy of the notebook's recipe in both frameworks."""

    name = NAME
    description = "The notebook's recipe over 30 epochs, in Tenfold and in Keras."
    options = ()
    section = "The notebook's recipe in Tenfold and in Keras"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the framework and its options."""
        commands = parser.add_subparsers(dest="kind", required=True)
        tenfold = commands.add_parser("tenfold", help="train with Tenfold")
        tenfold.add_argument("--set", action="append", default=[], dest="settings",
                             metavar="KEY=VALUE", help="change a value of the recipe")  # fmt: skip
        keras = commands.add_parser("keras", help="train the original with Keras, on every core")
        ready = commands.add_parser("import-keras", help="add a finished run of the original")
        ready.add_argument("log", type=Path, help="its JSON lines, one an epoch")
        ready.add_argument("submission", type=Path, help="its predictions of Kaggle's test images")
        ready.add_argument("--note", default="", help="such as what else the machine was doing")
        for framework in (tenfold, keras, ready):
            framework.add_argument("--seed", type=int, required=True)
        for framework in (tenfold, ready):
            framework.add_argument("--threads", type=int, default=0, help="0: every core")
        for framework in (tenfold, keras):
            framework.add_argument("--out", type=Path, metavar="DIR", help="where the run is kept")
        for framework in (keras, ready):
            framework.add_argument("--python", default=sys.executable, help="one that has Keras")
            framework.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "torch"))

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure one run, unless it has a row already, and print the summary."""
        store = Store(self.file, arguments.results)
        kind = "tenfold" if arguments.kind == "tenfold" else "keras"
        key = {"kind": kind, "seed": arguments.seed}
        key |= {"settings": arguments.settings if kind == "tenfold" else []}
        if store.has(**key):
            log(f"{kind}, seed {arguments.seed}: measured already")
        else:
            store.append(_measure(arguments))
        print(summary(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format mean accuracies, seconds and the difference."""
        return summary(rows)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the frameworks that have fewer than three runs."""
        missing = []
        for kind in ("tenfold", "keras"):
            count = sum(row["kind"] == kind and not row["settings"] for row in rows)
            if count < 3:
                text = f"`{command(NAME, kind, '--seed', str(count))}`, {count} of 3 runs"
                missing.append(f"The notebook's recipe: {text}")
        return missing


def _measure(arguments: argparse.Namespace) -> Row:
    seed = arguments.seed
    if arguments.kind == "import-keras":
        row = import_keras(
            arguments.log, arguments.submission, seed, arguments.python, arguments.backend
        )
        row["note"] = arguments.note
        return row | ({"threads": arguments.threads} if arguments.threads else {})
    if arguments.kind == "tenfold":
        out = arguments.out or Path("runs") / f"benchmark-notebook-{seed}"
        return run_tenfold(seed, out, arguments.settings, arguments.threads)
    out = arguments.out or Path("runs") / f"benchmark-keras-{seed}"
    return run_keras(seed, out, arguments.python, arguments.backend)
