"""Model files in other ONNX runtimes than the one that Tenfold uses."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from tenfold.data.dataset import Dataset, Images
from tenfold.model.engine import OUTPUTS
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.inference import TTA_THRESHOLD
from tenfold.training.network import Network
from tenfold.training.onnx_export import export_onnx
from tenfold.training.quantise import quantise

BLOCKS = (
    'network=[{layer="crop",size=20},{layer="conv",filters=8,kernel_size=5,stride=2},'
    '{layer="residual",filters=8,squeeze_excite=4},{layer="avg_pool"},'
    '{layer="residual",filters=12,stride=2,layer_scale=0.5},{layer="squeeze_excite"},'
    '{layer="global_avg_pool"},{layer="output"}]'
)
Outputs = list[NDArray[Any]]
# GELU is approximated (2e-5 was seen), and what is rounded to 8 bits differs (4e-3).
TOLERANCES = {
    "one": 1e-4,
    "ensemble": 1e-4,
    "blocks": 1e-4,
    "blocks int8": 0.02,
    "int8": 0.02,
    "shipped": 1e-5,
    "shipped int8": 0.02,
}


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory,
    network: Network,
    recipe: Recipe,
    train_set: Dataset,
    test_set: Dataset,
) -> dict[str, Path]:
    other = fit(change(recipe, seed=1), train_set).networks[0]
    one, ensemble = (
        export_onnx(networks, recipe, train_set, None, test_set.images).content
        for networks in ([network], [network, other])
    )
    contents = {"one": one, "ensemble": ensemble, "shipped": SHIPPED.read_bytes()}
    blocks = resolve(load_recipe("quick", [BLOCKS, "epochs=4", "batch_size=64"]))
    networks = fit(blocks, train_set).networks
    contents["blocks"] = export_onnx(networks, blocks, train_set, None, test_set.images).content
    contents["blocks int8"] = quantise(contents["blocks"], train_set.images[:100])
    contents["int8"] = quantise(one, train_set.images[:100])
    contents["shipped int8"] = quantise(contents["shipped"], train_set.images[:100])
    settings = ["cascade.filters=8", "cascade.max_error=0.1"]
    cascade = resolve(load_recipe(blocks, settings))
    fitted = fit(cascade, train_set)
    contents["cascade"] = export_onnx(
        fitted.networks, cascade, train_set, None, test_set.images, first_stage=fitted.first_stage
    ).content
    contents["cascade int8"] = quantise(contents["cascade"], train_set.images[:100])
    folder = tmp_path_factory.mktemp("models")
    paths = {name: folder / f"{name}.onnx" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


def in_onnxruntime(path: Path) -> Callable[[Images], Outputs]:
    session = onnxruntime.InferenceSession(str(path))
    return lambda images: list(session.run(None, {"image": images}))


def in_reference_evaluator(path: Path) -> Callable[[Images], Outputs]:
    evaluator = ReferenceEvaluator(str(path))
    return lambda images: list(evaluator.run(None, {"image": images}))


def in_openvino(path: Path) -> Callable[[Images], Outputs]:
    precision = {"INFERENCE_PRECISION_HINT": "f32"}  # and not bfloat16, where there is AMX
    compiled = openvino.Core().compile_model(str(path), "CPU", precision)

    def run(images: Images) -> Outputs:
        outputs: Mapping[str, NDArray[Any]] = compiled(images)
        return [outputs[name].copy() for name in OUTPUTS]

    return run


def in_opencv(path: Path) -> Callable[[Images], Outputs]:
    def run(images: Images) -> Outputs:
        net = cv2.dnn.readNetFromONNX(str(path))
        net.setInput(images, "image")
        return [np.asarray(output) for output in net.forward(list(OUTPUTS))]

    return run


def first_confidences(path: Path, images: Images) -> NDArray[np.float32]:
    """Give each image's confidence before test-time augmentation."""
    return inner_values(path, "first_confidence", images)


def inner_values(path: Path, name: str, images: Images) -> NDArray[np.float32]:
    """Give a value within the graph for each image, without the blank one's."""
    model = onnx.load(path)
    output = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    model.graph.output.append(output)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    values: NDArray[np.float32] = session.run([name], {"image": images})[0]
    return values[: len(images)]


RUNTIMES = pytest.mark.parametrize(
    "runtime", [in_onnxruntime, in_reference_evaluator, in_openvino, in_opencv]
)


@pytest.mark.parametrize("name", TOLERANCES)
@RUNTIMES
def test_any_number_of_images_may_be_sure(
    name: str,
    runtime: Callable[[Path], Callable[[Images], Outputs]],
    files: dict[str, Path],
    test_set: Dataset,
) -> None:
    by_confidence = np.argsort(first_confidences(files[name], test_set.images))
    images = test_set.images[by_confidence]
    n_unsure = int((first_confidences(files[name], images) < TTA_THRESHOLD).sum())
    assert 2 <= n_unsure <= 490
    run, expect = runtime(files[name]), in_onnxruntime(files[name])
    borders = slice(n_unsure - 2, n_unsure + 3)
    for rows in (slice(1), slice(-1, None), slice(2), slice(-5, None), borders):
        probabilities, labels, accepted = run(images[rows])
        expected = expect(images[rows])
        np.testing.assert_allclose(probabilities, expected[0], atol=TOLERANCES[name], rtol=0)
        assert np.array_equal(labels.ravel(), expected[0].argmax(axis=1))
        assert np.array_equal(accepted.ravel(), expected[2])


@pytest.mark.parametrize("name", ["cascade", "cascade int8"])
@RUNTIMES
def test_a_cascade_may_be_sure_of_any_number_of_images(
    name: str,
    runtime: Callable[[Path], Callable[[Images], Outputs]],
    files: dict[str, Path],
    test_set: Dataset,
) -> None:
    record = Model(files[name]).cascade
    assert record is not None
    margins = inner_values(files[name], "cascade_margin", test_set.images)
    images, n_unsure = test_set.images[margins.argsort()], int((margins < record.threshold).sum())
    assert 10 <= n_unsure <= 490
    run, expect = runtime(files[name]), in_onnxruntime(files[name])
    borders = slice(n_unsure - 2, n_unsure + 3)
    for rows in (slice(1), slice(-1, None), slice(2), slice(-5, None), borders):
        probabilities, labels, accepted = run(images[rows])
        expected = expect(images[rows])
        atol = 0.02 if "int8" in name else 1e-4
        np.testing.assert_allclose(probabilities, expected[0], atol=atol, rtol=0)
        assert np.array_equal(labels.ravel(), expected[0].argmax(axis=1))
        assert np.array_equal(accepted.ravel(), expected[2])


@pytest.mark.parametrize("name", ["one", "shipped", "int8", "cascade", "cascade int8"])
def test_no_tensor_is_empty_where_all_images_are_sure(
    name: str, files: dict[str, Path], test_set: Dataset
) -> None:
    of_what = "cascade_margin" if "cascade" in name else "first_confidence"
    surest = int(inner_values(files[name], of_what, test_set.images).argmax())
    model = onnx.load(files[name])
    named = [output for node in model.graph.node for output in node.output]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=output) for output in named)
    sizes = [
        np.size(value)
        for value in ReferenceEvaluator(model).run(None, {"image": test_set.images[[surest]]})
    ]
    assert min(sizes) > 0
