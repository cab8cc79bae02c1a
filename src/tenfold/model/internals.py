"""The internals of a model file: its first filters, and its feature maps of an image."""

import copy
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE
from tenfold.model.engine import INPUT
from tenfold.model.file import Model

if TYPE_CHECKING:
    import onnx

# The name of the constant that a cascade's first stage is sure from.
CASCADE_THRESHOLD = "cascade_threshold"
# `training` names the output of each layer `first_<index>_<kind>`.
LAYER_OUTPUT = re.compile(r"first_\d+_(relu|gelu|pool|module)")
NAMES = {
    "relu": "after ReLU",
    "gelu": "after GELU",
    "pool": "after pooling",
    "module": "after a module",
}


def whole_network(model: Model) -> Model:
    """Return the model without its cascade's first stage: the whole network answers every image.

    A model without a cascade is returned as it is.
    """
    if model.cascade is None:
        return model
    whole = copy.copy(model)  # without its session
    whole.content = _without_first_stage(model).SerializeToString()
    return whole


def _without_first_stage(model: Model) -> "onnx.ModelProto":
    """Return the graph; of a cascade's with a threshold that no image reaches."""
    import onnx

    graph_model = onnx.load_from_string(model.content)
    for tensor in graph_model.graph.initializer:
        if tensor.name == CASCADE_THRESHOLD:
            never = onnx.numpy_helper.from_array(np.float32(np.inf), CASCADE_THRESHOLD)
            tensor.CopyFrom(never)
    return graph_model


def first_filters(model: Model) -> NDArray[np.float32] | None:
    """Give the filters of the first convolution, float32 [filters, height, width].

    Of a cascade it is that of the whole network.

    None where it has no constant filters, as somebody's own module may not.
    """
    import onnx

    graph = onnx.load_from_string(model.content).graph
    convolutions = (node for node in graph.node if node.op_type == "Conv")
    conv = next((node for node in convolutions if node.output[0].startswith("first_")), None)
    if conv is None:
        return None
    weights = {tensor.name: tensor for tensor in graph.initializer}
    if conv.input[1] not in weights:
        return None
    filters: NDArray[np.float32] = onnx.numpy_helper.to_array(weights[conv.input[1]])
    return filters[:, 0] if filters.ndim == 4 else None


def feature_maps(model: Model, image: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.float32]]]:
    """Give the feature maps of one image after each convolutional layer, first layer first.

    Of a cascade they are those of the whole network, whoever answers the image.

    Args:
        model: the model.
        image: uint8 [28, 28], ink 255 on 0.

    Returns:
        Pairs of a stage's name, as "convolution 2, after ReLU", and its maps, float32
        [channels, height, width].
    """
    import onnx
    import onnxruntime

    graph_model = _without_first_stage(model)
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
