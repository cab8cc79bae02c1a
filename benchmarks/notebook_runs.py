"""Train the notebook's recipe, and turn a finished run into a row."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import results
from benchmarks.kaggle import exported
from benchmarks.results import Row
from tenfold.data.dataset import Labels
from tenfold.data.source import load
from tenfold.data.split import split
from tenfold.evaluation.scores import score
from tenfold.model.file import Model
from tenfold.run import environment
from tenfold.run.folder import RunFolder

EPOCHS = 30
KERAS_VERSIONS = """
import json, platform, sys
from importlib import metadata
found = {"python": platform.python_version()}
for name in ("keras", sys.argv[1], "numpy"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def run_tenfold(seed: int, out: Path, settings: list[str], threads: int = 0) -> Row:
    """Train the recipe on `kaggle` and score it; a run that is whole in `out` is taken as it is.

    Args:
        seed: of weights, order, augmentation and dropout; the split is the notebook's own.
        out: the run folder; one that was cut short goes on.
        settings: `key=value` changes to the recipe.
        threads: 0 for every core.
    """
    from tenfold.workflow.runs.resume import resume
    from tenfold.workflow.runs.train import train

    if (out / "recipe.toml").is_file() and not (out / "metrics.json").is_file():
        resume(out)
    elif not (out / "metrics.json").is_file():
        train(
            "kaggle",
            recipe="notebook",
            settings=settings,
            seed=seed,
            threads=threads or None,
            out=out,
            report=False,
        )
    return tenfold_row(RunFolder.open(out), settings)


def tenfold_row(folder: RunFolder, settings: list[str]) -> Row:
    """Turn a run folder into a row; score its model on the pictures that it learned from too."""
    metrics, recipe = folder.metrics(), folder.recipe()
    if metrics["training"]["interrupted"]:
        raise SystemExit(f"{folder.path}: was interrupted; `tenfold resume` goes on with it")
    where = folder.environment()
    row = {
        "kind": "tenfold",
        "seed": recipe.seed,
        "settings": settings,
        "epochs": recipe.epochs,
        "history": folder.history().to_dicts(),
        **_test(metrics["test"]),
        "validation": _test(metrics["validation"]),
        "training": _on_training_pictures(folder),
        "seconds": metrics["training"]["seconds"],
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": where["device"],
        "backend": "tenfold",
        **results.stamp(),
    }
    trained = {"machine": where["machine"], "versions": where["versions"], "date": where["started"]}
    return row | trained


def _test(scores: dict[str, Any]) -> Row:
    kept = ("n", "errors", "accuracy", "loss", "confused", "confused_either_way")
    return {key: scores[key] for key in kept}


def _on_training_pictures(folder: RunFolder) -> Row:
    """Score the final model, which has no dropout, on unmoved training pictures."""
    recipe, digits = folder.recipe(), load("kaggle")
    learned = digits.subset(split(digits, recipe.val_fraction, recipe.split, recipe.seed).train)
    answers = Model(folder.model_file, recipe.threads).predict(learned.images)
    scores = score(learned.require_labels(), answers.probabilities, learned.classes)
    return {key: value for key, value in _test(scores.to_dict()).items() if "confused" not in key}


def run_keras(seed: int, out: Path, python: str, backend: str) -> Row:
    """Train the Keras original in a process of its own, and make its row.

    Args:
        seed: Keras's.
        out: where log, submission, state and output are kept; a run that was killed goes on there,
            and a finished one is taken as it is.
        python: one that has Keras.
        backend: Keras's.
    """
    log, submission = out / "log.jsonl", out / "submission.csv"
    if not submission.is_file():
        out.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).parent.parent / "examples" / "notebook_keras.py"
        with exported() as tables, (out / "output.txt").open("a") as output:
            command = [python, str(script), str(tables), "-o", str(submission)]
            command += ["--seed", str(seed), "--log", str(log), "--backup", str(out / "backup")]
            subprocess.run(
                command,
                check=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KERAS_BACKEND": backend},
            )
    return import_keras(log, submission, seed, python, backend)


def import_keras(
    log: Path, submission: Path, seed: int, python: str = sys.executable, backend: str = "torch"
) -> Row:
    """Make the row of a finished run of `examples/notebook_keras.py` on this machine.

    Raises:
        SystemExit: where the log is not whole, or the submission is not one of Kaggle's 28,000.
    """
    history = read_log(log)
    questions = load("kaggle:test")
    answers = read_submission(submission, len(questions))
    row = {
        "kind": "keras",
        "seed": seed,
        "settings": [],
        "epochs": len(history),
        "history": history,
        **answer_row(questions.require_labels(), answers, questions.classes),
        "seconds": sum(epoch["seconds"] for epoch in history),
        "threads": environment.cores(),
        "precision": "float32",
        "backend": backend,
        **results.stamp(),
    }
    asked = subprocess.run(
        [python, "-c", KERAS_VERSIONS, backend], check=True, capture_output=True, text=True
    )
    return row | {"versions": json.loads(asked.stdout)}


def read_log(log: Path) -> list[Row]:
    """Read the 30 epochs of a log; where a run was begun again, its newest lines count.

    Raises:
        SystemExit: where an epoch is missing.
    """
    epochs = {}
    for line in log.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # cut short
            continue
        epochs[int(row["epoch"])] = row | {"epoch": int(row["epoch"])}
    if sorted(epochs) != list(range(1, EPOCHS + 1)):
        raise SystemExit(f"{log}: has {len(epochs)} of {EPOCHS} epochs; wait until it is finished")
    return [epochs[number] for number in sorted(epochs)]


def read_submission(path: Path, count: int) -> NDArray[np.int64]:
    """Read the answers of a submission, int64 [count], in the order of its ImageId."""
    table = np.loadtxt(path, np.int64, delimiter=",", skiprows=1, ndmin=2)
    if not np.array_equal(table[:, 0], np.arange(1, count + 1)):
        raise SystemExit(f"{path}: must have ImageId 1-{count:,} in order, has {len(table):,} rows")
    return table[:, 1]


def answer_row(labels: Labels, answers: NDArray[np.int64], classes: tuple[str, ...]) -> Row:
    """Count the errors of answers that come without probabilities."""
    certain = np.eye(len(classes), dtype=np.float32)[answers]
    scores = _test(score(labels, certain, classes).to_dict())
    del scores["loss"]  # of answers that are all certain, it says nothing
    return scores
