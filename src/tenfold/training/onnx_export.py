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
from tenfold.run.records import Parity
from tenfold.training.confidence import fit_confidence
from tenfold.training.inference import (
    TTA_THRESHOLD,
    Probabilities,
    average_shifted_views,
    predict_probabilities,
    predict_single_view,
    view_corners,
)
from tenfold.training.layers import layer_type
from tenfold.training.layers.convolution import fold_batch_norm
from tenfold.training.network import Network
from tenfold.training.onnx_graph import Graph, Scope

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
) -> ExportedModel:
    """Turn networks into one ONNX file, and refuse it where it does not predict as they do.

    Inside the graph: the scaling of pixels to 0-1, batch norms (folded into the convolution before
    them), the temperature, the softmax, the mean of the networks' probabilities, and test-time
    augmentation where the recipe has it. It is the mean that decides whether an image is unsure;
    one that is, is predicted again by every network.

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

    Raises:
        TenfoldError: where the file's predictions are not the networks'.
    """
    confidence = fit_confidence(networks, recipe, val_set)
    # On the CPU: a GPU multiplies float32 in fewer bits, and the file must predict as float32 does.
    networks = [network.eval().cpu() for network in networks]
    classes = len(train_set.classes)
    with errors_of(code_names(recipe)):
        graph = _graph(networks, recipe, confidence, classes)
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
    )
    helper.set_model_props(model, description)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    some = slice(None, None, -(-len(sample) // COMPARED) or 1)
    expected = _expected(networks, recipe, sample[some], confidence.temperature)
    predictions = Model(content, recipe.threads).predict(sample)
    parity = _compare(*expected, predictions.probabilities[some])
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
    networks: Sequence[Network], recipe: Recipe, confidence: Confidence, classes: int
) -> Graph:
    graph = Graph()
    if confidence.temperature != 1:
        graph.constant("temperature", np.float32(confidence.temperature))
    images = _scaled_images(graph)
    probabilities = _mean(graph, networks, images, "first", "probabilities_first")
    if recipe.test_time_shift:
        probabilities = _add_test_time_augmentation(
            graph, networks, images, probabilities, recipe.test_time_shift, classes
        )
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
    """Add every layer; each output is named after its layer, for whoever looks inside."""
    member = scope.weights
    for index, layer, module in _folded(network):
        own = Scope(f"{member}{index}", f"{member}{scope.node}_{index}")
        value = layer_type(layer).export(graph, module, value, own)
    if "temperature" in graph.constants:  # absent where it is 1
        value = graph.add("Div", [value, "temperature"], f"{output}_tempered")
    return graph.add("Softmax", [value], output, axis=1)


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


def _add_test_time_augmentation(
    graph: Graph, networks: Sequence[Network], images: str, first: str, shift: int, classes: int
) -> str:
    """Predict unsure images again, shifted four ways, and take the mean of five views.

    Few images are unsure, so this costs a few per cent of what five views of all would.

    A blank image behind the others, whose confidence counts as 0, is always unsure, and one view of
    it is predicted: no tensor is ever empty. Where all images were sure, an empty batch ended
    OpenCV's process (SIGFPE) and was an error in OpenVINO, in onnx's reference evaluator and in
    onnxruntime before 1.32.
    """
    blank = graph.constant("blank_image", np.zeros((1, 1, SIDE, SIDE), np.float32))
    images = graph.add("Concat", [images, blank], "images_and_blank", axis=0)
    nothing = graph.constant("blank_probabilities", np.zeros((1, classes), np.float32))
    first = graph.add("Concat", [first, nothing], "probabilities_and_blank", axis=0)
    best = graph.add("ReduceMax", [first, graph.integers(1)], "first_confidence", keepdims=0)
    threshold = graph.constant("unsure", np.float32(TTA_THRESHOLD))
    unsure = graph.add("Less", [best, threshold], "is_unsure")
    places = graph.add("NonZero", [unsure], "unsure_row")
    column = graph.add("Transpose", [places], "unsure_places", perm=[1, 0])
    chosen = graph.add("GatherND", [images, column], "unsure_images")
    margins = graph.integers(0, 0, shift, shift, 0, 0, shift, shift)
    padded = graph.add("Pad", [chosen, margins], "padded")
    views = []
    for number, (top, left) in enumerate(view_corners(shift)):
        window = [graph.integers(top, left), graph.integers(top + SIDE, left + SIDE)]
        views.append(graph.add("Slice", [padded, *window, graph.integers(2, 3)], f"view_{number}"))
    # an image's views are neighbours, so that those of the blank one come last
    side_by_side = graph.add("Concat", views, "views_side_by_side", axis=1)
    rows = graph.add("Reshape", [side_by_side, graph.integers(-1, 1, SIDE, SIDE)], "view_rows")
    stacked = graph.drop_last(rows, len(views) - 1, "views")
    shifted = _mean(graph, networks, stacked, "again", "probabilities_views")
    missing = np.zeros((len(views) - 1, classes), np.float32)
    padding = graph.constant("blank_views", missing)
    whole = graph.add("Concat", [shifted, padding], "probabilities_view_rows", axis=0)
    across = graph.integers(-1, len(views) * classes)
    by_image = graph.add("Reshape", [whole, across], "probabilities_by_image")
    all_views = [
        graph.add("GatherND", [first, column], "probabilities_unsure"),
        *graph.split(by_image, len(views)),
    ]
    total = graph.add("Sum", all_views, "probabilities_sum")
    count = graph.constant("view_count", np.float32(len(all_views)))
    mean = graph.add("Div", [total, count], "probabilities_mean")
    again = graph.add("ScatterND", [first, column, mean], "probabilities_again")
    return graph.drop_last(again, 1, "probabilities_of_images")


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


def _compare(first: Probabilities, expected: Probabilities, exported: Probabilities) -> Parity:
    gap = np.abs(expected - exported).max(axis=1)
    same = expected.argmax(axis=1) == exported.argmax(axis=1)
    parity = Parity(len(expected), float(gap.max(initial=0)), int(same.sum()))
    # An image whose confidence is TTA_THRESHOLD may be augmented by one and not by the other.
    excused = np.abs(first.max(axis=1) - TTA_THRESHOLD) < TOLERANCE
    if not (excused | (gap <= TOLERANCE)).all():
        raise TenfoldError(
            f"ONNX output differs from PyTorch by up to {parity.largest_difference:.2g} on "
            f"{len(expected):,} images; the model file was not kept"
        )
    return parity
