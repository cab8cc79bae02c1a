"""LitServe with the model that Tenfold serves: `script MODEL.onnx PORT THREADS`.

Its requests are `{"image": [784 numbers]}`: it has no protocol of tensors of its own.
"""

import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime

MODEL, PORT, THREADS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Digits(litserve.LitAPI):  # type: ignore[misc]
    """The model, run for what came in within a millisecond, at most 64 images."""

    def setup(self, device: str) -> None:
        """Open the model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        self.session = onnxruntime.InferenceSession(MODEL, options, ["CPUExecutionProvider"])

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Take the image of a request; an annotation would make FastAPI look for it elsewhere."""
        return np.array(request["image"], np.uint8).reshape(28, 28)

    def batch(self, inputs: Any) -> Any:
        """Join the images of a batch."""
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:
        """Predict a batch, which is one image where there was only one."""
        return self.session.run(None, {"image": x.reshape(-1, 28, 28)})

    def unbatch(self, output: Any) -> Any:
        """Part the predictions of a batch."""
        return list(zip(*output, strict=True))

    def encode_response(self, output: Any) -> dict[str, Any]:
        """Write the predictions of an image."""
        probabilities, label, accepted = (np.asarray(one) for one in output)
        return {
            "probabilities": probabilities.ravel().tolist(),
            "label": int(label.item()),
            "accepted": bool(accepted.item()),
        }


if __name__ == "__main__":
    api = Digits(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="error")
