"""Sweep over `quick`, killed in the middle and resumed; look at its winner on other writers.

    python -m benchmarks run sweep

20 trials of `quick` with 2 epochs on 10,000 images of MNIST's training set, folds by writer. The
process is killed with SIGKILL once half of the trials were begun: what is the best then is trained
and predicts; the same call goes on. In the end the winner and the base recipe, each trained with
fresh seeds, predict 10,000 images of MNIST's training set by writers of whom the sweep has seen
nothing. No test set is read. Each run adds a row.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.evaluation.seeds import mean, welch_test
from tenfold.model.file import Model
from tenfold.run.sweep_folder import SweepFolder
from tenfold.workflow.runs.train import train

SPACE = {
    "optimiser.learning_rate": {"low": 0.01, "high": 0.1, "log": True},
    "optimiser.adamw_learning_rate": {"low": 0.001, "high": 0.03, "log": True},
    "augmentation.rotation": {"low": 0.0, "high": 20.0},
    "augmentation.shift": {"low": 0.0, "high": 0.1},
    "label_smoothing": {"low": 0.0, "high": 0.2},
}
# What is killed: the same call each time.
CALL = """
import json, sys
import numpy as np
import tenfold
options = json.loads(sys.argv[1])
images = tenfold.load("mnist").subset(np.arange(options.pop("images")))
tenfold.sweep(options.pop("space"), images, **options)
"""
WAIT = 0.2  # seconds between two looks at the sweep's folder


class Sweep(Benchmark):
    """A sweep that is killed, and what its winner is worth."""

    name = "sweep"
    description = "Sweep over quick, killed and resumed; score the winner on other writers."
    options = ("settings",)
    section = "A sweep"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the size of the sweep and its budget."""
        parser.add_argument("--recipe", default="quick")
        parser.add_argument("--images", type=int, default=10_000, metavar="N")
        parser.add_argument("--epochs", type=int, default=2, metavar="N")
        parser.add_argument("--trials", type=int, default=20, metavar="N")
        parser.add_argument("--fresh-seeds", type=int, default=3, metavar="N")
        parser.add_argument("--time-budget", type=float, default=1800.0, metavar="SECONDS")

    def run(self, arguments: argparse.Namespace) -> int:
        """Sweep, append a row and print the table; return 1 where something is not as it must."""
        row = measure(arguments)
        Store(self.file, arguments.results).append(row)
        print(self.table([row]))
        return int(not row["passed"])

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where no whole sweep was made."""
        whole = any(row["trials"] >= 20 and row["images"] >= 10_000 for row in rows)
        return [] if whole else [f"20 trials on 10,000 images: `{command(self.name)}`"]

    def table(self, rows: list[Row]) -> str:
        """Format a paragraph for each row."""
        return "\n".join(map(_line, rows))


def measure(arguments: argparse.Namespace) -> Row:
    """Sweep, kill, resume, and score winner and base recipe on other writers."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "sweep"
        options = {
            "space": SPACE,
            "images": arguments.images,
            "recipe": arguments.recipe,
            "settings": arguments.settings,
            "epochs": arguments.epochs,
            "trials": arguments.trials,
            "fresh_seeds": arguments.fresh_seeds,
            "time_budget": arguments.time_budget,
            "out": str(out),
        }
        began = time.perf_counter()
        ended_before = _killed_half_way(options, out, arguments.trials // 2)
        halfway = _best_works(SweepFolder.open(out), arguments.images, Path(name))
        _start(options).wait()
        seconds = time.perf_counter() - began
        from tenfold.workflow.sweep.run import sweep

        images = load("mnist").subset(np.arange(arguments.images))
        del options["images"]
        found = sweep(**{**options, "source": images}, progress=False)  # nothing is left to do
        states = [one.state for one in found.trials]
        others = _other_writers(images)
        accuracies = _on_others(found.path, found.best.number, others)
        values, fresh = found.best.values, found.fresh
    numbers = [one.number for one in found.trials]
    whole = numbers == list(range(arguments.trials))
    within = found.seconds <= arguments.time_budget
    gain = _gain(accuracies)
    return {
        "recipe": arguments.recipe,
        "settings": arguments.settings,
        "images": arguments.images,
        "epochs": arguments.epochs,
        "trials": len(numbers),
        "states": {state: states.count(state) for state in ("finished", "stopped", "failed")},
        "killed_after": ended_before,
        "lost_or_twice": 0 if whole else abs(arguments.trials - len(set(numbers))) or 1,
        "best_so_far_works": halfway,
        "search_seconds": round(found.seconds, 1),
        "seconds": round(seconds, 1),
        "budget": arguments.time_budget,
        "best": found.best.number,
        "values": values,
        "accuracy": found.best.accuracy,
        "interval": list(found.best.interval or ()),
        "fresh": fresh.to_dict() if fresh else None,
        "others": {"n": len(others), **accuracies},
        "others_gain": gain,
        "passed": whole and halfway and within and gain["difference"] >= 0,
        **provenance(),
    }


def _killed_half_way(options: dict[str, Any], out: Path, trials: int) -> int:
    """Sweep until so many trials were begun and one has finished; return how many had ended."""
    process = _start(options)
    while process.poll() is None:
        time.sleep(WAIT)
        if (out / "best.toml").exists() and len(SweepFolder(out).begun()) > trials:
            break
    if process.poll() is not None:
        raise SystemExit("the sweep ended before it could be killed")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ended = len(SweepFolder(out).trials())
    log(f"killed; {ended} trials had ended")
    return ended


def _start(options: dict[str, Any]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CALL, json.dumps(options)])


