from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Confidence, Model
from tenfold.run.recipe import change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.confidence import fit_confidence
from tenfold.training.onnx_export import export, predict_networks
from tenfold.training.trainer import Trainer
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def trainer(digits: Dataset, questions: Dataset) -> Trainer:
    recipe = resolve(load_recipe("quick", ["epochs=2", "batch_size=64", "reject_fraction=0.1"]))
    trainer = Trainer(recipe, digits, questions)
    trainer.run()
    return trainer


def loss(trainer: Trainer, held_back: Dataset, temperature: float) -> float:
    answers = predict_networks([trainer.network], trainer.recipe, held_back.images, temperature)
    return float(-np.log(answers[np.arange(len(held_back)), held_back.require_labels()]).mean())


def test_the_temperature_has_the_least_loss(trainer: Trainer, questions: Dataset) -> None:
    found = fit_confidence([trainer.network], trainer.recipe, questions).temperature
    assert found != 1
    least = loss(trainer, questions, found)
    assert least < loss(trainer, questions, 1.0)
    assert least <= min(loss(trainer, questions, found + by) for by in (-0.1, 0.1))


def test_the_threshold_refuses_the_share_asked_for(
    trainer: Trainer, questions: Dataset, tmp_path: Path
) -> None:
    confidence = fit_confidence([trainer.network], trainer.recipe, questions)
    file, pictures = tmp_path / "model.onnx", trainer.train
    about = pictures.classes, "", pictures.hashes, file, questions.images
    export([trainer.network], trainer.recipe, *about, confidence)
    model = Model(file)
    answers = model.predict(questions.images)
    assert 0.09 <= float((~answers.accepted).mean()) <= 0.11
    assert model.confidence == confidence
    inside = predict_networks(
        [trainer.network], trainer.recipe, questions.images, confidence.temperature
    )
    np.testing.assert_allclose(answers.probabilities, inside, atol=1e-4)


def test_nothing_is_fitted_where_the_recipe_does_not_ask(trainer: Trainer) -> None:
    recipe = change(trainer.recipe, reject_fraction=0.0)
    assert fit_confidence([trainer.network], recipe, None) == Confidence(1.0, 0.5)


def test_refusing_needs_pictures_that_are_held_back(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="reject_fraction=0"):
        Trainer(resolve(load_recipe("quick", ["reject_fraction=0.01"])), digits)
    with pytest.raises(TenfoldError, match="--folds leaves no pictures"):
        train(
            digits, folds=2, settings=["reject_fraction=0.01"], out=tmp_path / "run", progress=False
        )
    assert not (tmp_path / "run").exists()
