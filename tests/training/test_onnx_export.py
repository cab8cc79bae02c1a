from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, Parity
from tenfold.run.recipe import change, load_recipe
from tenfold.training import onnx_export as exporting
from tenfold.training.backend import resolve
from tenfold.training.onnx_export import TTA_THRESHOLD, export, predict_networks
from tenfold.training.trainer import Trainer

LAYERS = (
    'network=[{layer="crop",size=26},{layer="conv",filters=6,kernel_size=3,stride=2,padding="valid"},'
    '{layer="relu"},{layer="batch_norm"},{layer="conv",filters=8,kernel_size=3,bias=false},'
    '{layer="batch_norm"},{layer="gelu"},{layer="max_pool"},{layer="dropout",rate=0.2},'
    '{layer="flatten"},{layer="dense",units=16},{layer="relu"},{layer="output",scale=2.0}]'
)


@pytest.fixture
def trainer(digits: Dataset) -> Trainer:
    recipe = resolve(load_recipe("quick", [LAYERS, "epochs=4", "batch_size=64"]))
    trainer = Trainer(recipe, digits)
    trainer.run()
    return trainer


def exported(trainer: Trainer, path: Path, questions: Dataset) -> Parity:
    classes, hashes = trainer.train.classes, trainer.train.hashes
    about = classes, "", hashes, path, questions.images
    return export([trainer.network], trainer.recipe, *about)[0]


def test_every_layer_answers_as_in_training(
    trainer: Trainer, questions: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    parity = exported(trainer, file, questions)
    assert (parity.n, parity.same_labels) == (500, 500)
    assert parity.largest_difference < 1e-4


def test_unsure_pictures_alone_are_looked_at_again(trainer: Trainer, questions: Dataset) -> None:
    one_view = resolve(load_recipe("quick", [LAYERS, "test_time_shift=0"]))
    plain = predict_networks([trainer.network], one_view, questions.images)
    again = predict_networks([trainer.network], trainer.recipe, questions.images)
    changed = np.abs(plain - again).max(axis=1) > 0
    assert np.array_equal(changed, plain.max(axis=1) < TTA_THRESHOLD)
    assert 0 < changed.sum() < 500


def test_a_file_that_answers_otherwise_is_not_kept(
    trainer: Trainer, questions: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(norm: torch.nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
        ones = torch.ones(norm.num_features).double()
        return ones, ones

    monkeypatch.setattr(exporting, "fold", wrong)
    file = tmp_path / "model.onnx"
    with pytest.raises(TenfoldError, match="answers otherwise than the network"):
        exported(trainer, file, questions)
    assert not file.exists()


def test_the_file_holds_no_answer_of_its_own(
    trainer: Trainer, questions: Dataset, tmp_path: Path
) -> None:
    """Other weights, other answers."""
    answers = []
    for name in ("a", "b"):
        exported(trainer, tmp_path / name, questions)
        answers.append(Model(tmp_path / name).predict(questions.images).probabilities)
        with torch.no_grad():
            for weight in trainer.network.parameters():
                weight.mul_(0.5)
    assert not np.allclose(answers[0], answers[1], atol=1e-2)


def test_several_networks_become_one_file_that_answers_with_their_mean(
    trainer: Trainer, questions: Dataset, digits: Dataset, tmp_path: Path
) -> None:
    other = Trainer(change(trainer.recipe, seed=1), digits)
    other.run()
    networks, file = [trainer.network, other.network], tmp_path / "model.onnx"
    parity, answers = export(
        networks, trainer.recipe, digits.classes, "", digits.hashes, file, questions.images
    )
    assert (parity.n, parity.same_labels) == (500, 500)
    one_view = change(trainer.recipe, test_time_shift=0)
    each = [predict_networks([network], one_view, questions.images) for network in networks]
    mean, ours = np.mean(each, axis=0), Model(file).predict(questions.images).probabilities
    np.testing.assert_allclose(ours, answers.probabilities, atol=1e-6)
    sure = mean.max(axis=1) > TTA_THRESHOLD + 1e-3
    np.testing.assert_allclose(ours[sure], mean[sure], atol=1e-4)
    assert np.abs(ours - mean).max(axis=1)[~sure].max() > 1e-3  # looked at again, by both
