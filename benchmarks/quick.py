"""Measure the recipe `quick` on Kaggle's split, taking turns with epochs of the Keras original.

    python -m benchmarks.quick --seeds 10 --keras-epochs 3

Each seed is a whole process, `tenfold train kaggle --val 0 --no-report --seed N`, timed from its
start to its end and scored once on `kaggle:test`. Between seeds `examples/notebook_keras.py` trains
an epoch at a time, on every core like the seeds, so that both meet the same machine; the ratio is
made of the figures of one run alone. Each seed and each epoch is a line of `results/quick.jsonl`; a
run that was stopped goes on where it was. `--new` starts another, as does a changed recipe.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import IO

from benchmarks import results
from benchmarks.figures import mean
from benchmarks.kaggle import exported
from benchmarks.results import Row
from tenfold.run import environment
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import load_recipe

NAME = RECIPE = "quick"
NOTEBOOK_EPOCHS = 30
Turn = tuple[str, int]


def main() -> None:
    """Take every turn that no row has yet, then print the figures of the run."""
    arguments = _parser().parse_args()
    known = results.rows(NAME, arguments.results)
    digest = recipe_digest(arguments.settings)
    run = None if arguments.new else last_run(known, arguments.settings, digest)
    run = run or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    mine = [row for row in known if row["run"] == run]
    left = [turn for turn in turns(arguments.seeds, arguments.keras_epochs) if not done(mine, turn)]
    with ExitStack() as stack:
        epoch = None
        if any(kind == "keras_epoch" for kind, _ in left):
            folder = arguments.kaggle or stack.enter_context(exported())
            epoch = stack.enter_context(keras_process(arguments.keras_python, folder, len(left)))
        for kind, number in left:
            if kind == "seed":
                row = train_seed(number, arguments.settings)
            else:
                assert epoch is not None
                row = {"epoch": number, **epoch()}
            key = {"kind": kind, "run": run, "settings": arguments.settings}
            row = {**key, "recipe_digest": digest, **row, **results.stamp()}
            results.append(NAME, row, arguments.results)
            mine.append(row)
            print(f"{kind} {number}: {row['seconds']:.1f} s", file=sys.stderr, flush=True)
    print(summary(mine))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Measure the recipe `quick` against the Keras original."
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--keras-epochs", type=int, default=3)
    parser.add_argument(
        "--keras-python", default=sys.executable, metavar="PATH", help="a Python that has Keras"
    )
    parser.add_argument(
        "--kaggle", type=Path, metavar="DIR", help="holds train.csv and test.csv already"
    )
    parser.add_argument("--new", action="store_true", help="start a new run")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    return parser


def turns(seeds: int, epochs: int) -> list[Turn]:
    """Order the turns: every seed, with the Keras epochs spread evenly between them."""
    places = [round((epoch + 1) * seeds / (epochs + 1)) for epoch in range(epochs)]
    order: list[Turn] = []
    for seed in range(seeds + 1):
        order += [("keras_epoch", epoch) for epoch in range(epochs) if places[epoch] == seed]
        order += [("seed", seed)] if seed < seeds else []
    return order


def done(rows: list[Row], turn: Turn) -> bool:
    """Say whether a turn has its row."""
    kind, number = turn
    return results.has(rows, kind=kind, **{"seed" if kind == "seed" else "epoch": number})


def last_run(rows: list[Row], settings: list[str], digest: str) -> str | None:
    """Name the newest run of this machine with these settings and this recipe, or None."""
    here = environment.machine()
    fitting = [
        row
        for row in rows
        if (row["machine"], row["settings"], row["recipe_digest"]) == (here, settings, digest)
    ]
    return str(fitting[-1]["run"]) if fitting else None


def recipe_digest(settings: list[str]) -> str:
    """Tell one state of the recipe from another: the start of its sha256."""
    text = load_recipe(RECIPE, settings).to_toml()
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def train_seed(seed: int, settings: list[str]) -> Row:
    """Train one seed in a process of its own; return its score and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "tenfold", "train", "kaggle", "--val", "0", "--no-report"]
        command += ["--seed", str(seed), "--out", str(out), "--json"]
        for setting in settings:
            command += ["--set", setting]
        began = time.perf_counter()
        finished = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        if finished.returncode:
            raise SystemExit(f"seed {seed} failed: {finished.stderr.strip()[-2000:]}")
        metrics, recipe = RunFolder(out).metrics(), RunFolder(out).recipe()
    test = metrics["test"]
    return {
        "seed": seed,
        "recipe": recipe.name,
        "train": "kaggle",
        "test": "kaggle:test",
        "accuracy": test["accuracy"],
        "errors": test["errors"],
        "n": test["n"],
        "seconds": seconds,
        "training_seconds": metrics["training"]["seconds"],
        "epochs": metrics["training"]["epochs"],
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": recipe.device,
    }


