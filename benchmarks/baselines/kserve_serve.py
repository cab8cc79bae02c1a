"""KServe's Python server with the model that Tenfold serves: `script MODEL.onnx PORT THREADS`."""

import sys
from typing import Any

import numpy as np
import onnxruntime
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

DATATYPES = {"probabilities": "FP32", "label": "INT64", "accepted": "BOOL"}


class Digits(Model):  # type: ignore[misc]
    """The model, run for each request by itself: this server makes no batches."""

    def __init__(self, path: str, threads: int) -> None:
        super().__init__("digits")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.ready = True

    def predict(
        self, payload: InferRequest, headers: Any = None, response_headers: Any = None
    ) -> InferResponse:
        """Predict the images of a request."""
        images = np.asarray(payload.inputs[0].as_numpy(), np.uint8)
        outputs = []
        found = self.session.run(list(DATATYPES), {"image": images})
        for name, tensor in zip(DATATYPES, found, strict=True):
            output = InferOutput(name, list(tensor.shape), DATATYPES[name])
            output.set_data_from_numpy(tensor, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            payload.id or "", self.name, outputs, use_binary_outputs=payload.use_binary_outputs
        )


if __name__ == "__main__":
    model, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = ModelServer(http_port=port, enable_grpc=False, workers=1, access_log_format=None)
    server.start([Digits(model, threads)])
