"""The internals of a model file: its first filters, and its feature maps of an image."""

import re

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.model.engine import INPUT
from tenfold.model.file import Model

# `training` names the output of each layer `first_<index>_<kind>`.
LAYER_OUTPUT = re.compile(r"first_\d+_(relu|gelu|pool|module)")
NAMES = {
    "relu": "after ReLU",
    "gelu": "after GELU",
    "pool": "after pooling",
    "module": "after a module",
}


def first_filters(model: Model) -> NDArray[np.float32] | None:
    """Give the filters of the first convolution, float32 [filters, height, width].

    None where it has no constant filters, as somebody's own module may not.
    """
    import onnx

    graph = onnx.load_from_string(model.content).graph
    conv = next((node for node in graph.node if node.op_type == "Conv"), None)
    if conv is None:
        return None
    weights = {tensor.name: tensor for tensor in graph.initializer}
    if conv.input[1] not in weights:
        return None
    filters: NDArray[np.float32] = onnx.numpy_helper.to_array(weights[conv.input[1]])
    return filters[:, 0] if filters.ndim == 4 else None


def feature_maps(model: Model, image: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.float32]]]:
    """Give the feature maps of one image after each convolutional stage, first stage first.

    Args:
        model: the model.
        image: uint8 [28, 28], ink 255 on 0.

    Returns:
        Pairs of a stage's name, as "convolution 2, after ReLU", and its maps, float32
        [channels, height, width].
    """
    import onnx
    import onnxruntime

    graph_model = onnx.load_from_string(model.content)
    stages: list[tuple[str, str]] = []
    convolutions = 0
    for node in graph_model.graph.node:
        convolutions += node.op_type == "Conv" and node.output[0].startswith("first_")
        kind = LAYER_OUTPUT.fullmatch(node.output[0])
        if kind:
            name = f"convolution {convolutions}, {NAMES[kind[1]]}"
            stages.append((name, node.output[0]))
    if not stages:
        return []
    for _, output in stages:
        graph_model.graph.output.append(
            onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
        )
    session = onnxruntime.InferenceSession(
        graph_model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs = [output for _, output in stages]
    maps = session.run(outputs, {INPUT: image.reshape(1, SIDE, SIDE)})
    # a dense layer's activation has no rows and columns, and is not a map
    return [
        (name, value[0]) for (name, _), value in zip(stages, maps, strict=True) if value.ndim == 4
    ]
