"""Model files that say of themselves what is not so, or that ask for more than to be run."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED

PROBABILITIES = ["probabilities", TensorProto.FLOAT, ["n", 10]]
LABEL = ["label", TensorProto.INT64, ["n"]]
ACCEPTED = ["accepted", TensorProto.BOOL, ["n"]]


def network(**changes: Any) -> onnx.ModelProto:
    """A linear network with the shipped model's metadata.

    Args:
        changes: `probabilities`, `label` and `accepted`, each the node that makes that output of
            `honest_probabilities`, `honest_label` and `honest_accepted`; and `outputs`.
    """
    shipped = onnx.load(SHIPPED)
    weight = np.random.default_rng(0).normal(0, 0.01, (784, 10)).astype(np.float32)
    constants = {
        "weight": weight,
        "axis": np.array([1]),
        "half": np.array(0.5, np.float32),
        "five": np.array(5, np.float32),
        "zero": np.array(0, np.float32),
        "minus_one": np.array(-1),
        "start": np.array([0]),
        "end": np.array([-1]),
        "rows": np.array([0]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["honest_probabilities"], axis=1),
        helper.make_node("ArgMax", ["honest_probabilities"], ["honest_label"], axis=1, keepdims=0),
        helper.make_node("ReduceMax", ["honest_probabilities", "axis"], ["best"], keepdims=0),
        helper.make_node("GreaterOrEqual", ["best", "half"], ["honest_accepted"]),
    ]
    for name in ("probabilities", "label", "accepted"):
        operator, *inputs = changes.get(name, ("Identity",))
        nodes.append(helper.make_node(operator, [f"honest_{name}", *inputs], [name]))
    outputs = changes.get("outputs", [PROBABILITIES, LABEL, ACCEPTED])
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info(*output) for output in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    helper.set_model_props(model, {one.key: one.value for one in shipped.metadata_props})
    return model


def opened(model: onnx.ModelProto) -> Model:
    return Model(model.SerializeToString(), threads=1)


def test_the_network_of_these_tests_is_accepted_as_it_is(test_set: Dataset) -> None:
    assert len(opened(network()).predict(test_set.images[:50])) == 50


def test_weights_in_another_file_are_never_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes of the other file would come out as probabilities."""
    (tmp_path / "secret").write_bytes(os.urandom(784 * 10 * 4))
    monkeypatch.chdir(tmp_path)
    for location in ("secret", "../secret", str(tmp_path / "secret")):
        model = network()
        weight = next(one for one in model.graph.initializer if one.name == "weight")
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
        with pytest.raises(TenfoldError, match="takes weights from another file"):
            opened(model)


def test_weights_of_a_constant_in_another_file_are_not_looked_at_either() -> None:
    model = network()
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "inside")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    model.graph.node[0].attribute.append(helper.make_attribute("value", weight))
    with pytest.raises(TenfoldError, match="takes weights from another file"):
        opened(model)


def custom_operator(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    model.graph.node.append(
        helper.make_node("PythonOp", ["image"], ["x"], domain="ai.onnx.contrib")
    )


def endless_loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["x"], body=body))


def function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("mine", "F", ["x"], ["x"], [], [helper.make_opsetid("", 20)])
    )


def huge_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ConstantOfShape", ["end"], ["x"]))


def sparse_constant(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [4])
    model.graph.sparse_initializer.append(sparse)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (custom_operator, r"'ai\.onnx\.contrib\.PythonOp'"),
        (endless_loop, "a graph within a graph"),
        (function, "functions of its own"),
        (huge_constant, "'ConstantOfShape'"),
        (sparse_constant, "sparse constants"),
    ],
)
def test_what_no_network_of_tenfold_has_is_refused(change: Any, named: str) -> None:
    model = network()
    change(model)
    with pytest.raises(TenfoldError, match=f"has (the operator )?{named}, which no network"):
        opened(model)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"probabilities": ("Mul", "five")}, "probabilities are not within 0-1"),
        ({"probabilities": ("Div", "zero")}, "probabilities are not within 0-1"),
        ({"label": ("Add", "minus_one")}, "labels are not the most probable"),
        ({"label": ("Slice", "start", "end", "rows")}, r"for 7 images it gives .*\[6\]"),
        ({"probabilities": ("Slice", "start", "end", "rows")}, r"for 7 images it gives \[\[6, 10"),
        ({"accepted": ("Slice", "start", "end", "rows")}, r"for 7 images it gives .*\[6\]\]"),
    ],
)
def test_predictions_that_are_none_are_named(
    changes: dict[str, Any], named: str, test_set: Dataset
) -> None:
    model = opened(network(**changes))
    with pytest.raises(TenfoldError, match=named):
        model.predict(test_set.images[:7])


def test_another_number_of_classes_than_it_says_is_refused() -> None:
    model = network(outputs=[["probabilities", TensorProto.FLOAT, ["n", 9]], LABEL, ACCEPTED])
    weight = next(one for one in model.graph.initializer if one.name == "weight")
    weight.CopyFrom(numpy_helper.from_array(np.zeros((784, 9), np.float32), "weight"))
    with pytest.raises(TenfoldError, match=r"probabilities is tensor\(float\) \[None, 9\], not"):
        opened(model)


def test_images_of_another_type_or_size_are_refused() -> None:
    for dtype, side in ((TensorProto.FLOAT, 28), (TensorProto.UINT8, 14)):
        model = network()
        image = helper.make_tensor_value_info("image", dtype, ["n", side, 784 // side])
        model.graph.input[0].CopyFrom(image)
        with pytest.raises(TenfoldError, match=r"image is tensor"):
            opened(model)


def test_bytes_that_are_no_model_are_refused_in_one_line(tmp_path: Path) -> None:
    content = SHIPPED.read_bytes()
    draw = np.random.default_rng(0)
    garbled = np.frombuffer(content, np.uint8).copy()
    garbled[draw.permutation(2000)[:200]] ^= 0xFF
    for number, foreign in enumerate(
        (b"", b"\x00", content[:-1], content[: len(content) // 3], bytes(10_000), garbled.tobytes())
    ):
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(foreign)
        with pytest.raises(TenfoldError, match=rf"{number}\.onnx: ") as caught:
            Model(file)
        assert "\n" not in str(caught.value)


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path / "pipe.onnx", Path("/dev/zero")):
        with pytest.raises(TenfoldError, match="it is a pipe or a device"):
            Model(path)
