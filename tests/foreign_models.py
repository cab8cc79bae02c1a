"""Models of real digits that Tenfold did not write: scikit-learn's, PyTorch's, made by hand."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.nn import functional

from tenfold.data.dataset import Dataset, Images

Array = NDArray[Any]
EPOCHS, BATCH = 6, 50


def as_rows(images: Images) -> NDArray[np.float32]:
    """Flatten images to [n, 784] in 0-1."""
    return (images.reshape(len(images), -1) / 255).astype(np.float32)


def fit_mlp(train_set: Dataset) -> MLPClassifier:
    """Train scikit-learn's network."""
    classifier = MLPClassifier((32,), max_iter=12, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(as_rows(train_set.images), train_set.labels)


def fit_cnn(train_set: Dataset) -> nn.Module:
    """Train a small network of PyTorch's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine two take ten times as long
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(1152, 10)
        )
        optimiser = torch.optim.Adam(network.parameters(), 2e-3)
        images = torch.from_numpy(as_rows(train_set.images)).reshape(-1, 1, 28, 28)
        labels = torch.from_numpy(train_set.require_labels())
        for _ in range(EPOCHS):
            for indices in torch.randperm(len(labels)).reshape(-1, BATCH):
                loss = functional.cross_entropy(network(images[indices]), labels[indices])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    torch.set_num_threads(threads)
    return network.eval()


def export_cnn(network: nn.Module, path: Path) -> Path:
    """Export it as `torch.onnx` does."""
    with warnings.catch_warnings():
        # the exporter that is newer takes half a minute, and gives the same operators
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, 28, 28),),
            path,
            dynamo=False,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
        )
    return path


def with_range(file: Path, path: Path, background: float, ink: float) -> Path:
    """Make a model that takes 0..1 one that takes pixels of another range."""
    model = onnx.load(file)
    graph = model.graph
    name = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["scaled" if one == name else one for one in node.input]
    for constant, value in (("background", background), ("width", ink - background)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), constant))
    graph.node.insert(0, helper.make_node("Sub", [name, "background"], ["shifted"]))
    graph.node.insert(1, helper.make_node("Div", ["shifted", "width"], ["scaled"]))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def fit_linear(train_set: Dataset) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a linear classifier by least squares: weights [784, 10] of pixels in 0-1, and biases."""
    rows = np.hstack([as_rows(train_set.images), np.ones((len(train_set), 1))]).astype(np.float64)
    targets = np.eye(10)[train_set.require_labels()]
    solution = np.linalg.solve(rows.T @ rows + 30 * np.eye(785), rows.T @ targets) * 10
    return solution[:-1].astype(np.float32), solution[-1].astype(np.float32)


def linear_onnx(
    linear: tuple[Array, Array],
    path: Path,
    *,
    layout: Sequence[Any] = ("n", 1, 28, 28),
    dtype: int = TensorProto.FLOAT,
    ends: Sequence[str] = ("Softmax",),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a linear classifier as ONNX.

    Args:
        linear: weights [784, classes] and biases.
        path: the file.
        layout: the shape of the input.
        dtype: of the input.
        ends: what the outputs are: "Softmax", "Sigmoid", "ArgMax" or "Identity", each by that name.
        metadata: of the file.
    """
    weights, biases = linear
    batch = layout[0]
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "biases"], ["logits"]),
    ]
    outputs = []
    for end in ends:
        of_labels = end == "ArgMax"
        attributes = {"axis": 1, "keepdims": 0} if of_labels else {}
        nodes.append(helper.make_node(end, ["logits"], [end], **attributes))
        shape = [batch] if of_labels else [batch, weights.shape[1]]
        kind = TensorProto.INT64 if of_labels else TensorProto.FLOAT
        outputs.append(helper.make_tensor_value_info(end, kind, shape))
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", dtype, list(layout))],
        outputs,
        [
            numpy_helper.from_array(np.array([-1, 784], np.int64), "shape"),
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(biases.astype(np.float32), "biases"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata:
        helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
