"""A model reads images of another polarity or contrast as those that it was trained on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import tenfold
from tenfold.cli import main
from tenfold.data.dataset import Dataset, from_arrays
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder

Images = NDArray[np.uint8]


def third(images: Images) -> Images:
    """Invert every third image."""
    return np.where((np.arange(len(images)) % 3 == 0)[:, None, None], 255 - images, images)


@pytest.mark.parametrize(
    ("change", "count"),
    [(lambda x: 255 - x, "all 500 images are"), (third, "167 of 500 images are")],
)
def test_dark_digits_are_scored_and_predicted_as_bright_ones(
    change: Callable[[Images], Images], count: str, trained_run: RunFolder, test_set: Dataset
) -> None:
    dark = replace(test_set, images=change(test_set.images))  # as it is: no loader looked at it
    expected = tenfold.evaluate(trained_run.path, test_set)
    found = tenfold.evaluate(trained_run.path, dark)
    assert_array_equal(found.scores.confusion, expected.scores.confusion)
    assert f"{count} dark on bright, unlike the training images" in found.to_text()
    predicted = tenfold.predict(trained_run.path, dark)
    assert_array_equal(
        predicted.labels, open_model(trained_run.path).predict(test_set.images).labels
    )
    assert count in predicted.notes[-1]


def test_weak_ink_is_stretched_and_said(trained_run: RunFolder, test_set: Dataset) -> None:
    weak = replace(test_set, images=(test_set.images * (100 / 255)).astype(np.uint8))
    expected = tenfold.evaluate(trained_run.path, test_set).scores.correct
    found = tenfold.evaluate(trained_run.path, weak)
    assert abs(found.scores.correct - expected) <= 5
    assert "of weak contrast, ink up to 99 of 255" in found.notes[-1]


def test_the_command_names_what_it_did(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", x=255 - test_set.images, y=test_set.require_labels())
    command = ["predict", str(trained_run.path), str(tmp_path / "a.npz")]
    assert main([*command, "-o", str(tmp_path / "a.csv")]) == 0
    assert "note: all 500 images are dark on bright: inverted" in capsys.readouterr().err
    expected = open_model(trained_run.path).predict(test_set.images).labels
    rows = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert rows == [f"{number},{label}" for number, label in enumerate(expected, 1)]


def test_a_set_is_scored_though_it_lists_a_class_that_does_not_occur(
    trained_run: RunFolder, test_set: Dataset
) -> None:
    listed = replace(test_set, classes=(*test_set.classes, "10"))
    scores = tenfold.evaluate(trained_run.path, listed).scores
    assert scores.correct == tenfold.evaluate(trained_run.path, test_set).scores.correct


def test_models_with_the_same_classes_in_another_order_are_compared(
    trained_run: RunFolder, test_set: Dataset, tmp_path: Path
) -> None:
    model = onnx.load(trained_run.path / "model.onnx")
    entries = {entry.key: entry.value for entry in model.metadata_props}
    del entries["tenfold.digest"]
    entries["tenfold.classes"] = json.dumps(list("9876543210"))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, entries)
    onnx.save(model, tmp_path / "reversed.onnx")
    found = tenfold.compare(trained_run.path, tmp_path / "reversed.onnx", test_set)
    first, second = found.predictions
    assert_array_equal(second, 9 - first)
    assert found.classes == tuple("0123456789")


def test_a_run_takes_objects_in_memory(
    train_set: Dataset, test_set: Dataset, tmp_path: Path
) -> None:
    few = train_set.subset(np.arange(300))
    run = tenfold.train(
        (few.images / 255, few.require_labels().astype(float)),
        test=(255 - test_set.images, test_set.labels),
        settings=["steps=2", "batch_size=64"],
        report=False,
        progress=False,
        out=tmp_path / "run",
    )
    assert run.folder.environment().fingerprint == few.fingerprint
    assert run.folder.environment().test_fingerprint == test_set.fingerprint
    assert run.folder.environment().request.in_memory == ("source", "test")
    assert from_arrays(few.images).fingerprint != few.fingerprint