def _best_works(folder: SweepFolder, count: int, scratch: Path) -> bool:
    """Train the best recipe so far, briefly, and predict with the best run so far."""
    others = load("mnist").subset(np.arange(count, count + 1000))
    run = train(
        others, recipe=folder.best_recipe, epochs=1, out=scratch / "run", report=False,
        progress=False,
    )  # fmt: skip
    right = Model(folder.best_run / "model.onnx").predict(others.images).labels
    return run.accuracy is not None and bool(np.mean(right == others.labels) > 0.5)


def _other_writers(images: Dataset) -> Dataset:
    """Return 10,000 of MNIST's training images by writers who are not in a set, or all of them."""
    whole = load("mnist")
    assert whole.writers is not None
    assert images.writers is not None
    rows = np.flatnonzero(~np.isin(whole.writers, images.writers))
    return whole.subset(rows[:: max(1, len(rows) // 10_000)][:10_000])


def _on_others(path: Path, best: int, others: Dataset) -> dict[str, list[float]]:
    """Score each run with a fresh seed on other writers' images."""
    found = {}
    for side, name in (("winner", f"trial-{best:04d}"), ("base", "base")):
        files = sorted((path / "fresh" / name).glob("seed-*/model.onnx"))
        found[side] = [
            float(np.mean(Model(file).predict(others.images).labels == others.labels))
            for file in files
        ]
    return found


def _gain(accuracies: dict[str, list[float]]) -> dict[str, Any]:
    """Compare winner and base recipe; where the base won they are one."""
    winner, base = accuracies["winner"], accuracies["base"]
    if not winner or not base:
        return {"difference": 0.0, "interval": None}
    test = welch_test(winner, base)
    difference = mean(winner).mean - mean(base).mean
    return {"difference": difference, "interval": list(test.interval) if test else None}


def _line(row: Row) -> str:
    states, others, gain = row["states"], row["others"], row["others_gain"]
    line = (
        f"- {row['trials']} trials of `{row['recipe']}` with {row['epochs']} epochs of "
        f"{row['images']:,} images, {len(row['values'])} keys: {states['finished']} finished, "
        f"{states['stopped']} were stopped early, {states['failed']} failed, in "
        f"{row['search_seconds']:.0f} s of a budget of {row['budget']:.0f} s; killed with SIGKILL "
        f"after {row['killed_after']} trials, of which none was lost or counted twice "
        f"({row['lost_or_twice']}), and the best then trained and predicted "
        f"({'yes' if row['best_so_far_works'] else 'NO'}). "
    )
    fresh = row["fresh"]
    if fresh and fresh["gain"] is not None:
        line += (
            f"The winner had {100 * row['accuracy']:.2f} % out of fold, "
            f"{100 * fresh['gain_searched']:+.2f} points over the base recipe; with "
            f"{len(fresh['winner'])} fresh seeds {100 * fresh['gain']:+.2f} "
            f"({_interval(fresh['welch'])}), so that {100 * max(fresh['luck'], 0):.2f} were luck. "
        )
    if others["winner"]:
        line += (
            f"On {others['n']:,} images by writers of whom the sweep has seen nothing: "
            f"{100 * np.mean(others['winner']):.2f} % and {100 * np.mean(others['base']):.2f} %, "
            f"{100 * gain['difference']:+.2f} points ({_interval(gain)}). "
        )
    else:
        line += "No trial was better than the base recipe. "
    return line + (
        f"Machine: {row['machine']['cpu']}, {row['machine']['cores']} cores, load "
        f"{row['load_average']:.1f}, commit {row['commit']}, {row['date'][:10]}."
    )


def _interval(test: dict[str, Any] | None) -> str:
    if not test or not test["interval"]:
        return "no interval"
    low, high = test["interval"]
    return f"95 % interval {100 * low:+.2f} to {100 * high:+.2f}"
