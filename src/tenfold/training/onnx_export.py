"""Write networks as the one model file, and prove that it answers as they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import SIDE, Images
from tenfold.errors import TenfoldError
from tenfold.model.file import Confidence, Model, Parity, Predictions, metadata
from tenfold.run.recipe import Recipe
from tenfold.training.inference import forward
from tenfold.training.network import CentreCrop, Scale

OPSET = 20  # the first with Gelu
IR_VERSION = 10
# Below this probability of its best answer a picture is looked at again, shifted.
TTA_THRESHOLD = 0.8
UNCALIBRATED = Confidence()
# The most by which a probability of the file may differ from the network's.
TOLERANCE = 1e-3
# Pictures to compare on: what is wrong with a graph shows on any, and 28,000 take 1.9 s.
COMPARED = 1000


@dataclass
class Graph:
    """An ONNX graph in the making: nodes and constants, each named once."""

    nodes: list[onnx.NodeProto]
    constants: dict[str, onnx.TensorProto]

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any] | np.generic | Tensor) -> str:
        """Add a constant, once, and return its name."""
        if name not in self.constants:
            array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant of whole numbers and return its name."""
        name = "integers_" + "_".join(map(str, values)).replace("-", "minus")
        return self.constant(name, np.array(values, np.int64))


def export(
    networks: Sequence[nn.Sequential],
    recipe: Recipe,
    classes: tuple[str, ...],
    fingerprint: str,
    hashes: NDArray[np.uint64],
    path: Path,
    sample: Images,
    confidence: Confidence = UNCALIBRATED,
) -> tuple[Parity, Predictions]:
    """Write networks as one ONNX file, and keep it only if it answers as they do.

    Inside the graph: the scaling of pixels to 0-1, batch norms (folded into the convolution before
    them), the temperature, the softmax, the mean of the networks' probabilities, and the test-time
    shifts where the recipe has them. It is the mean that decides whether a picture is unsure; one
    that is, is looked at again by every network.

    Args:
        networks: trained networks of one recipe, as `network.build` makes them; at least one.
        recipe: the resolved recipe; its `test_time_shift` is in pixels.
        classes: the class names, in the order of the outputs.
        fingerprint: the sha256 of the training set.
        hashes: uint64 [n], the hash of each training picture.
        path: the file to write.
        sample: uint8 [n, 28, 28], pictures to answer; some of them, evenly spaced, are compared.
        confidence: the temperature and the threshold that are written into the graph.

    Returns:
        What the comparison found, and the file's answers to `sample`, so that none is asked twice.

    Raises:
        TenfoldError: where the file's answers are not the networks', or it cannot be written.
    """
    content, parity, answers = to_onnx(
        networks, recipe, classes, fingerprint, hashes, sample, confidence
    )
    with atomic_write(path) as file:
        file.write(content)
    return parity, answers


