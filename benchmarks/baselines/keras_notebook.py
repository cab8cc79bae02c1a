"""`examples/notebook_keras.py` as a peer: unchanged but for where pictures come from and go."""

import importlib
import os
import sys
import tempfile
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from exchange import task
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
PACKAGES = {"tensorflow": "tensorflow-cpu", "torch": "torch", "jax": "jax"}
Floats = NDArray[np.float32]


def main() -> None:
    """Train and answer."""
    work = task()
    if work.threads:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = str(work.threads)
    keras: Any = importlib.import_module("keras")
    notebook: Any = importlib.import_module("notebook_keras")

    def pictures(_: Path) -> tuple[Floats, Floats, Floats]:
        """Give what the script reads from Kaggle's tables; fewer where steps are counted."""
        count = ceil(work.steps * notebook.BATCH / 0.9) if work.steps else len(work.x_train)
        labels = keras.utils.to_categorical(work.y_train[:count], num_classes=10)
        train, test = (
            (images / 255.0).astype("float32").reshape(-1, 28, 28, 1)
            for images in (work.x_train[:count], work.x_test)
        )
        return train, labels, test

    class Clock(notebook.EpochTimes):  # type: ignore[misc]
        """The script's clock, which also says each epoch as it ends."""

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            work.begin()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            super().on_epoch_end(epoch, logs)
            curves = {key: float(value) for key, value in (logs or {}).items()}
            work.epoch(epoch + 1, self.params["steps"] * notebook.BATCH, **curves)

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            work.end()

    notebook.read, notebook.EpochTimes = pictures, Clock
    with tempfile.TemporaryDirectory() as folder:
        submission = Path(folder) / "submission.csv"
        epochs, seed = "1" if work.steps else str(work.epochs), str(work.seed)
        sys.argv[1:] = [folder, "-o", str(submission), "--epochs", epochs, "--seed", seed]
        notebook.main()
        labels = np.loadtxt(submission, np.int64, delimiter=",", skiprows=1, ndmin=2)[:, 1]
    backend = keras.config.backend()
    work.answer(
        np.eye(10, dtype=np.float32)[labels],
        ("keras", PACKAGES[backend]),
        backend=backend,
        precision="float32",
        parameters=887_530,
        multiply_adds=32_340_992,
    )


if __name__ == "__main__":
    main()
