"""Models that Tenfold did not write: what goes in, what comes out, and what is found or asked."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper
from sklearn.neural_network import MLPClassifier
from tests.foreign_models import as_rows, fit_linear, linear_onnx, with_range
from torch import nn

import tenfold
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.find_pixel_range import Trial
from tenfold.model.foreign_file import ForeignModel
from tenfold.model.model_name import ModelName
from tenfold.model.pixel_range import PixelRange, usual_ranges

Linear = tuple[Any, Any]
N = "n"


@pytest.fixture(scope="module")
def linear(train_set: Dataset) -> Linear:
    return fit_linear(train_set)


def test_scikit_learns_network_is_found_to_take_0_to_1(
    mlp: MLPClassifier, mlp_file: Path, test_set: Dataset
) -> None:
    model = ForeignModel(mlp_file)
    assert str(model.pixels) == "0..1"
    assert model.classes == tuple("0123456789")  # those of its maps
    predictions = model.predict(test_set.images)
    assert_array_equal(predictions.labels, mlp.predict(as_rows(test_set.images)))
    assert predictions.probabilities is not None
    expected = mlp.predict_proba(as_rows(test_set.images))
    assert_allclose(predictions.probabilities, expected, atol=1e-5)
    output, found = model.notes
    assert output == "the probabilities are its output 'output_probability'"
    assert found.startswith("pixels 0..1, found by trying 2,000 of MNIST's training images")


def test_pytorchs_network_is_found_to_take_0_to_1(
    cnn: nn.Module, cnn_file: Path, test_set: Dataset
) -> None:
    model = tenfold.ForeignModel(cnn_file)
    assert str(model.pixels) == "0..1"
    predictions = model.predict(test_set.images)
    with torch.no_grad():
        logits = cnn(torch.from_numpy(as_rows(test_set.images)).reshape(-1, 1, 28, 28))
    assert_array_equal(predictions.labels, logits.argmax(1))
    assert predictions.probabilities is not None
    assert_allclose(predictions.probabilities, logits.softmax(1), atol=1e-5)
    assert model.notes[0] == "the probabilities are the softmax of its output 'logits'"


@pytest.mark.parametrize("text", ["0..255", "-1..1", "0.1307/0.3081", "255..0"])
def test_the_range_that_a_network_was_trained_on_is_found(
    cnn_file: Path, tmp_path: Path, test_set: Dataset, text: str
) -> None:
    pixels = PixelRange.parse(text, "")
    file = with_range(cnn_file, tmp_path / "cnn.onnx", pixels.background, pixels.ink)
    model = ForeignModel(file)
    assert str(model.pixels) == text
    expected = ForeignModel(cnn_file, pixels="0..1").predict(test_set.images).labels
    assert_array_equal(model.predict(test_set.images).labels, expected)


@pytest.mark.parametrize(
    ("background", "ink"), [(0, 16), (-2, 2), (-2.1, 2.2), (-0.5, 0.5), (1, 0)]
)
def test_a_range_that_is_not_in_use_or_not_certain_is_asked_for(
    cnn_file: Path, tmp_path: Path, background: float, ink: float
) -> None:
    file = with_range(cnn_file, tmp_path / "cnn.onnx", background, ink)
    with pytest.raises(TenfoldError, match=r"does not tell for certain .*cnn.onnx:pixels=0\.\.1 "):
        ForeignModel(file)
    assert ForeignModel(f"{file}:pixels={background}..{ink}").pixels.ink == ink


def test_labels_alone_do_not_tell_the_range_where_two_are_as_accurate(mlp_file: Path) -> None:
    with pytest.raises(TenfoldError, match=r"does not tell for certain \(0\.\.255: .*; 0\.\.1: "):
        ForeignModel(f"{mlp_file}:output=output_label")
    told = ForeignModel(f"{mlp_file}:output=output_label:pixels=0..1")
    assert told.notes[0].startswith("its output 'output_label' holds labels, no probabilities")


def test_one_range_beats_another_by_accuracy_or_by_far_by_loss() -> None:
    def trial(correct: int, loss: float | None) -> Trial:
        right = np.arange(2000) < correct
        pixels = PixelRange.parse("0..1", "")
        return Trial(pixels, correct / 2000, right, np.where(right, 0, correct), loss, loss)

    assert trial(1900, 0.2).beats(trial(1700, 0.3))
    assert trial(1900, 0.2).beats(trial(1905, 0.9))  # as 0..255 is to 0..1
    assert not trial(1900, 0.2).beats(trial(1895, 0.3))
    assert not trial(1905, 0.9).beats(trial(1900, 0.2))
    assert trial(1900, 0.41).beats(trial(1800, 0.39))
    assert not trial(1900, 2.8).beats(trial(1700, 1.7))  # one says this, the other that
    assert not trial(1700, 1.7).beats(trial(1900, 2.8))
    assert trial(1900, 0.3).plausible
    assert not trial(1900, 2.5).plausible
    assert not trial(1500, 0.3).plausible
    assert trial(1900, None).beats(trial(1700, None))
    assert not trial(1900, None).beats(trial(1899, None))


@pytest.mark.parametrize("dtype", [TensorProto.UINT8, TensorProto.FLOAT16, TensorProto.DOUBLE])
@pytest.mark.parametrize("batch", [N, 1, 7])
def test_every_layout_type_and_size_of_batch_gives_the_same(
    linear: Linear, tmp_path: Path, test_set: Dataset, dtype: int, batch: Any
) -> None:
    weights, biases = linear
    images = test_set.images[:50]
    expected = (as_rows(images) @ weights + biases).argmax(axis=1)
    for layout in ([28, 28], [1, 28, 28], [28, 28, 1], [784]):
        file = linear_onnx(
            (weights / 255, biases), tmp_path / "m.onnx", layout=[batch, *layout], dtype=dtype
        )
        model = ForeignModel(file, pixels="0..255")
        assert (model.predict(images).labels == expected).mean() >= 0.98  # float16 rounds
        assert len(model.predict(images[:0])) == 0


def test_whole_pixels_are_found_to_be_inverted(
    linear: Linear, tmp_path: Path, test_set: Dataset
) -> None:
    weights, biases = linear
    upside_down = (-weights / 255, biases + weights.sum(axis=0))
    layout = [N, 28, 28]
    file = linear_onnx(upside_down, tmp_path / "m.onnx", layout=layout, dtype=TensorProto.UINT8)
    model = ForeignModel(file)
    assert str(model.pixels) == "255..0"
    expected = (as_rows(test_set.images) @ weights + biases).argmax(axis=1)
    assert_array_equal(model.predict(test_set.images).labels, expected)
    with pytest.raises(TenfoldError, match=r"takes uint8, and pixels -1\.\.1 are none"):
        ForeignModel(f"{file}:pixels=-1..1")


def test_what_comes_out_is_told_by_its_values(
    linear: Linear, tmp_path: Path, test_set: Dataset
) -> None:
    words = {
        "Softmax": "the probabilities are its output 'Softmax'",
        "Identity": "the probabilities are the softmax of its output 'Identity'",
        "LogSoftmax": "the probabilities are the softmax of its output 'LogSoftmax'",
        "Sigmoid": "scores within 0-1 whose sum is not 1, which are no probabilities",
        "ArgMax": "its output 'ArgMax' holds labels, no probabilities",
    }
    expected = ForeignModel(linear_onnx(linear, tmp_path / "m.onnx"), pixels="0..1").predict(
        test_set.images
    )
    assert expected.probabilities is not None
    for end, note in words.items():
        model = ForeignModel(linear_onnx(linear, tmp_path / "m.onnx", ends=[end]), pixels="0..1")
        predictions = model.predict(test_set.images)
        assert note in model.notes[0]
        assert_array_equal(predictions.labels, expected.labels)
        if end in ("Sigmoid", "ArgMax"):
            assert predictions.probabilities is None
        else:
            assert predictions.probabilities is not None
            assert_allclose(predictions.probabilities, expected.probabilities, atol=1e-5)


def test_of_several_outputs_one_is_taken_and_said_or_asked_for(
    linear: Linear, tmp_path: Path
) -> None:
    file = linear_onnx(linear, tmp_path / "m.onnx", ends=["Softmax", "Identity", "ArgMax"])
    with pytest.raises(TenfoldError, match=r"several outputs could be .*:output=NAME.*Identity"):
        ForeignModel(file, pixels="0..1")
    model = ForeignModel(f"{file}:output=Softmax:pixels=0..1")
    assert model.notes[0].endswith("'Softmax', of Softmax, Identity, ArgMax")
    assert model.spec == f"{file}:pixels=0..1:output=Softmax"
    assert ForeignModel(model.spec).notes == model.notes
    with pytest.raises(TenfoldError, match="has no output 'nope'; there are: Softmax, Identity"):
        ForeignModel(file, output="nope")


def test_labels_that_are_not_the_highest_scores_are_refused(linear: Linear, tmp_path: Path) -> None:
    file = linear_onnx(linear, tmp_path / "m.onnx", ends=["Softmax", "ArgMax"])
    assert ForeignModel(file, pixels="0..1").classes == tuple("0123456789")
    with pytest.raises(TenfoldError, match=r"'ArgMax' says \d where the highest of 'Softmax' is"):
        ForeignModel(f"{file}:pixels=0..1:classes=1,0,2,3,4,5,6,7,8,9").predict(
            np.zeros((1, 28, 28), np.uint8)
        )


def test_names_and_ranges_come_from_the_name_the_arguments_or_the_metadata(
    linear: Linear, tmp_path: Path
) -> None:
    weights, biases = linear
    three = (weights[:, :3], biases[:3])
    file = linear_onnx(three, tmp_path / "m.onnx")
    with pytest.raises(TenfoldError, match=r"has 3 classes, and each needs a name.*:classes=a,b,c"):
        ForeignModel(file)
    with pytest.raises(TenfoldError, match=r"has 3 classes, .* Received: 2 names"):
        ForeignModel(file, classes=["a", "b"])
    with pytest.raises(TenfoldError, match=r"does not say what its pixels must be.*:pixels=0\.\.1"):
        ForeignModel(file, classes="xyz")
    named = ForeignModel(f"{file}:classes=x,y,z:pixels=0..1")
    given = ForeignModel(file, classes=["x", "y", "z"], pixels="0..1")
    assert named.classes == given.classes == ("x", "y", "z")
    for classes in ("x,y,z", '["x", "y", "z"]'):
        metadata = {"classes": classes, "pixels": "0.5/0.5"}
        told = ForeignModel(linear_onnx(three, tmp_path / "told.onnx", metadata=metadata))
        assert told.classes == ("x", "y", "z")
        assert (told.pixels.background, told.pixels.ink) == (-1, 1)
    assert ForeignModel(told.name, pixels="0..1").pixels.background == 0
    broken = linear_onnx(three, tmp_path / "broken.onnx", metadata={"classes": "[1, 2]"})
    with pytest.raises(TenfoldError, match="metadata `classes` is no list of names"):
        ForeignModel(broken)


def test_an_option_that_is_none_is_refused(mlp_file: Path) -> None:
    words = {
        "pixel=0..1": "no option 'pixel'; did you mean 'pixels'?",
        "nonsense=1": "no option 'nonsense'; there are: pixels, classes, output, split",
        "pixels=": "pixels needs a value, once",
        "pixels=0..1:pixels=0..1": "pixels needs a value, once",
        "pixels=bright": r"pixels are BACKGROUND\.\.INK, as 0\.\.1.*Received: 'bright'",
        "pixels=1..1": "both must differ",
        "pixels=0.5/0": "both must differ",
        "split=test": "split is of a table of predictions",
    }
    for options, message in words.items():
        with pytest.raises(TenfoldError, match=message):
            ForeignModel(f"{mlp_file}:{options}")


def test_a_file_whose_name_has_a_colon_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a:pixels=0..1"
    path.write_bytes(b"")
    assert ModelName.parse(path) == ModelName(path)
    assert ModelName.parse("C:/m.onnx:pixels=1..0").path == Path("C:/m.onnx")


@pytest.mark.parametrize(
    "layout", [[N, 3, 28, 28], [N, 32, 32], [N, 1, 32, 32], [N, 783], [28, 28], [N, "a", "b", "c"]]
)
def test_another_shape_is_refused(linear: Linear, tmp_path: Path, layout: list[Any]) -> None:
    file = linear_onnx(linear, tmp_path / "m.onnx", layout=layout)
    with pytest.raises(TenfoldError, match=r"\[n, 784\]\. Received: image tensor\(float\) \["):
        ForeignModel(file)


def test_another_type_is_refused(linear: Linear, tmp_path: Path) -> None:
    file = linear_onnx(linear, tmp_path / "m.onnx", dtype=TensorProto.INT64)
    with pytest.raises(TenfoldError, match=r"Received: image tensor\(int64\)"):
        ForeignModel(file)
    wide = linear_onnx(linear, tmp_path / "wide.onnx", layout=[5000, 784])
    with pytest.raises(TenfoldError, match="takes 5,000 images at once, and 4,096 are allowed"):
        ForeignModel(wide)


def changed(file: Path, change: Any) -> Path:
    model = onnx.load(file)
    change(model.graph)
    other = file.with_name("changed.onnx")
    other.write_bytes(model.SerializeToString())
    return other


def test_a_network_in_training_mode_is_refused(
    linear: Linear, tmp_path: Path, train_set: Dataset
) -> None:
    def normalise_over_the_batch(graph: Any) -> None:
        mean = helper.make_node("ReduceMean", ["logits"], ["mean"], axes=[0], keepdims=1)
        centred = helper.make_node("Sub", ["logits", "mean"], ["centred"])
        end = graph.node.pop()
        end.input[0] = "centred"
        graph.node.extend([mean, centred, end])

    file = changed(linear_onnx(linear, tmp_path / "m.onnx"), normalise_over_the_batch)
    with pytest.raises(TenfoldError, match="depend on what else is in the batch; was it exported"):
        ForeignModel(file, pixels="0..1")


def test_what_is_no_number_is_refused(linear: Linear, tmp_path: Path) -> None:
    weights, biases = linear
    file = linear_onnx((weights, biases * np.nan), tmp_path / "m.onnx", ends=["Identity"])
    with pytest.raises(TenfoldError, match="cannot be scored: output 'Identity' is not finite"):
        ForeignModel(file, pixels="0..1")


def test_a_hostile_file_is_refused_before_it_is_run(linear: Linear, tmp_path: Path) -> None:
    file = linear_onnx(linear, tmp_path / "m.onnx")

    def takes_weights_from_elsewhere(graph: Any) -> None:
        (tensor,) = (one for one in graph.initializer if one.name == "weights")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    def has_a_custom_operator(graph: Any) -> None:
        graph.node[-1].domain = "com.example"

    def makes_tensors_of_any_size(graph: Any) -> None:
        graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["large"]))

    def has_two_inputs(graph: Any) -> None:
        graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 784]))
        graph.node.append(helper.make_node("Identity", ["more"], ["unused"]))

    words = {
        takes_weights_from_elsewhere: "takes weights from another file.*external_data=False",
        has_a_custom_operator: "has the operator 'com.example.Softmax', and Tenfold runs no model",
        makes_tensors_of_any_size: "has the operator 'ConstantOfShape'",
        has_two_inputs: r"must take one input, images\. Received: image, more",
    }
    for change, message in words.items():
        with pytest.raises(TenfoldError, match=message):
            ForeignModel(changed(file, change), pixels="0..1")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(TenfoldError, match="is not a complete ONNX model"):
        ForeignModel(cut)


def test_trees_that_go_round_in_circles_end_in_one_line(tmp_path: Path) -> None:
    nodes = {
        "nodes_treeids": [0, 0],
        "nodes_nodeids": [0, 1],
        "nodes_featureids": [0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF"],
        "nodes_values": [0.5, 0.0],
        "nodes_truenodeids": [0, 0],  # back to itself
        "nodes_falsenodeids": [1, 0],
        "nodes_hitrates": [1.0, 1.0],
        "nodes_missing_value_tracks_true": [0, 0],
        "class_treeids": [0],
        "class_nodeids": [1],
        "class_ids": [0],
        "class_weights": [1.0],
        "classlabels_int64s": list(range(10)),
        "post_transform": "NONE",
    }
    tree = helper.make_node(
        "TreeEnsembleClassifier", ["image"], ["label", "p"], domain="ai.onnx.ml", **nodes
    )
    graph = helper.make_graph(
        [tree],
        "tree",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 784])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 10]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    file = tmp_path / "tree.onnx"
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    file.write_bytes(model.SerializeToString())
    with pytest.raises(TenfoldError):
        ForeignModel(file, pixels="0..1")


def test_tenfolds_own_class_says_where_others_go(mlp_file: Path, cnn_file: Path) -> None:
    with pytest.raises(TenfoldError, match=r"no network of Tenfold has; .*ForeignModel in Python"):
        tenfold.Model(mlp_file)
    with pytest.raises(TenfoldError, match=r"did not write; .*tenfold\.ForeignModel in Python"):
        tenfold.Model(cnn_file)


def test_usual_ranges_of_whole_numbers_are_whole() -> None:
    assert list(map(str, usual_ranges(np.dtype(np.uint8)))) == ["0..255", "255..0"]
    images = np.array([[[0, 128, 255]]], np.uint8)
    for pixels in usual_ranges(np.dtype(np.float32)):
        ends = pixels.apply(images, np.dtype(np.float32))[0, 0]
        assert_allclose(ends[[0, 2]], [pixels.background, pixels.ink], rtol=1e-6)


def test_images_of_another_shape_are_refused(mlp_file: Path, test_set: Dataset) -> None:
    model = ForeignModel(mlp_file, pixels="0..1")
    with pytest.raises(TenfoldError, match=r"must be uint8 \[n, 28, 28\]\. Received: float32"):
        model.predict(test_set.images.astype(np.float32))