class KerasEpochs:
    """A process that trains an epoch of the Keras original each time it is called."""

    def __init__(self, python: str, folder: Path, epochs: int, log: IO[str]) -> None:
        script = Path(__file__).with_name("keras_epochs.py")
        self.log = log
        self.process = subprocess.Popen(
            [python, str(script), str(folder), str(epochs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={"KERAS_BACKEND": "torch", **os.environ},
        )
        # Its reading and building must be over before a seed is timed.
        self.keras: dict[str, str] = self._reply()["ready"]

    def __call__(self) -> Row:
        """Train an epoch; return its seconds, validation included, and what it reached."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        row = self._reply()
        self._reply()  # ready again
        return {**row, "keras": self.keras, "threads": environment.cores()}

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _reply(self) -> Row:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"the Keras process ended: {self.log.read().strip()[-2000:]}")
        reply: Row = json.loads(line)
        return reply


@contextmanager
def keras_process(python: str, folder: Path, epochs: int) -> Iterator[KerasEpochs]:
    """Keep a Keras process for as long as the block lasts."""
    with tempfile.TemporaryFile("w+") as log:
        process = KerasEpochs(python, folder, epochs, log)
        try:
            yield process
        finally:
            process.close()


def summary(rows: list[Row]) -> str:
    """Tell the figures of one run: accuracy, seconds, and how many times faster than Keras."""
    seeds = [row for row in rows if row["kind"] == "seed"]
    epochs = [row for row in rows if row["kind"] == "keras_epoch"]
    lines = []
    if seeds:
        accuracy = mean([row["accuracy"] for row in seeds])
        whole = median(row["seconds"] for row in seeds)
        training = median(row["training_seconds"] for row in seeds)
        first = seeds[0]
        lines += [
            f"accuracy on {first['test']}, {first['n']:,} pictures: {accuracy.percent()}",
            f"whole process: {whole:.1f} s (median of {len(seeds)}), training {training:.1f} s; "
            f"{first['threads']} threads, {first['precision']}",
        ]
    if epochs:
        epoch = median(row["seconds"] for row in epochs)
        keras = epochs[0]["keras"]
        names = ", ".join(f"{name} {value}" for name, value in keras.items())
        lines.append(
            f"Keras epoch: {epoch:.1f} s (median of {len(epochs)}), x {NOTEBOOK_EPOCHS} = "
            f"{epoch * NOTEBOOK_EPOCHS:.0f} s; {names}"
        )
        if seeds:
            lines.append(f"ratio: {epoch * NOTEBOOK_EPOCHS / whole:.1f}")
    return "\n".join([*lines, *_circumstances(rows)])


def _circumstances(rows: list[Row]) -> list[str]:
    if not rows:
        return ["no rows yet"]
    last = rows[-1]
    machine, commits = last["machine"], sorted({str(row["commit"]) for row in rows})
    return [
        f"machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        "versions: " + ", ".join(f"{name} {value}" for name, value in last["versions"].items()),
        f"run {last['run']}, commit {', '.join(commits)}",
    ]


if __name__ == "__main__":
    main()
