"""What others do, each written anew from its public description, in an environment of its own.

A peer is a script that is given the training pictures, their labels and the test pictures without
theirs, and hands back a table of probabilities: `script DATA.npz ANSWERS.npz --seed N --epochs N`.
Its schedule is fixed before it starts and its last weights answer. On stdout it says one JSON
object a line: one an epoch, and last what the whole came to.
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

from benchmarks.processes import timed
from tenfold.data.dataset import Dataset
from tenfold.evaluation.scores import score

HERE = Path(__file__).parent
KERAS = {"KERAS_BACKEND": "tensorflow"}  # whatever the person's own settings say
ENVIRONMENTS = HERE.parents[1] / ".venv" / "peers"


@dataclass(frozen=True)
class Peer:
    """One of them.

    Args:
        script: its file in this folder.
        requirements: what its environment holds, a file in this folder.
        epochs: those of its description.
        title: how a table names it.
        short: how a plot names it.
        about: what it is, in a line.
    """

    script: str
    requirements: str
    epochs: int
    title: str
    short: str
    about: str

    @property
    def digest(self) -> str:
        """Tell one state of it from another: the start of a sha256 of its code."""
        files = [self.script, self.requirements, "exchange.py", "torch_parts.py"]
        return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in files)).hexdigest()[
            :12
        ]


PEERS = {
    "keras": Peer(
        "keras_notebook.py",
        "requirements-tensorflow.txt",
        30,
        "the notebook, Keras on TensorFlow",
        "Keras notebook",
        "the network, augmentation and schedule of `examples/notebook_keras.py`",
    ),
    "pytorch": Peer(
        "pytorch_script.py",
        "requirements-torch.txt",
        8,
        "a tuned PyTorch script",
        "PyTorch script",
        "what a good engineer writes in an hour: the set as one tensor, affine augmentation by "
        "`grid_sample`, AdamW with one cycle, bfloat16 where the processor has it",
    ),
    "deotte": Peer(
        "deotte.py",
        "requirements-torch.txt",
        45,
        "C. Deotte's network",
        "Deotte",
        "six convolutions and strides for pooling, batch norm behind ReLU, Adam, 45 epochs",
    ),
    "tuomaso": Peer(
        "tuomaso.py",
        "requirements-torch.txt",
        1,
        "tuomaso's train_mnist_fast",
        "tuomaso",
        "two convolutions, no augmentation, Adam with one cycle, one epoch",
    ),
    "an-m3": Peer(
        "an_m3.py",
        "requirements-torch.txt",
        150,
        "An et al.'s M3",
        "An M3",
        "ten unpadded convolutions, Adam, averaged weights, 150 epochs",
    ),
}


def python_of(peer: Peer, folder: Path = ENVIRONMENTS) -> str:
    """Give the Python of a peer's environment, which is made where it is not there."""
    return python_with(peer.requirements, folder)


def python_with(file: str, folder: Path = ENVIRONMENTS) -> str:
    """Give the Python of an environment with what a file of this folder asks for.

    It is made where it is not there; peers that need the same packages share one.
    """
    requirements = HERE / file
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]
    place = folder / f"{requirements.stem.removeprefix('requirements-')}-{digest}"
    python, whole = place / "bin" / "python", place / "whole"
    if not whole.exists():
        print(f"{place}: is made, with {file}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        subprocess.run([*install, "--disable-pip-version-check"], check=True)
        whole.touch()
    return str(python)


def hand_over(train: Dataset, test: Dataset, path: Path) -> None:
    """Write what a peer may see: training pictures and labels, test pictures without labels."""
    np.savez(path, x_train=train.images, y_train=train.require_labels(), x_test=test.images)


def run(
    peer: Peer,
    data: Path,
    test: Dataset,
    *,
    seed: int,
    epochs: int = 0,
    steps: int = 0,
    threads: int = 0,
    device: str = "auto",
    python: str | None = None,
) -> dict[str, Any]:
    """Run a peer in a new process and score its answers.

    Args:
        peer: which.
        data: what `hand_over` wrote.
        test: the test set that is in `data`, with its labels.
        seed: of weights, order and augmentation.
        epochs: 0 for those of its description.
        steps: stop after so many, to try it out; 0 for all.
        threads: 0 for every core.
        device: "auto", "cpu" or "cuda".
        python: one that has what the peer needs; by default that of its own environment.

    Returns:
        `seconds` of the process, `errors`, `n`, `accuracy`, `history` with a row an epoch, and
        what the script said last.
    """
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.npz"
        command: Sequence[str] = [
            python or python_of(peer),
            str(HERE / peer.script),
            *map(str, (data, answers, "--seed", seed, "--epochs", epochs or peer.epochs)),
            *map(str, ("--steps", steps, "--threads", threads, "--device", device)),
        ]
        seconds, said = timed(command, KERAS if python is None else {})
        probabilities = np.load(answers)["probabilities"]
    *history, last = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    scores = score(test.require_labels(), probabilities, test.classes)
    figures = {"accuracy": scores.accuracy, "errors": scores.errors, "n": len(test)}
    return {**figures, "seconds": seconds, "history": history, **last}
