"""Look inside a model file: the filters it learned, and what they make of a picture."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE

# `training` names the output of each layer `first_<index>_<kind>`.
STAGE = re.compile(r"first_\d+_(relu|gelu|pool)")
WORDS = {"relu": "after ReLU", "gelu": "after GELU", "pool": "after pooling"}


def first_filters(path: Path) -> NDArray[np.float32]:
    """Give the filters of the first convolution, float32 [filters, height, width]."""
    import onnx

    graph = onnx.load(path).graph
    conv = next(node for node in graph.node if node.op_type == "Conv")
    weight = next(tensor for tensor in graph.initializer if tensor.name == conv.input[1])
    filters: NDArray[np.float32] = onnx.numpy_helper.to_array(weight)[:, 0]
    return filters


def feature_maps(path: Path, image: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.float32]]]:
    """Give what each convolutional stage makes of one picture, first stage first.

    Args:
        path: a model file.
        image: uint8 [28, 28], ink 255 on 0.

    Returns:
        Pairs of a stage's name, as "convolution 2, after ReLU", and its maps, float32
        [channels, height, width].
    """
    import onnx
    import onnxruntime

    model = onnx.load(path)
    stages: list[tuple[str, str]] = []
    convolutions = 0
    for node in model.graph.node:
        convolutions += node.op_type == "Conv" and node.output[0].startswith("first_")
        kind = STAGE.fullmatch(node.output[0])
        if kind:
            name = f"convolution {convolutions}, {WORDS[kind[1]]}"
            stages.append((name, node.output[0]))
    for _, output in stages:
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
        )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output for _, output in stages]
    maps = session.run(names, {"image": image.reshape(1, SIDE, SIDE)})
    # a dense layer's activation has no rows and columns, and is no map
    return [
        (name, value[0]) for (name, _), value in zip(stages, maps, strict=True) if value.ndim == 4
    ]
