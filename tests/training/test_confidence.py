from pathlib import Path

import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.metadata import Confidence
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.confidence import fit_confidence
from tenfold.training.fit import check_fit, fit
from tenfold.training.inference import predict_probabilities
from tenfold.training.network import Network
from tenfold.training.onnx_export import export_onnx
from tenfold.workflow.runs.train import train


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return resolve(load_recipe("quick", ["epochs=2", "batch_size=64", "reject_fraction=0.1"]))


@pytest.fixture(scope="module")
def networks(recipe: Recipe, train_set: Dataset, test_set: Dataset) -> list[Network]:
    return fit(recipe, train_set, test_set).networks


def test_the_temperature_has_the_least_loss(
    networks: list[Network], recipe: Recipe, test_set: Dataset
) -> None:
    def loss(temperature: float) -> float:
        probabilities = predict_probabilities(
            networks, test_set.images, recipe.test_time_shift, temperature
        )
        return float(-np.log(probabilities[np.arange(500), test_set.require_labels()]).mean())

    found = fit_confidence(networks, recipe, test_set).temperature
    assert found != 1
    assert loss(found) < loss(1.0)
    assert loss(found) <= min(loss(found + by) for by in (-0.1, 0.1))


def test_the_threshold_rejects_the_fraction_that_the_recipe_has(
    networks: list[Network], recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    exported = export_onnx(networks, recipe, train_set, test_set, test_set.images)
    model = Model(exported.content)
    predictions = model.predict(test_set.images)
    assert 0.09 <= float((~predictions.accepted).mean()) <= 0.11
    assert model.confidence == fit_confidence(networks, recipe, test_set)
    expected = predict_probabilities(
        networks, test_set.images, recipe.test_time_shift, model.confidence.temperature
    )
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-4)


def test_nothing_is_fitted_where_the_recipe_rejects_nothing(
    networks: list[Network], recipe: Recipe
) -> None:
    recipe = change(recipe, reject_fraction=0.0)
    assert fit_confidence(networks, recipe, None) == Confidence(1.0, 0.5)


def test_rejecting_needs_a_validation_set(train_set: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="reject_fraction=0"):
        check_fit(resolve(load_recipe("quick", ["reject_fraction=0.01"])), train_set)
    with pytest.raises(TenfoldError, match=r"--folds .*reject_fraction=0"):
        train(
            train_set,
            folds=2,
            settings=["reject_fraction=0.01"],
            out=tmp_path / "run",
            progress=False,
        )
    assert not (tmp_path / "run").exists()
