"""Kill a small run again and again, go on with it, and compare its end with that of one left alone.

    python -m benchmarks.kills --times 50

Each trial trains in processes of its own and kills them with SIGKILL: every third trial first while
a checkpoint is being written, seen by its temporary file; all others at random instants between the
appearance of `recipe.toml` and the end. After three kills the run may end. A trial is passed where
weights, optimiser state, model file, answers and submission are, to the bit, those of the run that
was left alone, and no half-written file is left. Adds a line to `results/kills.jsonl`.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import results
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.source import load
from tenfold.run.folder import RunFolder
from tenfold.workflow.runs.resume import resume
from tenfold.workflow.runs.train import train

NAME = "kills"
KILLS = 3  # of one trial, at most
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


def main() -> None:
    """Run the trials, write the result and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    digits, questions = load("mnist"), load("mnist:test")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        how = small_run(
            folder,
            digits.subset(np.arange(400)),
            questions.subset(np.arange(100)),
            threads=arguments.threads,
            report=False,
        )
        alone, seconds = left_alone(folder / "alone", how)
        draw = random.Random(arguments.seed)
        passed, kills, writing = 0, 0, 0
        for number in range(arguments.times):
            run, while_writing = folder / f"run{number}", number % 3 == 0
            done = killed(run, how, draw, seconds, while_writing)
            differing = differences(RunFolder(run), alone)
            passed += not differing
            kills += done
            writing += while_writing
            said = ", ".join(differing) or "the same"
            print(f"{number + 1}/{arguments.times}: {done} kills, {said}", file=sys.stderr)
    row = {
        "what": "small runs killed with SIGKILL and resumed, against one that was left alone",
        "n": arguments.times,
        "passed": passed,
        "kills": kills,
        "kills_while_writing_a_checkpoint": writing,
        "seconds_of_a_run": round(seconds, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "seed": arguments.seed,
        "threads": arguments.threads,
        **results.stamp(),
    }
    results.append(NAME, row, arguments.results)
    print(f"{passed} of {arguments.times} runs end as the one left alone, after {kills} kills")
    sys.exit(passed != arguments.times)


def small_run(folder: Path, digits: Dataset, questions: Dataset, **changes: Any) -> dict[str, Any]:
    """Write two small tables, and give the arguments of a training that takes seconds."""
    tables = {}
    for name, part in (("train.csv", digits), ("test.csv", questions)):
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


def left_alone(out: Path, how: dict[str, Any]) -> tuple[RunFolder, float]:
    """Train once without a kill; return the run, and its seconds from `recipe.toml` to its end."""
    process = _begin(train, out, **how)
    _await_recipe(process, out)
    began = time.perf_counter()
    process.join()
    return RunFolder(out), time.perf_counter() - began


def killed(
    out: Path, how: dict[str, Any], draw: random.Random, seconds: float, while_writing: bool
) -> int:
    """Train, kill, resume, kill, resume, and so on to the end; return the number of kills.

    A run that ends before its first kill is begun anew.

    Args:
        out: the run folder.
        how: the arguments of `train`.
        draw: the source of the instants.
        seconds: those of a run that is left alone; a process is killed within them.
        while_writing: kill the first process while it writes a checkpoint.

    Raises:
        RuntimeError: where a process ends with an error of its own, or no write could be met.
    """
    process, kills = _begin(train, out, **how), 0
    _await_recipe(process, out)
    while kills < KILLS:
        if while_writing and kills == 0:
            process = _killed_while_writing(process, out)
        else:
            process.join(draw.uniform(0, seconds))
            process.kill()
            process.join()
        if process.exitcode != -signal.SIGKILL:
            break
        kills += 1
        process = _begin(resume, out, progress=False)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{out}: resuming ended with {process.exitcode}")
    if kills:
        return kills
    shutil.rmtree(out)
    return killed(out, how, draw, seconds / 2, while_writing)


def _killed_while_writing(process: ForkServerProcess, run: Path) -> ForkServerProcess:
    """Kill a process once half a checkpoint is there; where it was quicker, resume, try again."""
    while True:
        while process.is_alive() and not _half_written(run):
            pass
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"{run}: ended before a checkpoint was met half written")
        if _half_written(run):
            return process
        process = _begin(resume, run, progress=False)


def differences(one: RunFolder, other: RunFolder) -> list[str]:
    """Name what differs between two finished runs, times apart."""
    from tenfold.training.checkpoint import read

    def weights(run: RunFolder) -> list[tuple[str, bytes]]:
        return [
            (name, value.numpy().tobytes())
            for file in sorted(run.path.rglob("checkpoint.safetensors"))
            for name, value in sorted(read(file)[0].items())
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
        "test score": lambda run: run.metrics()["test"],
        "recipe.toml": lambda run: run.recipe_file.read_bytes(),
    }
    return [name for name, part in parts.items() if part(one) != part(other)]


def _begin(target: Callable[..., Any], run: Path, **how: Any) -> ForkServerProcess:
    where = {"out": run} if target is train else {"run": run}
    process = PROCESSES.Process(target=target, kwargs=how | where)
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


if __name__ == "__main__":
    main()
