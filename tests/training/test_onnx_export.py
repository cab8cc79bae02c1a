import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run.recipe import Recipe, change
from tenfold.training import onnx_export
from tenfold.training.fit import fit
from tenfold.training.inference import TTA_THRESHOLD, predict_probabilities
from tenfold.training.network import Network
from tenfold.training.onnx_export import ExportedModel, export_onnx


def export(
    networks: list[Network], recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> ExportedModel:
    return export_onnx(networks, recipe, train_set, None, test_set.images)


def test_every_layer_predicts_as_in_training(
    network: Network, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    exported = export([network], recipe, train_set, test_set)
    assert (exported.parity.n, exported.parity.same_labels) == (500, 500)
    assert exported.parity.largest_difference < 1e-4
    expected = predict_probabilities([network], test_set.images, recipe.test_time_shift)
    np.testing.assert_allclose(exported.predictions.probabilities, expected, atol=1e-4)


def test_unsure_images_alone_are_predicted_again(
    network: Network, recipe: Recipe, test_set: Dataset
) -> None:
    one_view = predict_probabilities([network], test_set.images)
    averaged = predict_probabilities([network], test_set.images, recipe.test_time_shift)
    changed = np.abs(one_view - averaged).max(axis=1) > 0
    assert np.array_equal(changed, one_view.max(axis=1) < TTA_THRESHOLD)
    assert 0 < changed.sum() < 500


def test_a_file_that_predicts_otherwise_is_refused(
    network: Network,
    recipe: Recipe,
    train_set: Dataset,
    test_set: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_norm(conv: torch.nn.Conv2d, norm: torch.nn.BatchNorm2d) -> torch.nn.Conv2d:
        return conv

    monkeypatch.setattr(onnx_export, "fold_batch_norm", without_norm)
    with pytest.raises(TenfoldError, match=r"differs from PyTorch by up to .* on 500 images"):
        export([network], recipe, train_set, test_set)


def test_the_file_has_the_weights_of_the_network_that_it_was_made_from(
    network: Network, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    other = fit(change(recipe, steps=1), train_set).networks[0]
    ours, theirs = (
        export([one], recipe, train_set, test_set).predictions for one in (network, other)
    )
    assert not np.allclose(ours.probabilities, theirs.probabilities, atol=1e-2)


def test_several_networks_become_one_file_that_predicts_their_mean(
    network: Network, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    networks = [network, *fit(change(recipe, seed=1), train_set).networks]
    exported = export(networks, recipe, train_set, test_set)
    assert (exported.parity.n, exported.parity.same_labels) == (500, 500)
    each = [predict_probabilities([one], test_set.images) for one in networks]
    mean = np.mean(each, axis=0)
    ours = Model(exported.content).predict(test_set.images).probabilities
    np.testing.assert_allclose(ours, exported.predictions.probabilities, atol=1e-6)
    sure = mean.max(axis=1) > TTA_THRESHOLD + 1e-3
    np.testing.assert_allclose(ours[sure], mean[sure], atol=1e-4)
    assert np.abs(ours - mean).max(axis=1)[~sure].max() > 1e-3  # test-time augmentation, of both


def test_the_file_keeps_what_others_are_compared_with(
    network: Network, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    def exported(val_set: Dataset | None) -> Model:
        return Model(export_onnx([network], recipe, train_set, val_set, test_set.images).content)

    alone, validated = exported(None).drift, exported(test_set)
    assert alone is not None
    assert (alone.confidence, alone.rejected) == (None, None)
    assert dict(alone.size)[20.0] - dict(alone.size)[19.0] > 0.9  # MNIST's digits are 20 pixels
    predictions, drift = validated.predict(test_set.images), validated.drift
    assert drift is not None
    assert drift.ink_share == alone.ink_share
    assert drift.rejected == pytest.approx(1 - predictions.accepted.mean(), abs=0.005)
    below = (predictions.probabilities.max(axis=1) <= 0.9).mean()
    assert dict(drift.confidence or ())[0.9] == pytest.approx(below, abs=0.01)
