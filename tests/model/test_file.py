from pathlib import Path

import numpy as np
import onnx
import pytest

from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, open_model
from tenfold.model.inspect import feature_maps, first_filters
from tenfold.run.folder import RunFolder


def test_any_runtime_runs_the_file(trained: RunFolder, questions: Dataset) -> None:
    """With onnx's own reference implementation, which shares no code with onnxruntime."""
    from onnx.reference import ReferenceEvaluator

    some = questions.images[:8]
    probabilities, label, accepted = ReferenceEvaluator(str(trained.model_file)).run(
        None, {"image": some}
    )
    answers = open_model(trained.path).predict(some)
    np.testing.assert_allclose(probabilities, answers.probabilities, atol=1e-4)
    assert label.tolist() == answers.labels.tolist()
    assert accepted.tolist() == answers.accepted.tolist()


def test_the_file_keeps_the_contract(trained: RunFolder, questions: Dataset) -> None:
    graph = onnx.load(trained.model_file).graph
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["probabilities", "label", "accepted"]
    answers = open_model(trained.model_file).predict(questions.images)
    assert answers.probabilities.dtype == np.float32
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, atol=1e-5)
    assert answers.labels.dtype == np.int64
    assert np.array_equal(answers.labels, answers.probabilities.argmax(axis=1))
    assert np.array_equal(answers.accepted, answers.probabilities.max(axis=1) >= 0.5)


def test_the_batch_size_changes_no_answer(trained: RunFolder, questions: Dataset) -> None:
    model = open_model(trained.path)
    one, many = (model.predict(questions.images, batch) for batch in (7, 512))
    np.testing.assert_allclose(one.probabilities, many.probabilities, atol=1e-5)


def test_no_picture_and_one_picture_are_answered(trained: RunFolder, questions: Dataset) -> None:
    model = open_model(trained.path)
    assert len(model.predict(questions.images[:0])) == 0
    assert len(model.predict(questions.images[:1])) == 1


def test_it_knows_what_it_was_trained_on(trained: RunFolder, digits: Dataset) -> None:
    model = open_model(trained.path)
    assert model.classes == tuple("0123456789")
    assert len(model.seen(digits)) == 1600
    assert len(model.seen(load("mnist:test"))) == 0
    assert "optimiser" in model.recipe_toml


def test_pictures_of_another_shape_are_refused(trained: RunFolder) -> None:
    model = open_model(trained.path)
    with pytest.raises(TenfoldError, match=r"uint8 \[n, 28, 28\]. Received: float64 \[2, 28, 28\]"):
        model.predict(np.zeros((2, 28, 28)))  # type: ignore[arg-type]


def test_a_file_that_is_cut_or_absent_is_named(trained: RunFolder, tmp_path: Path) -> None:
    content = trained.model_file.read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(TenfoldError, match=r"cut\.onnx: is not a whole ONNX model"):
        Model(cut)
    with pytest.raises(TenfoldError, match="cannot read the model file: No such file"):
        open_model(tmp_path / "absent.onnx")


def changed(trained: RunFolder, file: Path, **said: str | None) -> Path:
    """A copy of the trained model that says other things of itself; None leaves one out."""
    model = onnx.load(trained.model_file)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    metadata |= {f"tenfold.{name}": value for name, value in said.items()}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {k: v for k, v in metadata.items() if v is not None})
    onnx.save(model, file)
    return file


def test_a_model_of_someone_else_is_not_taken_for_ours(trained: RunFolder, tmp_path: Path) -> None:
    floats = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 784])
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 784])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [floats], [output]
    )
    other = onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(TenfoldError, match=r"other\.onnx: is an ONNX model, but not one that"):
        Model(tmp_path / "other.onnx")
    onnx.helper.set_model_props(other, {"tenfold.format": "1"})
    onnx.save(other, tmp_path / "dressed.onnx")
    with pytest.raises(TenfoldError, match=r"dressed\.onnx: is an ONNX model, but not one that"):
        Model(tmp_path / "dressed.onnx")


def test_a_model_that_a_newer_tenfold_wrote_is_named(trained: RunFolder, tmp_path: Path) -> None:
    newer = changed(trained, tmp_path / "newer.onnx", format="2")
    with pytest.raises(TenfoldError, match=r"newer Tenfold: its format is 2.*upgrade Tenfold"):
        Model(newer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", None),
        ("classes", '["0", "1"'),
        ("training_hashes", None),
        ("training_hashes", "AAAAAAAA"),
        ("accept_threshold", "half"),
    ],
)
def test_a_model_whose_words_are_damaged_is_named(
    name: str, value: str | None, trained: RunFolder, tmp_path: Path
) -> None:
    file = changed(trained, tmp_path / "damaged.onnx", **{name: value})
    with pytest.raises(TenfoldError, match=r"damaged\.onnx: what the model says of itself is dama"):
        Model(file)


def test_one_can_look_inside(trained: RunFolder, questions: Dataset) -> None:
    assert first_filters(trained.model_file).ndim == 3
    maps = feature_maps(trained.model_file, questions.images[0])
    assert [name for name, _ in maps][:2] == [
        "convolution 1, after ReLU",
        "convolution 2, after pooling",
    ]
    assert all(value.ndim == 3 for _, value in maps)
