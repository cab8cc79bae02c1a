"""What a peer is handed and hands back; NumPy is all that it needs."""

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Task:
    """The pictures and the terms; the clock of the training runs from `begin` to `answer`.

    Args:
        x_train: uint8 [n, 28, 28].
        y_train: int64 [n], 0-9.
        x_test: uint8 [m, 28, 28].
        answers: where the probabilities go.
        seed: of everything that is drawn.
        epochs: the whole schedule.
        steps: the schedule is cut after so many; 0 for none.
        threads: 0 for every core.
        device: "auto", "cpu" or "cuda".
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    answers: str
    seed: int
    epochs: int
    steps: int
    threads: int
    device: str
    began: float = field(default_factory=time.perf_counter)

    def begin(self) -> None:
        """Start the clock of the training loop."""
        self.began = self.marked = time.perf_counter()

    def epoch(self, number: int, pictures: int, **figures: float) -> None:
        """Say that an epoch is over, and how many pictures were learned from in it."""
        now = time.perf_counter()
        row = {"epoch": number, "seconds": now - self.marked, "pictures": pictures}
        print(json.dumps(row | figures), flush=True)
        self.marked = now

    def end(self) -> None:
        """Stop the clock of the training loop."""
        self.training_seconds = time.perf_counter() - self.began

    def answer(
        self, probabilities: NDArray[np.float32], packages: tuple[str, ...], **about: Any
    ) -> None:
        """Write the answers for the test pictures, float32 [m, 10], and say the last line.

        Args:
            probabilities: one row a test picture.
            packages: whose versions decide the figures.
            about: what else is to be kept, as `parameters`.
        """
        np.savez(self.answers, probabilities=probabilities)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        said = {
            "training_seconds": self.training_seconds,
            "threads": self.threads or cores or os.cpu_count(),
            "peer_versions": {name: metadata.version(name) for name in (*packages, "numpy")},
        }
        print(json.dumps(said | about), flush=True)


def task() -> Task:
    """Read the command line and the pictures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("answers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    told = parser.parse_args()
    held = np.load(told.data)
    pictures = held["x_train"], held["y_train"], held["x_test"]
    return Task(
        *pictures, told.answers, told.seed, told.epochs, told.steps, told.threads, told.device
    )
