"""Run `examples/notebook_keras.py` an epoch at a time, each when it is told to.

    KERAS_BACKEND=torch python benchmarks/keras_epochs.py FOLDER EPOCHS

The script runs unchanged but for its clock: before each epoch it says `{"ready": ...}` on stdout
and waits for a line on stdin; after each it says `{"seconds": ...}`, validation included. So what
the epochs are timed against can take turns with them, and start-up is outside every epoch. When
stdin ends, so does this process. Needs keras and a backend, and nothing of Tenfold.
"""

import importlib
import json
import os
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

# Keras's own progress goes to stderr; stdout carries the answers alone.
REPLIES = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

keras: Any = importlib.import_module("keras")
notebook_keras: Any = importlib.import_module("notebook_keras")

BACKENDS = {"torch": "torch", "tensorflow": "tensorflow", "jax": "jax"}


class Paced(notebook_keras.EpochTimes):  # type: ignore[misc]
    """The script's clock, started by whoever is on the other end of stdin."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say that all is ready and wait; then start the clock."""
        reply({"ready": versions()})
        if not sys.stdin.readline():
            raise SystemExit(0)
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how long the epoch took and what it reached."""
        now = time.perf_counter()
        curves = {key: float(value) for key, value in (logs or {}).items()}
        reply({"seconds": now - self.began, "process_epoch": epoch + 1, **curves})
        super().on_epoch_end(epoch, logs)


def versions() -> dict[str, str]:
    """Name the backend and the versions that decide the speed."""
    backend = keras.config.backend()
    found = {"backend": backend, "keras": metadata.version("keras")}
    for package in (BACKENDS.get(backend, backend), "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def reply(what: dict[str, object]) -> None:
    """Write one line of JSON to the process that started this one."""
    REPLIES.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    folder, epochs = sys.argv[1:]
    notebook_keras.EpochTimes = Paced
    sys.argv[1:] = [folder, "--epochs", str(int(epochs) + 1), "-o", os.devnull]
    notebook_keras.main()
