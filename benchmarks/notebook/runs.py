"""Train the notebook's recipe, and turn a finished run into a row."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.kaggle import exported_tables
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row
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
    """Train the recipe on `kaggle` and score it; a finished run in `out` is used as it is.

    Args:
        seed: random seed for initialisation, shuffling, augmentation and dropout; the split is
            the notebook's own.
        out: the run folder; an unfinished run is resumed.
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
    """Turn a run folder into a row; score its model on its training images too."""
    metrics, recipe = folder.metrics(), folder.recipe()
    if metrics.training.interrupted:
        raise SystemExit(f"{folder.path}: the run was interrupted; finish it with `tenfold resume`")
    started = folder.environment()
    scores = metrics.to_dict()
    row = {
        "kind": "tenfold",
        "seed": recipe.seed,
        "settings": settings,
        "epochs": recipe.epochs,
        "history": folder.history().to_dicts(),
        **_scores(scores["test"]),
        "validation": _scores(scores["validation"]),
        "training": _score_training_set(folder),
        "seconds": metrics.training.seconds,
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": started.device,
        "backend": "tenfold",
        **provenance(),
    }
    trained = {"machine": msgspec.to_builtins(started.machine), "versions": started.versions}
    return row | trained | {"date": started.started}


def _scores(scores: dict[str, Any]) -> Row:
    kept = ("n", "errors", "accuracy", "loss", "confused", "confused_either_way")
    return {key: scores[key] for key in kept}


def _score_training_set(folder: RunFolder) -> Row:
    """Score the final model, which has no dropout, on training images without augmentation."""
    recipe, dataset = folder.recipe(), load("kaggle")
    train_set = dataset.subset(split(dataset, recipe.val_fraction, recipe.split, recipe.seed).train)
    predictions = Model(folder.model_file, recipe.threads).predict(train_set.images)
    scores = score(train_set.require_labels(), predictions.probabilities, train_set.classes)
    return {key: getattr(scores, key) for key in ("n", "errors", "accuracy", "loss")}


def run_keras(seed: int, out: Path, python: str, backend: str) -> Row:
    """Train the Keras original in a process of its own, and make its row.

    Args:
        seed: Keras's.
        out: where log, submission, state and output are kept; a run that was killed is resumed,
            and a finished one is used as it is.
        python: one that has Keras.
        backend: Keras's.
    """
    log, submission = out / "log.jsonl", out / "submission.csv"
    if not submission.is_file():
        out.mkdir(parents=True, exist_ok=True)
        script = Path(__file__).parents[2] / "examples" / "notebook_keras.py"
        with exported_tables() as tables, (out / "output.txt").open("a") as output:
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
        SystemExit: where the log is not complete, or the submission is not one of Kaggle's 28,000.
    """
    history = read_log(log)
    test_set = load("kaggle:test")
    predicted = read_submission(submission, len(test_set))
    row = {
        "kind": "keras",
        "seed": seed,
        "settings": [],
        "epochs": len(history),
        "history": history,
        **score_labels(test_set.require_labels(), predicted, test_set.classes),
        "seconds": sum(epoch["seconds"] for epoch in history),
        "threads": environment.cores(),
        "precision": "float32",
        "backend": backend,
        **provenance(),
    }
    found = subprocess.run(
        [python, "-c", KERAS_VERSIONS, backend], check=True, capture_output=True, text=True
    )
    return row | {"versions": json.loads(found.stdout)}


def read_log(log: Path) -> list[Row]:
    """Read the 30 epochs of a log; where a run was restarted, its newest lines count.

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
    """Read the predictions of a submission, int64 [count], in the order of its ImageId."""
    table = np.loadtxt(path, np.int64, delimiter=",", skiprows=1, ndmin=2)
    if not np.array_equal(table[:, 0], np.arange(1, count + 1)):
        raise SystemExit(f"{path}: must have ImageId 1-{count:,} in order, has {len(table):,} rows")
    return table[:, 1]


def score_labels(labels: Labels, predicted: NDArray[np.int64], classes: tuple[str, ...]) -> Row:
    """Count the errors of predictions that come without probabilities."""
    certain = np.eye(len(classes), dtype=np.float32)[predicted]
    scores = _scores(score(labels, certain, classes).to_dict())
    del scores["loss"]  # it means nothing where every confidence is 1
    return scores
