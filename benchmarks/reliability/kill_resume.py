"""Kill small runs again and again, resume them, compare them with one that ran to its end.

    python -m benchmarks run kill-resume --trials 50

Each trial trains in processes of its own and kills them with SIGKILL: every third trial first while
a checkpoint is being written, seen by its temporary file; all others at random instants between the
appearance of `recipe.toml` and the end. After three kills the run may end. A trial passes where
weights, optimiser state, model file, predictions and scores are, to the bit, those of the run that
was not killed, and no half-written file is left. Each run of the benchmark adds a row.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

MAX_KILLS = 3  # of one trial
# Started once, with torch and what its optimisers load (half of a small run's time); each process
# that trains is forked from it within a moment.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "torch._dynamo",
        "onnxruntime",
        "tenfold.training.onnx_export",
        "tenfold.workflow.runs.execute",
    ]
)


class KillResume(Benchmark):
    """Bit-exactness of runs that are killed and resumed."""

    name = "kill-resume"
    description = "Kill small runs, resume them, compare them with one that ran to its end."
    options = ()
    section = "Killed and resumed runs"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the number of trials and the seed of the instants."""
        parser.add_argument("--trials", type=int, default=50, metavar="N")
        parser.add_argument("--seed", type=int, default=0, help="of the instants")
        parser.add_argument("--threads", type=int, default=1, metavar="N")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the trials, append a row and print the table; return 1 where a run differs."""
        row = run_trials(arguments.trials, arguments.seed, arguments.threads)
        Store(self.file, arguments.results).append(row)
        print(self.table([row]))
        return int(row["passed"] != row["n"])

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        return "\n".join(
            f"- **{row['passed']} of {row['n']}** small runs end, to the bit, like the one that "
            f"was not killed, after {row['kills']} kills with SIGKILL, "
            f"{row['kills_while_writing_a_checkpoint']} of them while a checkpoint was being "
            f"written (seed {row['seed']}, commit {row['commit']}, {row['date'][:10]})."
            for row in rows
        )


def run_trials(trials: int, seed: int, threads: int) -> Row:
    """Run every trial; return its counts and provenance."""
    train_set, test_set = load("mnist"), load("mnist:test")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = small_run(
            folder,
            train_set.subset(np.arange(400)),
            test_set.subset(np.arange(100)),
            threads=threads,
            report=False,
        )
        reference, seconds = train_uninterrupted(folder / "reference", arguments)
        draw = random.Random(seed)
        passed, kills, writing = 0, 0, 0
        for number in range(trials):
            run, while_writing = folder / f"run{number}", number % 3 == 0
            count = train_with_kills(run, arguments, draw, seconds, while_writing)
            differing = differences(RunFolder(run), reference)
            passed += not differing
            kills += count
            writing += while_writing
            log(f"{number + 1}/{trials}: {count} kills, {', '.join(differing) or 'equal'}")
    return {
        "description": "small runs killed with SIGKILL and resumed, against one that was not",
        "n": trials,
        "passed": passed,
        "kills": kills,
        "kills_while_writing_a_checkpoint": writing,
        "seconds_of_a_run": round(seconds, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "seed": seed,
        "threads": threads,
        **provenance(),
    }


def small_run(
    folder: Path, train_set: Dataset, test_set: Dataset, **changes: Any
) -> dict[str, Any]:
    """Write two small tables; return the arguments of a training that takes seconds."""
    tables = {}
    for name, part in (("train.csv", train_set), ("test.csv", test_set)):
        tables[name] = folder / name
        columns = np.column_stack([part.require_labels(), part.images.reshape(-1, PIXELS)])
        header = ",".join(["label", *(f"pixel{index}" for index in range(PIXELS))])
        np.savetxt(tables[name], columns, "%d", ",", header=header, comments="")
    usual = {
        "source": str(tables["train.csv"]),
        "test": str(tables["test.csv"]),
        "settings": ["batch_size=64"],
        "epochs": 5,
        "val_fraction": 0.1,
        "threads": 1,
        "progress": False,
    }
    return usual | changes


def train_uninterrupted(out: Path, arguments: dict[str, Any]) -> tuple[RunFolder, float]:
    """Train once without a kill; return the run, and its seconds from `recipe.toml` to its end."""
    process = _start(train, out, **arguments)
    _await_recipe(process, out)
    began = time.perf_counter()
    process.join()
    return RunFolder(out), time.perf_counter() - began


def train_with_kills(
    out: Path, arguments: dict[str, Any], draw: random.Random, seconds: float, while_writing: bool
) -> int:
    """Train, kill, resume, kill, resume, and so on to the end; return the number of kills.

    A run that ends before its first kill is started again.

    Args:
        out: the run folder.
        arguments: of `train`.
        draw: the source of the instants.
        seconds: those of an uninterrupted run; a process is killed within them.
        while_writing: kill the first process while it writes a checkpoint.

    Raises:
        RuntimeError: where a process ends with an error of its own, or no write could be caught.
    """
    process, kills = _start(train, out, **arguments), 0
    _await_recipe(process, out)
    while kills < MAX_KILLS:
        if while_writing and kills == 0:
            process = _kill_while_writing(process, out)
        else:
            process.join(draw.uniform(0, seconds))
            process.kill()
            process.join()
        if process.exitcode != -signal.SIGKILL:
            break
        kills += 1
        process = _start(resume, out, progress=False)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{out}: resuming ended with {process.exitcode}")
    if kills:
        return kills
    shutil.rmtree(out)
    return train_with_kills(out, arguments, draw, seconds / 2, while_writing)


def _kill_while_writing(process: ForkServerProcess, run: Path) -> ForkServerProcess:
    """Kill a process once half a checkpoint is there; where it was faster, resume, try again."""
    while True:
        while process.is_alive() and not _half_written(run):
            pass
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"{run}: ended before a checkpoint was caught half written")
        if _half_written(run):
            return process
        process = _start(resume, run, progress=False)


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """Name what differs between two finished runs, times apart."""
    from tenfold.training import state

    def weights(run: RunFolder) -> list[tuple[str, bytes]]:
        return [
            (name, value.numpy().tobytes())
            for file in sorted(run.path.rglob("checkpoint.safetensors"))
            for name, value in sorted(state.load(file).tensors.items())
        ]

    def curves(run: RunFolder) -> list[Any]:
        return run.history().drop("seconds", "images_per_second").rows()

    def names(run: RunFolder) -> set[str]:
        return {str(path.relative_to(run.path)) for path in run.path.rglob("*")}

    parts: dict[str, Callable[[RunFolder], object]] = {
        "files": names,
        "checkpoint": weights,
        "model.onnx": lambda run: run.model_file.read_bytes(),
        "history.csv": curves,
        "predictions.parquet": lambda run: run.predictions().rows(),
        "test score": lambda run: run.metrics().test,
        "recipe.toml": lambda run: run.recipe_file.read_bytes(),
    }
    return [name for name, part in parts.items() if part(one) != part(other)]


def _start(target: Callable[..., Any], run: Path, **arguments: Any) -> ForkServerProcess:
    where = {"out": run} if target is train else {"run": run}
    process = PROCESSES.Process(target=target, kwargs=arguments | where)
    process.start()
    return process


def _await_recipe(process: ForkServerProcess, run: Path) -> None:
    while process.is_alive() and not (run / "recipe.toml").is_file():
        process.join(0.001)


def _half_written(run: Path) -> bool:
    places = [run, *run.glob("folds/*")]
    return any(
        name.startswith(".checkpoint.safetensors.")
        for place in places
        for name in os.listdir(place)
    )
