"""A model file in each engine: the same labels, what is refused, and what is left behind."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.model.test_foreign_files import network

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model import engine as engines
from tenfold.model.engine import choose_engine
from tenfold.model.file import Model
from tenfold.model.foreign_file import ForeignModel
from tenfold.model.openvino_engine import OpenVino
from tenfold.model.reader import SHIPPED
from tenfold.run.folder import RunFolder
from tenfold.training.quantise import quantise

SURE = 0.1  # between the two highest probabilities: bfloat16 changes no such label here


def without_openvino_kernel() -> bytes:
    """A model that ONNX Runtime runs and OpenVINO refuses: it has no determinant."""
    model = network(probabilities=("Add", "nothing"))
    model.graph.node.insert(1, helper.make_node("Det", ["pixels"], ["determinant"]))
    model.graph.node.insert(2, helper.make_node("Mul", ["determinant", "zero"], ["none"]))
    model.graph.node.insert(3, helper.make_node("Reshape", ["none", "column"], ["nothing"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1]), "column"))
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def contents(trained_run: RunFolder, train_set: Dataset) -> dict[str, bytes]:
    shipped = SHIPPED.read_bytes()
    return {
        "trained": trained_run.model_file.read_bytes(),
        "shipped": shipped,
        "shipped int8": quantise(shipped, train_set.images[:100]),
    }


@pytest.mark.parametrize("name", ["trained", "shipped", "shipped int8"])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_openvino_gives_the_labels_of_onnxruntime(
    name: str, bfloat16: bool, contents: dict[str, bytes], test_set: Dataset
) -> None:
    expected = Model(contents[name], 2).predict(test_set.images)
    engine = OpenVino(contents[name], name, 2, bfloat16)
    found = [outputs for _, outputs in engine.run(test_set.images, 64)]
    probabilities, labels, accepted = map(np.concatenate, zip(*found, strict=True))
    ordered = np.sort(expected.probabilities, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > SURE
    assert sure.sum() > 400
    assert np.array_equal(labels[sure], expected.labels[sure])
    if not bfloat16:
        assert np.array_equal(labels, expected.labels)
        assert np.array_equal(accepted, expected.accepted)
        tolerance = 5e-3 if "int8" in name else 1e-5
        np.testing.assert_allclose(probabilities, expected.probabilities, atol=tolerance, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 7, 33, 300])
def test_few_and_many_images_come_out_in_their_order(
    count: int, contents: dict[str, bytes], test_set: Dataset
) -> None:
    model = Model(contents["trained"], 3, "openvino")
    images = test_set.images[:count]
    found, expected = model.predict(images, 50), Model(contents["trained"], 1).predict(images)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=0.05, rtol=0)
    assert found.engine.startswith("openvino ")
    assert expected.engine.startswith("onnxruntime ")
    assert expected.engine.endswith(", float32")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_that_were_asked_for(threads: int, contents: dict[str, bytes]) -> None:
    engine = OpenVino(contents["trained"], "trained", threads, False)
    compiled = engine._requests[0].get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    assert compiled.get_property("NUM_STREAMS") == threads
    assert len(engine._requests) == threads


def test_the_environment_limits_the_threads(
    contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = Model(contents["trained"], engine="openvino")
    assert isinstance(model._engine, OpenVino)
    assert len(model._engine._requests) == 1


@pytest.mark.parametrize(
    ("installed", "bfloat16", "chosen"),
    [(True, True, "openvino"), (True, False, "onnxruntime"), (False, True, "onnxruntime")],
)
def test_auto_is_decided_by_what_is_there(
    installed: bool, bfloat16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(engines, "multiplies_bfloat16", lambda: bfloat16)
    assert choose_engine("auto") == chosen
    assert choose_engine("onnxruntime") == "onnxruntime"


def test_a_file_that_openvino_does_not_take_runs_in_onnxruntime_and_it_is_said(
    test_set: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "multiplies_bfloat16", lambda: True)
    content = without_openvino_kernel()
    model = Model(content, 1, "auto")
    found = model.predict(test_set.images[:5])
    assert found.engine.startswith("onnxruntime ")
    (note,) = model.engine_notes
    assert "openvino is not used: " in note
    assert "No conversion rule found for operations: Det" in note
    assert np.array_equal(found.labels, Model(content, 1).predict(test_set.images[:5]).labels)
    with pytest.raises(TenfoldError, match=r"OpenVINO .* does not take it \(.*Det.*--engine"):
        Model(content, 1, "openvino")


def test_what_is_no_prediction_is_refused_in_any_engine(test_set: Dataset) -> None:
    content = network(probabilities=("Mul", "five")).SerializeToString()
    for engine in ("openvino", "auto"):
        with pytest.raises(TenfoldError, match="probabilities are not within 0-1"):
            Model(content, 1, engine).predict(test_set.images[:7])


def test_no_engine_sees_a_file_that_points_to_another(
    contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load_from_string(contents["trained"])
    weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=str(tmp_path / "secret"))

    def opened(*_: object) -> None:
        raise AssertionError("an engine has seen the file")

    monkeypatch.setattr("tenfold.model.file.open_engine", opened)
    for engine in engines.ENGINES:
        with pytest.raises(TenfoldError, match="takes weights from another file"):
            Model(model.SerializeToString(), 1, engine)


def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("tenfold.extras.extras_of", lambda name: ["fast"])
    with pytest.raises(TenfoldError, match=r"engine openvino needs the extra 'fast': pip install"):
        Model(contents["trained"], 1, "openvino")


def test_an_unknown_engine_and_a_missing_gpu_are_refused(contents: dict[str, bytes]) -> None:
    with pytest.raises(
        TenfoldError, match=r"one of auto, onnxruntime, openvino, cuda\. Received: "
    ):
        Model(contents["trained"], 1, "tensorrt")
    with pytest.raises(TenfoldError, match="engine cuda: this ONNX Runtime runs on the CPU alone"):
        Model(contents["trained"], 1, "cuda")


def test_models_of_others_run_in_onnxruntime(mlp_file: Path) -> None:
    with pytest.raises(TenfoldError, match="is a model of others, which ONNX Runtime runs"):
        ForeignModel(mlp_file, pixels="0..1", engine="openvino")
    model = ForeignModel(mlp_file, pixels="0..1", engine="auto")
    assert model.engine.startswith("onnxruntime ")


def test_a_pickled_model_keeps_its_engine(contents: dict[str, bytes], test_set: Dataset) -> None:
    model = Model(contents["trained"], 1, "openvino")
    again = pickle.loads(pickle.dumps(model))
    assert again.engine == model.engine
    images = test_set.images[:20]
    assert np.array_equal(again.predict(images).labels, model.predict(images).labels)


ALONE = """
import socket, sys
def refuse(*arguments): raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = refuse
from tenfold.data.source import load
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
Model(SHIPPED, 1, "openvino").predict(load("mnist:test").images[:40])
assert not [name for name in sys.modules if "telemetry" in name]
sys.modules["openvino.tools.ovc"] = type(sys)("converters")  # the real ones report themselves
sys.modules["openvino.tools.ovc"].convert_model = print
import openvino
assert openvino.convert_model is print  # for whoever else uses it in this process
assert not hasattr(openvino, "no_such_thing")
"""


def test_openvino_leaves_no_file_and_sends_nothing(tmp_path: Path) -> None:
    home = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    home["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert [*tmp_path.iterdir()] == []
