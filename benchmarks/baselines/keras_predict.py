"""Images per second of `model.predict` with the notebook's network in Keras.

    python keras_predict.py IMAGES.npz

Times predicting all images, from floats to probabilities, for several batch sizes, as the median of
three after one that is not counted. The weights are the initial ones: speed does not depend on
them. The last line on stdout is a JSON object.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
BATCHES = (32, 256, 1024, 4096)  # 32 is Keras's default


def main() -> None:
    """Measure."""
    x_test = np.load(sys.argv[1])["x_test"]
    images = (x_test / 255.0).astype("float32").reshape(-1, 28, 28, 1)
    notebook: Any = importlib.import_module("notebook_keras")
    model = notebook.network()
    speeds = {}
    for batch in BATCHES:
        times = []
        for _ in range(4):
            began = time.perf_counter()
            model.predict(images, batch_size=batch, verbose=0)
            times.append(time.perf_counter() - began)
        speeds[str(batch)] = len(images) / sorted(times[1:])[1]
    backend = notebook.keras.config.backend()
    versions = {"keras": metadata.version("keras"), "backend": backend}
    print(json.dumps({"images_per_second": speeds, **versions}))


if __name__ == "__main__":
    main()
