"""Write networks as the one model file, and prove that it predicts as they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from tenfold.data.dataset import SIDE, Dataset, Images
from tenfold.data.drift import DriftReference, drift_reference
from tenfold.data.matching import pixel_statistics
from tenfold.data.scale import PixelScale, sample_rows
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, Predictions
from tenfold.model.metadata import Adaptation, Confidence, write_metadata
from tenfold.run.layers import AnyLayer
from tenfold.run.own_code import code_names, errors_of
from tenfold.run.recipe import Recipe
from tenfold.run.records import CascadeRecord, Parity
from tenfold.training.cascade import answer_sure, fit_cascade
from tenfold.training.confidence import fit_confidence
from tenfold.training.inference import (
    TTA_THRESHOLD,
    Probabilities,
    average_shifted_views,
    predict_probabilities,
    predict_single_view,
)
from tenfold.training.layers import layer_type
from tenfold.training.layers.convolution import fold_batch_norm
from tenfold.training.network import Network
from tenfold.training.onnx_cascade import FIRST_STAGE_SCOPE, add_cascade
from tenfold.training.onnx_graph import Graph, Scope
from tenfold.training.onnx_views import add_test_time_augmentation

OPSET = 20  # the first with Gelu
IR_VERSION = 10
# The most by which a probability of the file may differ from the network's.
TOLERANCE = 1e-3
# Images to compare on: what is wrong with a graph shows on any, and 28,000 take 1.9 s.
COMPARED = 1000
# Validation images whose confidence others are compared with: they take 0.1 s.
MEASURED = 2000


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A model file that predicts as its networks do.

    Args:
        content: the bytes of the file.
        parity: what the comparison with the networks found.
        predictions: the file's predictions for the sample that it was compared on, all of it, so
            that nothing is predicted twice.
    """

    content: bytes
    parity: Parity
    predictions: Predictions


