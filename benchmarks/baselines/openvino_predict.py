"""Images per second of Tenfold's model files in OpenVINO, another ONNX runtime.

    python openvino_predict.py IMAGES.npz PREDICTIONS.npz MODEL.onnx...

It multiplies in bfloat16 where the processor does. Times predicting all images for several batch
sizes, as the median of three after one that is not counted. The last line on stdout is a JSON
object with each file's images per second at its best batch size; PREDICTIONS.npz has its labels,
int64 [n], under the number of the file.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np

BATCHES = (256, 1024)


def main() -> None:
    """Measure."""
    data, predictions, *models = sys.argv[1:]
    images = np.load(data)["x_test"]
    core = importlib.import_module("openvino").Core()
    speeds, labels = [], {}
    for number, model in enumerate(models):
        compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        request = compiled.create_infer_request()
        found = []
        for batch in BATCHES:
            times = []
            for _ in range(4):
                began = time.perf_counter()
                labels[str(number)] = predict(request, images, batch)
                times.append(time.perf_counter() - began)
            found.append(len(images) / sorted(times[1:])[1])
        speeds.append(max(found))
    np.savez(predictions, **labels)
    print(json.dumps({"images_per_second": speeds, "openvino": metadata.version("openvino")}))


def predict(request: Any, images: Any, batch: int) -> Any:
    """Return the labels of all images."""
    parts = [
        request.infer({"image": images[start : start + batch]})["label"].copy()
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
