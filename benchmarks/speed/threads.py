"""What threads cost that wait for each other: on an idle machine and on one with other work.

    python -m benchmarks run threads --turns 3

The busy machine has as many other processes as cores, each of which spins. Where others have work
for it already, idle is not measured. In each turn, idle and then busy, in an order that
goes round, each a new process and a row:

- `train`: images per second of one epoch of `quick`, with what Tenfold chooses for GNU OpenMP, with
  OpenMP's own default and with threads that sleep, and with one thread;
- `predict`: milliseconds, and milliseconds of the processor, for one image at a time by ONNX
  Runtime, with every core and with one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import timing_key
from benchmarks.core.store import Row, Store, log, newest_group
from benchmarks.core.timing import time_command, train_command
from tenfold.run.environment import OPENMP_WAITING, cores, running_elsewhere
from tenfold.run.recipe import load_recipe

# OpenMP's defaults are written out: what is set in these variables, Tenfold leaves alone.
OPENMP: dict[str, tuple[int, dict[str, str]]] = {  # threads (0: every core), and variables
    "default": (0, {}),
    "one thread": (1, {}),
    "spinning": (0, {"GOMP_SPINCOUNT": "300000"}),
    "sleeping": (0, {"OMP_WAIT_POLICY": "PASSIVE"}),
}
TITLES = {
    "default": "Tenfold's choice",
    "one thread": "`--threads 1`",
    "spinning": "OpenMP's default",
    "sleeping": "`OMP_WAIT_POLICY=PASSIVE`",
}
N_IMAGES = 200
PREDICT = """
import json, statistics, sys, time
import tenfold
from tenfold.model.reader import SHIPPED
model = tenfold.Model(SHIPPED, int(sys.argv[1]))
images = tenfold.load("mnist:test").images[: int(sys.argv[2])]
model.predict(images[:1])  # the first one allocates
seconds, began = [], time.process_time()
for image in images:
    start = time.perf_counter()
    model.predict(image[None])
    seconds.append(time.perf_counter() - start)
used = (time.process_time() - began) / len(images)
print(json.dumps({"milliseconds": 1e3 * statistics.median(seconds), "processor": 1e3 * used}))
"""
SPIN = "while True: pass"


class Threads(Benchmark):
    """Speed by all threads and by one, on an idle and on a busy machine."""

    name = "threads"
    description = "Training and prediction by all threads and by one, on a busy machine too."
    options = ("settings",)
    section = "On a busy machine"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of turns and of images, and what is trained."""
        parser.add_argument("--turns", type=int, default=3, metavar="N")
        parser.add_argument("--modes", nargs="+", choices=OPENMP, default=list(OPENMP))
        parser.add_argument("--images", type=int, default=N_IMAGES, metavar="N", help="to predict")
        parser.add_argument("--recipe", default="quick")
        parser.add_argument("--split", default="kaggle", metavar="SOURCE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure every turn that has no row yet, and print the table."""
        recipe = load_recipe(arguments.recipe, arguments.settings)
        key = timing_key(recipe, 0, recipe.device) | {"train": arguments.split}
        for name in OPENMP_WAITING:  # only now: `timing_key` imports torch, and so has chosen here
            os.environ.pop(name, None)
        store = Store(self.file, arguments.results)
        for turn in range(arguments.turns):
            for others in (0, cores()):
                if not others and running_elsewhere():
                    log("the machine has other work: idle is not measured")
                    continue
                first = turn % len(arguments.modes)  # none is always the one after the busy phase
                for mode in arguments.modes[first:] + arguments.modes[:first]:
                    measured = key | {"turn": turn, "others": others, "mode": mode}
                    with spinning(others) if others else nullcontext():
                        _keep(store, measured | {"kind": "train"}, arguments)
                        if mode in ("default", "one thread"):
                            _keep(store, measured | {"kind": "predict"}, arguments)
        print(self.table(store.rows()))
        return 0

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where the idle machine was not measured."""
        idle = any(row["others"] == 0 for row in rows)
        return [] if idle else [f"On an idle machine: `{command(self.name)}`"]

    def table(self, rows: list[Row]) -> str:
        """Format the medians of the newest recipe and machine."""
        mine = newest_group(rows, "name", "digest", "train", "machine")
        if not mine:
            return ""
        trained = [row for row in mine if row["kind"] == "train"]
        predicted = [row for row in mine if row["kind"] == "predict"]
        lines = ["| training, images/s | idle | busy |", "|---|---:|---:|"]
        for mode, title in TITLES.items():
            cells = [
                _shown(_median(trained, mode, busy, "images_per_second"), 0)
                for busy in (False, True)
            ]
            lines.append(f"| {title} | {' | '.join(cells)} |")
        lines += ["", "| one image, ms (and of the processor) | idle | busy |", "|---|---:|---:|"]
        for mode in ("default", "one thread"):
            cells = [
                f"{_shown(_median(predicted, mode, busy, 'milliseconds'), 2)} "
                f"({_shown(_median(predicted, mode, busy, 'processor'), 2)})"
                for busy in (False, True)
            ]
            lines.append(f"| {TITLES[mode]} | {' | '.join(cells)} |")
        last = mine[-1]
        return "\n".join(lines) + (
            f"\n\nOne epoch of `{last['name']}`, and single images by the shipped model, a new "
            f"process each, by turns; medians of {len({row['turn'] for row in mine})}. Busy: with "
            f"{max(row['others'] for row in mine)} other processes that spin. {last['threads']} "
            f"threads of {last['machine']['cpu']}, commit {last['commit']}, {last['date'][:10]}."
        )


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """Have other processes spin for as long as the block lasts."""
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _keep(store: Store, key: Row, arguments: argparse.Namespace) -> None:
    threads, variables = OPENMP[key["mode"]]
    measure = {"train": _train, "predict": _predict}[key["kind"]]
    row = store.measure_once(key, lambda: measure(arguments, threads, variables))
    if row:
        shown = row.get("images_per_second") or row["milliseconds"]
        log(f"{key['kind']}, {key['mode']}, {key['others']} others: {shown:,.2f}")


def _train(arguments: argparse.Namespace, threads: int, variables: dict[str, str]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        words = train_command(
            arguments.split,
            arguments.recipe,
            Path(folder) / "run",
            epochs=1,
            settings=arguments.settings,
            threads=threads,
        )
        _, stdout = time_command([sys.executable, "-m", "tenfold", *words], variables)
    training = json.loads(stdout)["training"]
    return {"images_per_second": training["images_per_second"], "seconds": training["seconds"]}


def _predict(arguments: argparse.Namespace, threads: int, variables: dict[str, str]) -> Row:
    command = [sys.executable, "-c", PREDICT, str(threads), str(arguments.images)]
    _, stdout = time_command(command, variables)
    found: Row = json.loads(stdout)
    return found


def _median(rows: list[Row], mode: str, busy: bool, figure: str) -> float | None:
    mine = [row for row in rows if row["mode"] == mode and bool(row["others"]) == busy]
    return float(median(row[figure] for row in mine)) if mine else None


def _shown(value: float | None, digits: int) -> str:
    return "not measured" if value is None else f"{value:,.{digits}f}"