def export_onnx(
    networks: Sequence[Network],
    recipe: Recipe,
    train_set: Dataset,
    val_set: Dataset | None,
    sample: Images,
    labels: NDArray[Any] | None = None,
    hashes: NDArray[np.uint64] | None = None,
    scale: PixelScale | None = None,
    adaptations: Sequence[Adaptation] = (),
    first_stage: Network | None = None,
) -> ExportedModel:
    """Turn networks into one ONNX file, and refuse it where it does not predict as they do.

    Inside the graph: the scaling of pixels to 0-1, batch norms (folded into the convolution before
    them), the temperature, the softmax, the mean of the networks' probabilities, and test-time
    augmentation where the recipe has it. It is the mean that decides whether an image is unsure;
    one that is, is predicted again by every network.

    With a first stage the file is a cascade: the small network answers the images that it is sure
    of, and only the others reach the networks and their test-time augmentation.

    Args:
        networks: trained networks; at least one.
        recipe: the resolved recipe, which goes into the file; its `test_time_shift` is in pixels.
        train_set: what they were trained on: class names, fingerprint and hashes go into the file.
        val_set: chooses temperature and rejection threshold, where the recipe asks for it.
        sample: uint8 [n, 28, 28], images to predict; some of them, evenly spaced, are compared.
        labels: the labels [classes] that the class names stand for, where they are not the names.
        hashes: uint64 [n], of all images that any network was trained on, where those are not
            `train_set`'s alone.
        scale: of the pixels that became `train_set`, where others are to be converted alike.
        adaptations: what the networks were adapted from, where they were.
        first_stage: the small network of a cascade, trained with the first of the networks.

    Raises:
        TenfoldError: where the file's predictions are not the networks'.
    """
    confidence = fit_confidence(networks, recipe, val_set)
    # On the CPU: a GPU multiplies float32 in fewer bits, and the file must predict as float32 does.
    networks = [network.eval().cpu() for network in networks]
    cascade = None
    if first_stage is not None:
        first_stage = first_stage.eval().cpu()
        cascade = fit_cascade(first_stage, networks, recipe, confidence, train_set, val_set)
    classes = len(train_set.classes)
    with errors_of(code_names(recipe)):
        graph = _graph(networks, recipe, confidence, classes, first_stage, cascade)
    model = _model(graph, classes)
    hashes = train_set.hashes if hashes is None else hashes
    description = write_metadata(
        recipe,
        train_set.classes,
        train_set.fingerprint,
        hashes,
        confidence,
        pixel_statistics(train_set.images),
        labels,
        scale,
        adaptations,
        _drift_reference(networks, recipe, confidence, train_set, val_set),
        cascade,
    )
    helper.set_model_props(model, description)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    some = slice(None, None, -(-len(sample) // COMPARED) or 1)
    first, expected = _expected(networks, recipe, sample[some], confidence.temperature)
    excused = np.abs(first.max(axis=1) - TTA_THRESHOLD) < TOLERANCE
    if first_stage is not None and cascade is not None:
        expected, near = answer_sure(first_stage, cascade, sample[some], expected)
        excused |= near
    predictions = Model(content, recipe.threads).predict(sample)
    parity = _compare(expected, predictions.probabilities[some], excused)
    return ExportedModel(content, parity, predictions)


def _drift_reference(
    networks: Sequence[Network],
    recipe: Recipe,
    confidence: Confidence,
    train_set: Dataset,
    val_set: Dataset | None,
) -> DriftReference:
    if val_set is None or not len(val_set):
        return drift_reference(train_set.images)
    images = val_set.images[sample_rows(len(val_set), MEASURED)]
    probabilities = predict_probabilities(
        networks, images, recipe.test_time_shift, confidence.temperature
    )
    return drift_reference(train_set.images, probabilities.max(axis=1), confidence.threshold)


def _graph(
    networks: Sequence[Network],
    recipe: Recipe,
    confidence: Confidence,
    classes: int,
    first_stage: Network | None,
    cascade: CascadeRecord | None,
) -> Graph:
    graph = Graph()
    if confidence.temperature != 1:
        graph.constant("temperature", np.float32(confidence.temperature))

    def whole(images: str) -> str:
        probabilities = _mean(graph, networks, images, "first", "probabilities_first")
        if not recipe.test_time_shift:
            return probabilities
        return add_test_time_augmentation(
            graph, images, probabilities, recipe.test_time_shift, classes, again
        )

    def again(images: str) -> str:
        return _mean(graph, networks, images, "again", "probabilities_views")

    images = _scaled_images(graph)
    if first_stage is None or cascade is None:
        probabilities = whole(images)
    else:
        logits = _logits(graph, first_stage, images, FIRST_STAGE_SCOPE)
        probabilities = add_cascade(graph, images, logits, cascade, classes, whole)
    graph.add("Identity", [probabilities], "probabilities")
    graph.add("ArgMax", ["probabilities"], "label", axis=1, keepdims=0)
    graph.add("ReduceMax", ["probabilities", graph.integers(1)], "confidence", keepdims=0)
    threshold = graph.constant("accept_threshold", np.float32(confidence.threshold))
    graph.add("GreaterOrEqual", ["confidence", threshold], "accepted")
    return graph


def _model(graph: Graph, classes: int) -> onnx.ModelProto:
    float32, int64 = TensorProto.FLOAT, TensorProto.INT64
    outputs = [
        helper.make_tensor_value_info("probabilities", float32, ["n", classes]),
        helper.make_tensor_value_info("label", int64, ["n"]),
        helper.make_tensor_value_info("accepted", TensorProto.BOOL, ["n"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE])
    whole = helper.make_graph(
        graph.nodes, "tenfold", [image], outputs, list(graph.constants.values())
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        whole, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tenfold"
    )


def _scaled_images(graph: Graph) -> str:
    pixels = graph.add("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    white = graph.constant("white", np.float32(255))
    ink = graph.add("Div", [pixels, white], "ink")
    return graph.add("Unsqueeze", [ink, graph.integers(1)], "images")


def _mean(graph: Graph, networks: Sequence[Network], value: str, prefix: str, output: str) -> str:
    """Add every network, and the mean of their probabilities where there are several."""
    if len(networks) == 1:
        return _member(graph, networks[0], value, Scope("", prefix), output)
    members = [
        _member(
            graph,
            network,
            value,
            Scope(f"m{number}_" if number else "", prefix),
            f"{output}_m{number}",
        )
        for number, network in enumerate(networks)
    ]
    return graph.add("Mean", members, output)


def _member(graph: Graph, network: Network, value: str, scope: Scope, output: str) -> str:
    """Add a network; each output is named after its layer, for whoever looks inside."""
    value = _logits(graph, network, value, scope)
    if "temperature" in graph.constants:  # absent where it is 1
        value = graph.add("Div", [value, "temperature"], f"{output}_tempered")
    return graph.add("Softmax", [value], output, axis=1)


def _logits(graph: Graph, network: Network, value: str, scope: Scope) -> str:
    member = scope.weights
    for index, layer, module in _folded(network):
        own = Scope(f"{member}{index}", f"{member}{scope.node}_{index}")
        value = layer_type(layer).export(graph, module, value, own)
    return value


def _folded(network: Network) -> list[tuple[int, AnyLayer, nn.Module]]:
    """List the layers with their places, a batch norm folded into the convolution before it."""
    folded: list[tuple[int, AnyLayer, nn.Module]] = []
    for index, (layer, module) in enumerate(zip(network.layers, network, strict=True)):
        before = folded[-1] if folded else None
        if (
            isinstance(module, nn.BatchNorm2d)
            and before is not None
            and isinstance(before[2], nn.Conv2d)
        ):
            folded[-1] = before[0], before[1], fold_batch_norm(before[2], module)
        else:
            folded.append((index, layer, module))
    return folded


def _expected(
    networks: Sequence[Network], recipe: Recipe, sample: Images, temperature: float
) -> tuple[Probabilities, Probabilities]:
    """Predict with the networks: the first view, and all views."""
    first = predict_single_view(networks, sample, temperature)
    if not np.isfinite(first).all():
        raise TenfoldError(
            "the network predicts NaN: training diverged; try a lower rate, with "
            "--set optimiser.learning_rate=..."
        )
    shift = recipe.test_time_shift
    return first, average_shifted_views(networks, sample, first, shift, temperature)


def _compare(
    expected: Probabilities, exported: Probabilities, excused: NDArray[np.bool_]
) -> Parity:
    """Compare; an image about as unsure as is looked at again may be by one and not the other."""
    gap = np.abs(expected - exported).max(axis=1)
    same = expected.argmax(axis=1) == exported.argmax(axis=1)
    parity = Parity(len(expected), float(gap.max(initial=0)), int(same.sum()))
    if not (excused | (gap <= TOLERANCE)).all():
        raise TenfoldError(
            f"ONNX output differs from PyTorch by up to {parity.largest_difference:.2g} on "
            f"{len(expected):,} images; the model file was not kept"
        )
    return parity
