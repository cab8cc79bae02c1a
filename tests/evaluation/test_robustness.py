"""Corrupted images, and the accuracy on them."""

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.robustness import MAX_IMAGES, Robustness, robustness
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="module")
def result(trained_run: RunFolder, test_set: Dataset) -> Robustness:
    return robustness(Model(trained_run.model_file, 1), test_set.images, test_set.require_labels())


def test_accuracy_falls_with_severity(
    result: Robustness,
) -> None:
    assert result.n == MAX_IMAGES
    assert len(result.corruptions) == 8
    assert all(len(corruption.trials) == 4 for corruption in result.corruptions)
    for name in ("rotation", "translation", "Gaussian noise", "grey background"):
        (corruption,) = (corruption for corruption in result.corruptions if corruption.name == name)
        accuracies = [result.clean.accuracy, *(trial.accuracy for trial in corruption.trials)]
        assert accuracies[-1] < accuracies[0] - 0.1
        assert accuracies[-1] == min(accuracies)


def test_examples_are_one_image_corrupted(result: Robustness, test_set: Dataset) -> None:
    original = result.clean.example.astype(int)
    assert (test_set.images == result.clean.example).all((1, 2)).any()
    ink = {c.name: [int(t.example.sum()) for t in c.trials] for c in result.corruptions}
    assert ink["scale"] == sorted(ink["scale"])
    assert ink["stroke width"] == sorted(ink["stroke width"])
    assert ink["low contrast"] == sorted(ink["low contrast"], reverse=True)
    shifted = (
        next(c for c in result.corruptions if c.name == "translation").trials[1].example.astype(int)
    )
    shifts = [(0, -2), (2, 0), (0, 2), (-2, 0)]
    assert min(np.abs(shifted - np.roll(original, by, (0, 1))).sum() for by in shifts) == 0


def test_clean_accuracy_is_that_of_the_predictions(
    result: Robustness, trained_run: RunFolder, test_set: Dataset
) -> None:
    rows = np.linspace(0, len(test_set) - 1, MAX_IMAGES).round().astype(int)
    predictions = Model(trained_run.model_file, 1).predict(test_set.images[rows]).labels
    accuracy = (predictions == test_set.require_labels()[rows]).mean()
    assert result.clean.accuracy == pytest.approx(accuracy)


def test_three_images_are_enough(trained_run: RunFolder, test_set: Dataset) -> None:
    few = test_set.subset(np.arange(3))
    result = robustness(Model(trained_run.model_file, 1), few.images, few.require_labels())
    assert result.n == 3