def to_onnx(
    networks: Sequence[nn.Sequential],
    recipe: Recipe,
    classes: tuple[str, ...],
    fingerprint: str,
    hashes: NDArray[np.uint64],
    sample: Images,
    confidence: Confidence = UNCALIBRATED,
    labels: NDArray[Any] | None = None,
) -> tuple[bytes, Parity, Predictions]:
    """Give the content of the file that `export` writes, and what `export` returns.

    Args:
        networks, recipe, classes, fingerprint, hashes, sample, confidence: as `export` takes them.
        labels: the labels [classes] that the class names stand for, where they are not the names.

    Raises:
        TenfoldError: where the file's answers are not the networks'.
    """
    # On the CPU: a GPU multiplies float32 in fewer bits, and the file must answer as float32 does.
    networks = [network.eval().cpu() for network in networks]
    graph = Graph([], {})
    if confidence.temperature != 1:
        graph.constant("temperature", np.float32(confidence.temperature))
    scaled = _scaled_pictures(graph)
    probabilities = _answers(graph, networks, scaled, "first", "probabilities_first")
    if recipe.test_time_shift:
        probabilities = add_test_time_augmentation(
            graph, networks, scaled, probabilities, recipe.test_time_shift
        )
    graph.add("Identity", [probabilities], "probabilities")
    graph.add("ArgMax", ["probabilities"], "label", axis=1, keepdims=0)
    graph.add("ReduceMax", ["probabilities", graph.integers(1)], "confidence", keepdims=0)
    accept = graph.constant("accept_threshold", np.float32(confidence.threshold))
    graph.add("GreaterOrEqual", ["confidence", accept], "accepted")
    model = _model(graph, len(classes))
    helper.set_model_props(
        model, metadata(recipe, classes, fingerprint, hashes, confidence, labels)
    )
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    answers = Model(content, recipe.threads).predict(sample)
    some = slice(None, None, -(-len(sample) // COMPARED) or 1)
    theirs = answers.probabilities[some]
    parity = _compare(networks, recipe, theirs, sample[some], confidence.temperature)
    return content, parity, answers


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


def _scaled_pictures(graph: Graph) -> str:
    pixels = graph.add("Cast", ["image"], "pixels", to=TensorProto.FLOAT)
    white = graph.constant("white", np.float32(255))
    ink = graph.add("Div", [pixels, white], "ink")
    return graph.add("Unsqueeze", [ink, graph.integers(1)], "pictures")


def _answers(
    graph: Graph, networks: Sequence[nn.Sequential], value: str, prefix: str, output: str
) -> str:
    """Add every network, and the mean of their probabilities where there are several."""
    if len(networks) == 1:
        return _member(graph, networks[0], value, "", prefix, output)
    answers = [
        _member(
            graph, network, value, f"m{number}_" if number else "", prefix, f"{output}_m{number}"
        )
        for number, network in enumerate(networks)
    ]
    return graph.add("Mean", answers, output)


def _member(
    graph: Graph, network: nn.Sequential, value: str, member: str, prefix: str, output: str
) -> str:
    """Add every layer; each output is named after its layer, for whoever looks inside."""
    modules = [part for module in network for part in _parts(module)]
    place = 0
    while place < len(modules):
        module, index, name = modules[place], f"{member}{place}", f"{member}{prefix}_{place}"
        following = modules[place + 1] if place + 1 < len(modules) else None
        if isinstance(module, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            value = _convolution(graph, module, following, value, index, name)
            place += 1
        elif isinstance(module, nn.Conv2d):
            value = _convolution(graph, module, None, value, index, name)
        elif not isinstance(module, nn.Dropout):
            value = _layer(graph, module, value, index, name)
        place += 1
    if "temperature" in graph.constants:  # absent where it is 1
        value = graph.add("Div", [value, "temperature"], f"{output}_tempered")
    return graph.add("Softmax", [value], output, axis=1)


def _parts(module: nn.Module) -> list[nn.Module]:
    return list(module) if isinstance(module, nn.Sequential) else [module]


def _convolution(
    graph: Graph, conv: nn.Conv2d, norm: nn.BatchNorm2d | None, value: str, index: str, name: str
) -> str:
    weight = conv.weight.detach().double().cpu()
    bias = torch.zeros(len(weight)).double() if conv.bias is None else conv.bias.double().cpu()
    if norm is not None:
        scale, shift = fold(norm)
        weight, bias = weight * scale[:, None, None, None], bias * scale + shift
    inputs = [
        value,
        graph.constant(f"weight_{index}", weight.float().contiguous()),
        graph.constant(f"bias_{index}", bias.float()),
    ]
    padding, size = int(conv.padding[0]), list(conv.kernel_size)
    return graph.add(
        "Conv",
        inputs,
        f"{name}_conv",
        kernel_shape=size,
        strides=list(conv.stride),
        pads=[padding] * 4,
    )


def _layer(graph: Graph, module: nn.Module, value: str, index: str, name: str) -> str:
    match module:
        case CentreCrop(size=size):
            start = (SIDE - size) // 2
            cut = [graph.integers(start, start), graph.integers(start + size, start + size)]
            return graph.add("Slice", [value, *cut, graph.integers(2, 3)], f"{name}_crop")
        case nn.BatchNorm2d():
            scale, shift = fold(module)
            factor = graph.constant(f"scale_{index}", scale.float()[:, None, None])
            offset = graph.constant(f"shift_{index}", shift.float()[:, None, None])
            product = graph.add("Mul", [value, factor], f"{name}_scaled")
            return graph.add("Add", [product, offset], f"{name}_norm")
        case nn.ReLU():
            return graph.add("Relu", [value], f"{name}_relu")
        case nn.GELU():
            return graph.add("Gelu", [value], f"{name}_gelu", approximate="tanh")
        case nn.MaxPool2d():
            window = [int(module.kernel_size)] * 2  # type: ignore[arg-type]  # built from one number
            return graph.add(
                "MaxPool", [value], f"{name}_pool", kernel_shape=window, strides=window
            )
        case nn.Flatten():
            return graph.add("Flatten", [value], f"{name}_flat", axis=1)
        case nn.Linear():
            weight = graph.constant(f"weight_{index}", module.weight)
            bias = graph.constant(f"bias_{index}", module.bias)
            return graph.add("Gemm", [value, weight, bias], f"{name}_dense", transB=1)
        case Scale(factor=factor):
            constant = graph.constant(f"factor_{index}", np.float32(factor))
            return graph.add("Mul", [value, constant], f"{name}_scale")
    raise TypeError(type(module).__name__)


def fold(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Give the batch norm of a trained network as factor and offset, float64 [channels] each."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight.detach().double().cpu() / (variance.double().cpu() + norm.eps).sqrt()
    return scale, norm.bias.detach().double().cpu() - mean.double().cpu() * scale


def add_test_time_augmentation(
    graph: Graph, networks: Sequence[nn.Sequential], pictures: str, first: str, by: int
) -> str:
    """Answer unsure pictures again, shifted by `by` pixels four ways, and take the mean of five.

    Few pictures are unsure, so this costs a few per cent of what five views of all would.
    """
    best = graph.add("ReduceMax", [first, graph.integers(1)], "first_confidence", keepdims=0)
    unsure = graph.add(
        "Less", [best, graph.constant("unsure", np.float32(TTA_THRESHOLD))], "is_unsure"
    )
    places = graph.add("NonZero", [unsure], "unsure_row")
    column = graph.add("Transpose", [places], "unsure_places", perm=[1, 0])
    some = graph.add("GatherND", [pictures, column], "unsure_pictures")
    padded = graph.add("Pad", [some, graph.integers(0, 0, by, by, 0, 0, by, by)], "padded")
    views = []
    for number, (top, left) in enumerate(_places(by)):
        cut = [graph.integers(top, left), graph.integers(top + SIDE, left + SIDE)]
        views.append(graph.add("Slice", [padded, *cut, graph.integers(2, 3)], f"view_{number}"))
    stacked = graph.add("Concat", views, "views", axis=0)
    answers = _answers(graph, networks, stacked, "again", "probabilities_views")
    split = [
        graph.add("GatherND", [first, column], "probabilities_unsure"),
        *_split(graph, answers, len(views)),
    ]
    total = graph.add("Sum", split, "probabilities_sum")
    count = graph.constant("view_count", np.float32(len(split)))
    mean = graph.add("Div", [total, count], "probabilities_mean")
    return graph.add("ScatterND", [first, column, mean], "probabilities_again")


def _split(graph: Graph, value: str, parts: int) -> list[str]:
    """Split a value into equal parts along its first axis."""
    names = [f"{value}_{part}" for part in range(parts)]
    graph.nodes.append(helper.make_node("Split", [value], names, axis=0, num_outputs=parts))
    return names


def _places(by: int) -> list[tuple[int, int]]:
    """Where the four shifted windows begin in a picture padded by `by`: row, column."""
    return [(0, by), (2 * by, by), (by, 0), (by, 2 * by)]


def predict_networks(
    networks: Sequence[nn.Sequential], recipe: Recipe, images: Images, temperature: float = 1.0
) -> NDArray[np.float32]:
    """Answer pictures uint8 [n, 28, 28] with the networks themselves, float32 [n, classes]."""
    first = _one_look(networks, images, temperature)
    return _with_test_time_augmentation(networks, recipe, images, first, temperature)


def _one_look(
    networks: Sequence[nn.Sequential], images: Images, temperature: float
) -> NDArray[np.float32]:
    answers = []
    for network in networks:
        device = next(network.parameters()).device
        logits = torch.from_numpy(forward(network, np.ascontiguousarray(images), device))
        answers.append(torch.softmax(logits / temperature, dim=1))
    probabilities: NDArray[np.float32] = torch.stack(answers).mean(dim=0).numpy()
    return probabilities


def _with_test_time_augmentation(
    networks: Sequence[nn.Sequential],
    recipe: Recipe,
    images: Images,
    first: NDArray[np.float32],
    temperature: float,
) -> NDArray[np.float32]:
    """Do as the graph of `add_test_time_augmentation` does."""
    answers, by = first.copy(), recipe.test_time_shift
    unsure = first.max(axis=1) < TTA_THRESHOLD
    if by and unsure.any():
        padded = np.pad(images[unsure], ((0, 0), (by, by), (by, by)))
        views = [padded[:, top : top + SIDE, left : left + SIDE] for top, left in _places(by)]
        shifted = [_one_look(networks, view, temperature) for view in views]
        answers[unsure] = np.mean([first[unsure], *shifted], axis=0)
    return answers


def _compare(
    networks: Sequence[nn.Sequential],
    recipe: Recipe,
    theirs: NDArray[np.float32],
    sample: Images,
    temperature: float,
) -> Parity:
    first = _one_look(networks, sample, temperature)
    ours = _with_test_time_augmentation(networks, recipe, sample, first, temperature)
    if not np.isfinite(ours).all():
        raise TenfoldError(
            "the network's answers are no numbers: training diverged; try a lower rate, with "
            "--set optimiser.learning_rate=..."
        )
    gap = np.abs(ours - theirs).max(axis=1)
    same = ours.argmax(axis=1) == theirs.argmax(axis=1)
    parity = Parity(len(sample), float(gap.max(initial=0)), int(same.sum()))
    # An image whose confidence is TTA_THRESHOLD may be augmented by one and not by the other.
    excused = np.abs(first.max(axis=1) - TTA_THRESHOLD) < TOLERANCE
    if not (excused | (gap <= TOLERANCE)).all():
        raise TenfoldError(
            f"the model file answers otherwise than the network: probabilities differ by up to "
            f"{parity.largest_difference:.2g} on {len(sample):,} pictures; it was not kept"
        )
    return parity
