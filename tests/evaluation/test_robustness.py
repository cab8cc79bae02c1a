"""Worse pictures: what they look like, and that the model's answers to them are counted."""

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.evaluation.robustness import MOST_PICTURES, Robustness, robustness
from tenfold.model.file import Model
from tenfold.run.folder import RunFolder


@pytest.fixture(scope="module")
def found(trained: RunFolder, questions: Dataset) -> Robustness:
    return robustness(Model(trained.model_file, 1), questions.images, questions.require_labels())


def test_every_change_has_four_strengths_and_hurts_more_the_stronger_it_is(
    found: Robustness,
) -> None:
    assert found.n == MOST_PICTURES
    assert len(found.changes) == 8
    assert all(len(change.trials) == 4 for change in found.changes)
    for name in ("turned", "moved", "noise", "grey paper"):
        (change,) = (change for change in found.changes if change.name == name)
        accuracies = [found.unchanged.accuracy, *(trial.accuracy for trial in change.trials)]
        assert accuracies[-1] < accuracies[0] - 0.1
        assert accuracies[-1] == min(accuracies)


def test_examples_are_one_picture_changed(found: Robustness, questions: Dataset) -> None:
    as_is = found.unchanged.example.astype(int)
    assert (questions.images == found.unchanged.example).all((1, 2)).any()
    ink = {c.name: [int(t.example.sum()) for t in c.trials] for c in found.changes}
    assert ink["another size"] == sorted(ink["another size"])
    assert ink["another pen"] == sorted(ink["another pen"])
    assert ink["faint ink"] == sorted(ink["faint ink"], reverse=True)
    moved = next(c for c in found.changes if c.name == "moved").trials[1].example.astype(int)
    shifts = [(0, -2), (2, 0), (0, 2), (-2, 0)]
    assert min(np.abs(moved - np.roll(as_is, by, (0, 1))).sum() for by in shifts) == 0


def test_as_they_are_the_score_is_that_of_the_answers(
    found: Robustness, trained: RunFolder, questions: Dataset
) -> None:
    rows = np.linspace(0, len(questions) - 1, MOST_PICTURES).round().astype(int)
    answers = Model(trained.model_file, 1).predict(questions.images[rows]).labels
    right = (answers == questions.require_labels()[rows]).mean()
    assert found.unchanged.accuracy == pytest.approx(right)


def test_a_handful_of_pictures_will_do(trained: RunFolder, questions: Dataset) -> None:
    few = questions.subset(np.arange(3))
    found = robustness(Model(trained.model_file, 1), few.images, few.require_labels())
    assert found.n == 3
