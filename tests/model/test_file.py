import base64
from pathlib import Path

import numpy as np
import onnx
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, open_model
from tenfold.model.internals import feature_maps, first_filters
from tenfold.run.folder import RunFolder


def test_any_runtime_runs_the_file(trained_run: RunFolder, test_set: Dataset) -> None:
    """With onnx's own reference implementation, which shares no code with onnxruntime."""
    from onnx.reference import ReferenceEvaluator

    images = test_set.images[:8]
    probabilities, label, accepted = ReferenceEvaluator(str(trained_run.model_file)).run(
        None, {"image": images}
    )
    predictions = open_model(trained_run.path).predict(images)
    np.testing.assert_allclose(probabilities, predictions.probabilities, atol=1e-4)
    assert label.tolist() == predictions.labels.tolist()
    assert accepted.tolist() == predictions.accepted.tolist()


def test_inputs_and_outputs_follow_the_contract(trained_run: RunFolder, test_set: Dataset) -> None:
    graph = onnx.load(trained_run.model_file).graph
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["probabilities", "label", "accepted"]
    predictions = open_model(trained_run.model_file).predict(test_set.images)
    assert predictions.probabilities.dtype == np.float32
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
    assert predictions.labels.dtype == np.int64
    assert np.array_equal(predictions.labels, predictions.probabilities.argmax(axis=1))
    assert np.array_equal(predictions.accepted, predictions.probabilities.max(axis=1) >= 0.5)


def test_batch_size_changes_no_prediction(trained_run: RunFolder, test_set: Dataset) -> None:
    model = open_model(trained_run.path)
    small, large = (model.predict(test_set.images, size) for size in (7, 512))
    np.testing.assert_allclose(small.probabilities, large.probabilities, atol=1e-5)


def test_zero_images_and_one_image_are_predicted(trained_run: RunFolder, test_set: Dataset) -> None:
    model = open_model(trained_run.path)
    assert len(model.predict(test_set.images[:0])) == 0
    assert len(model.predict(test_set.images[:1])) == 1


def test_training_overlap_counts_the_training_images(
    trained_run: RunFolder, train_set: Dataset
) -> None:
    model = open_model(trained_run.path)
    assert model.classes == tuple("0123456789")
    assert len(model.training_overlap(train_set)) == 1600
    assert len(model.training_overlap(load("mnist:test"))) == 0
    assert "optimiser" in model.recipe_toml


def test_images_of_another_shape_are_rejected(trained_run: RunFolder) -> None:
    model = open_model(trained_run.path)
    with pytest.raises(TenfoldError, match=r"uint8 \[n, 28, 28\]. Received: float64 \[2, 28, 28\]"):
        model.predict(np.zeros((2, 28, 28)))  # type: ignore[arg-type]  # wrong on purpose


def test_truncated_or_missing_file_is_named(trained_run: RunFolder, tmp_path: Path) -> None:
    content = trained_run.model_file.read_bytes()
    truncated = tmp_path / "cut.onnx"
    truncated.write_bytes(content[: len(content) // 2])
    with pytest.raises(TenfoldError, match=r"cut\.onnx: is not a complete ONNX model"):
        Model(truncated)
    with pytest.raises(TenfoldError, match="cannot read the model file: No such file"):
        open_model(tmp_path / "absent.onnx")


def with_metadata(trained_run: RunFolder, file: Path, **entries: str | None) -> Path:
    """A copy of the trained model with other metadata; None removes an entry."""
    model = onnx.load(trained_run.model_file)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    metadata |= {f"tenfold.{name}": value for name, value in entries.items()}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {k: v for k, v in metadata.items() if v is not None})
    onnx.save(model, file)
    return file


def test_onnx_model_of_another_origin_is_rejected(trained_run: RunFolder, tmp_path: Path) -> None:
    floats = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 784])
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 784])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [floats], [output]
    )
    other = onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(TenfoldError, match=r"other\.onnx: is an ONNX model that Tenfold did not"):
        Model(tmp_path / "other.onnx")
    onnx.helper.set_model_props(other, {"tenfold.format": "1"})
    onnx.save(other, tmp_path / "disguised.onnx")
    with pytest.raises(
        TenfoldError, match=r"disguised\.onnx: is an ONNX model that Tenfold did not"
    ):
        Model(tmp_path / "disguised.onnx")


def test_newer_format_is_rejected(trained_run: RunFolder, tmp_path: Path) -> None:
    newer = with_metadata(trained_run, tmp_path / "newer.onnx", format="2")
    with pytest.raises(TenfoldError, match=r"has format 2.*up to format 1"):
        Model(newer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", None),
        ("classes", '["0", "1"'),
        ("training_hashes", None),
        ("training_hashes", "AAAAAAAA"),
        ("training_hashes", "!!!!AAAA"),
        ("training_hashes", ""),
        ("accept_threshold", "half"),
        ("accept_threshold", "nan"),
        ("temperature", "0"),
        ("temperature", "inf"),
        ("classes", '["0","1","2","3","4","5","6","7","8","8"]'),
        ("classes", "[" * 100_000),
        ("classes", '{"0": 1}'),
        ("fingerprint", "none"),
        ("labels", '{"dtype": "<U999999999", "values": ["a"]}'),
        ("labels", '{"dtype": "<i8", "values": [1, 2]}'),
    ],
)
def test_damaged_metadata_is_named(
    name: str, value: str | None, trained_run: RunFolder, tmp_path: Path
) -> None:
    entries = {name: value, "digest": None}
    file = with_metadata(trained_run, tmp_path / "damaged.onnx", **entries)
    with pytest.raises(TenfoldError, match=r"damaged\.onnx: .*metadata.*damaged"):
        Model(file)


def test_hashes_that_are_not_those_that_were_written_are_named(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    """Without them, the model would not know its training images: well-formed, but others."""
    others = base64.b64encode(bytes(1600 * 5)).decode()
    file = with_metadata(trained_run, tmp_path / "others.onnx", training_hashes=others)
    with pytest.raises(TenfoldError, match=r"others\.onnx: .*metadata.*not what was written"):
        Model(file)


def test_filters_and_feature_maps_are_extracted(trained_run: RunFolder, test_set: Dataset) -> None:
    model = open_model(trained_run.model_file)
    filters = first_filters(model)
    assert filters is not None
    assert filters.ndim == 3
    maps = feature_maps(model, test_set.images[0])
    assert [name for name, _ in maps][:2] == [
        "convolution 1, after ReLU",
        "convolution 2, after pooling",
    ]
    assert all(value.ndim == 3 for _, value in maps)
