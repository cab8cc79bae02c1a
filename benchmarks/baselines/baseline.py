"""Baselines: each reimplemented from its public description, in an environment of its own.

A baseline is a script that is given the training images, their labels and the test images without
theirs, and returns a table of probabilities: `script DATA.npz ANSWERS.npz --seed N --epochs N`.
Its schedule is fixed before it starts and the weights of its last step predict. On stdout it
prints one JSON object a line: one an epoch, and last the totals.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.core.store import log
from benchmarks.core.timing import time_command
from tenfold.data.dataset import Dataset
from tenfold.evaluation.scores import score

HERE = Path(__file__).parent
KERAS = {"KERAS_BACKEND": "tensorflow"}  # whatever the user's own settings say
ENVIRONMENTS = HERE.parents[1] / ".venv" / "baselines"
# A script's bytes are in its digest, so its output keeps older keys, which are translated here.
RENAMED_KEYS = {"peer_versions": "baseline_versions", "pictures": "images"}


@dataclass(frozen=True)
class Baseline:
    """One baseline.

    Args:
        script: its file in this folder.
        requirements: what its environment holds, a file in this folder.
        epochs: those of its description.
        title: its name in tables.
        short: its name in charts.
        description: what it is, in a line.
    """

    script: str
    requirements: str
    epochs: int
    title: str
    short: str
    description: str

    @property
    def digest(self) -> str:
        """The digest of its code: the start of a sha256 of the bytes of its files."""
        files = [self.script, self.requirements, "exchange.py", "torch_parts.py"]
        return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in files)).hexdigest()[
            :12
        ]


BASELINES = {
    "keras": Baseline(
        "keras_notebook.py",
        "requirements-tensorflow.txt",
        30,
        "the notebook, Keras on TensorFlow",
        "Keras notebook",
        "the network, augmentation and schedule of `examples/notebook_keras.py`",
    ),
    "pytorch": Baseline(
        "pytorch_script.py",
        "requirements-torch.txt",
        8,
        "a tuned PyTorch script",
        "PyTorch script",
        "what a good engineer writes in an hour: the data set as one tensor, affine augmentation "
        "by `grid_sample`, AdamW with a one-cycle schedule, bfloat16 where the processor has it",
    ),
    "deotte": Baseline(
        "deotte.py",
        "requirements-torch.txt",
        45,
        "C. Deotte's network",
        "Deotte",
        "six convolutions, strides instead of pooling, batch norm after ReLU, Adam, 45 epochs",
    ),
    "tuomaso": Baseline(
        "tuomaso.py",
        "requirements-torch.txt",
        1,
        "tuomaso's train_mnist_fast",
        "tuomaso",
        "two convolutions, no augmentation, Adam with a one-cycle schedule, one epoch",
    ),
    "an-m3": Baseline(
        "an_m3.py",
        "requirements-torch.txt",
        150,
        "An et al.'s M3",
        "An M3",
        "ten unpadded convolutions, Adam, averaged weights, 150 epochs",
    ),
}


def environment_python(requirements: str, folder: Path = ENVIRONMENTS) -> str:
    """Return the Python of an environment, which is made where it is not there yet.

    Args:
        requirements: a requirements file in this folder; baselines with the same share one.
        folder: where environments are.
    """
    file = HERE / requirements
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    place = folder / f"{file.stem.removeprefix('requirements-')}-{digest}"
    python, complete = place / "bin" / "python", place / "complete"
    if not complete.exists():
        log(f"{place}: installing {requirements}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(file)]
        subprocess.run([*install, "--disable-pip-version-check"], check=True)
        complete.touch()
    return str(python)


def write_data(train_set: Dataset, test_set: Dataset, path: Path) -> None:
    """Write what a baseline may see: training images and labels, test images without labels."""
    labels = train_set.require_labels()
    np.savez(path, x_train=train_set.images, y_train=labels, x_test=test_set.images)


def run_baseline(
    baseline: Baseline,
    data: Path,
    test_set: Dataset,
    *,
    seed: int,
    epochs: int = 0,
    steps: int = 0,
    threads: int = 0,
    device: str = "auto",
    python: str | None = None,
) -> dict[str, Any]:
    """Run a baseline in a new process and score its predictions.

    Args:
        baseline: which.
        data: what `write_data` wrote.
        test_set: the test set that is in `data`, with its labels.
        seed: random seed for initialisation, shuffling and augmentation.
        epochs: 0 for those of its description.
        steps: stop after this many, for a trial; 0 for all.
        threads: 0 for every core.
        device: "auto", "cpu" or "cuda".
        python: one that has what the baseline needs; by default that of its own environment.

    Returns:
        `seconds` of the process, `errors`, `n`, `accuracy`, `history` with a row an epoch, and
        the totals that the script printed last.
    """
    with tempfile.TemporaryDirectory() as folder:
        predictions = Path(folder) / "predictions.npz"
        command: Sequence[str] = [
            python or environment_python(baseline.requirements),
            str(HERE / baseline.script),
            *map(str, (data, predictions, "--seed", seed, "--epochs", epochs or baseline.epochs)),
            *map(str, ("--steps", steps, "--threads", threads, "--device", device)),
        ]
        seconds, stdout = time_command(command, KERAS if python is None else {})
        probabilities = np.load(predictions)["probabilities"]
    lines = (json.loads(line) for line in stdout.splitlines() if line.startswith("{"))
    *history, totals = (
        {RENAMED_KEYS.get(key, key): value for key, value in line.items()} for line in lines
    )
    scores = score(test_set.require_labels(), probabilities, test_set.classes)
    measured = {"accuracy": scores.accuracy, "errors": scores.errors, "n": len(test_set)}
    return {**measured, "seconds": seconds, "history": history, **totals}
