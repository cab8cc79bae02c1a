"""A cascade: its first stage answers the images that it is sure of, the whole network the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, Predictions
from tenfold.model.internals import feature_maps, first_filters, whole_network
from tenfold.model.metadata import Confidence
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import state
from tenfold.training.backend import resolve
from tenfold.training.cascade import fit_cascade, margins
from tenfold.training.first_stage import EVERY
from tenfold.training.fit import Fitted, fit
from tenfold.training.inference import predict_logits, predict_probabilities
from tenfold.training.network import Network, summarise
from tenfold.training.onnx_export import export_onnx
from tenfold.training.onnx_restore import restore_networks
from tenfold.training.quantise import quantise
from tenfold.training.trainer import Trainer

BATCH = ["batch_size=50", "epochs=3", "threads=1"]
# 2,000 images know too little of the first stage's errors for what recipes allow it
CASCADE = [*BATCH, "cascade.filters=8", "cascade.max_error=0.05"]


def recipe_of(*settings: str, name: str = "quick") -> Recipe:
    return resolve(load_recipe(name, [*CASCADE, *settings]))


@pytest.fixture(scope="module", name="recipe")
def cascade_recipe() -> Recipe:
    return recipe_of()


@pytest.fixture(scope="module")
def fitted(recipe: Recipe, train_set: Dataset) -> Fitted:
    return fit(recipe, train_set)


@pytest.fixture(scope="module")
def first_stage(fitted: Fitted) -> Network:
    assert fitted.first_stage is not None
    return fitted.first_stage


def export(fitted: Fitted, recipe: Recipe, train_set: Dataset, images: Images) -> Model:
    exported = export_onnx(
        fitted.networks, recipe, train_set, None, images, first_stage=fitted.first_stage
    )
    assert exported.parity.same_labels == exported.parity.n
    return Model(exported.content, 1)


@pytest.fixture(scope="module")
def model(fitted: Fitted, recipe: Recipe, train_set: Dataset, test_set: Dataset) -> Model:
    return export(fitted, recipe, train_set, test_set.images)


@pytest.fixture(scope="module")
def sure(model: Model, first_stage: Network, test_set: Dataset) -> NDArray[np.bool_]:
    """Which of the test images the first stage answers."""
    assert model.cascade is not None
    return margins(logits_of(first_stage, test_set.images)) >= model.cascade.threshold


def logits_of(network: Network, images: Images) -> NDArray[np.float32]:
    return predict_logits(network, images, torch.device("cpu"))


def answers(
    model: Model, first_stage: Network, test_set: Dataset
) -> tuple[Predictions, Predictions, NDArray[np.float32]]:
    """Give the cascade's predictions, the whole network's, and the first stage's probabilities."""
    assert model.cascade is not None
    logits = torch.from_numpy(logits_of(first_stage, test_set.images))
    small = torch.softmax(logits / model.cascade.temperature, dim=1).numpy()
    return model.predict(test_set.images), whole_network(model).predict(test_set.images), small


def test_the_whole_network_learns_as_without_a_cascade_to_the_bit(
    fitted: Fitted, train_set: Dataset
) -> None:
    alone = fit(resolve(load_recipe("quick", BATCH)), train_set)
    assert alone.first_stage is None
    ours, theirs = (one.networks[0].state_dict() for one in (alone, fitted))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert [one.loss for one in alone.history] == [one.loss for one in fitted.history]


def test_the_first_stage_answers_what_it_is_sure_of_and_the_whole_network_the_rest(
    model: Model, first_stage: Network, test_set: Dataset, sure: NDArray[np.bool_]
) -> None:
    assert 100 < sure.sum() < 400
    cascade, whole, small = answers(model, first_stage, test_set)
    np.testing.assert_allclose(cascade.probabilities[sure], small[sure], atol=1e-5)
    np.testing.assert_allclose(cascade.probabilities[~sure], whole.probabilities[~sure], atol=1e-6)
    assert np.abs(small - whole.probabilities).max(axis=1)[sure].min() > 1e-5  # which tells them
    assert cascade.accepted[sure].all()
    assert np.array_equal(cascade.accepted[~sure], whole.accepted[~sure])
    one_by_one = np.concatenate(
        [model.predict(image[None]).probabilities for image in test_set.images[:40]]
    )
    np.testing.assert_allclose(one_by_one, cascade.probabilities[:40], atol=1e-5)


def test_the_whole_network_is_what_it_is_in_a_file_without_a_cascade(
    model: Model, fitted: Fitted, recipe: Recipe, test_set: Dataset
) -> None:
    expected = predict_probabilities(fitted.networks, test_set.images, recipe.test_time_shift)
    received = whole_network(model).predict(test_set.images).probabilities
    np.testing.assert_allclose(received, expected, atol=1e-4)
    (restored,) = restore_networks(model, test_set.images[:100])  # which `adapt` begins with
    again = predict_probabilities([restored], test_set.images, recipe.test_time_shift)
    np.testing.assert_allclose(again, expected, atol=1e-4)


def test_the_threshold_keeps_errors_to_what_the_recipe_allows(
    model: Model, fitted: Fitted, first_stage: Network, recipe: Recipe, train_set: Dataset
) -> None:
    record = model.cascade
    assert record is not None
    labels, margin = train_set.require_labels(), margins(logits_of(first_stage, train_set.images))
    whole = predict_probabilities(fitted.networks, train_set.images, recipe.test_time_shift)
    wrong = logits_of(first_stage, train_set.images).argmax(axis=1) != labels
    errors = wrong & (whole.argmax(axis=1) == labels)
    assert errors.sum() > 50
    assert record.errors == (errors & (margin >= record.threshold)).sum()
    assert record.errors <= recipe.cascade.max_error * len(train_set)
    assert record.share == pytest.approx((margin >= record.threshold).mean(), abs=1e-4)
    accepts_all = Confidence(threshold=0)
    stricter, looser = (
        fit_cascade(first_stage, fitted.networks, changed, accepts_all, train_set)
        for changed in (recipe_of(f"cascade.max_error={share}") for share in (0.001, 0.1))
    )
    assert stricter.threshold > looser.threshold
    assert stricter.share < looser.share
    assert stricter.errors <= 0.001 * len(train_set)


def test_nothing_that_the_whole_network_rejects_is_answered(
    model: Model, fitted: Fitted, first_stage: Network, recipe: Recipe, train_set: Dataset
) -> None:
    whole = predict_probabilities(fitted.networks, train_set.images, recipe.test_time_shift)
    confidence = whole.max(axis=1)
    strict = Confidence(1.0, float(np.quantile(confidence, 0.6)))
    record = fit_cascade(first_stage, fitted.networks, recipe, strict, train_set)
    answered = margins(logits_of(first_stage, train_set.images)) >= record.threshold
    assert not (answered & (confidence < strict.threshold)).any()
    assert model.cascade is not None
    assert record.threshold > model.cascade.threshold


def test_what_too_few_errors_tell_of_is_never_sure(
    fitted: Fitted, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    few = train_set.subset(np.arange(12))
    model = export(fitted, recipe, few, test_set.images)
    assert model.cascade is not None
    assert (model.cascade.share, model.cascade.images) == (0, 12)
    received, expected = (one.predict(test_set.images) for one in (model, whole_network(model)))
    assert np.array_equal(received.probabilities, expected.probabilities)


def test_what_is_drawn_of_the_network_is_the_whole_ones(
    model: Model, fitted: Fitted, test_set: Dataset, sure: NDArray[np.bool_]
) -> None:
    filters = first_filters(model)
    assert filters is not None
    whitening: Any = fitted.networks[0][1]
    np.testing.assert_allclose(filters, whitening.weight[:, 0].numpy(), atol=1e-6)
    image = test_set.images[int(np.flatnonzero(sure)[0])]
    (name, maps), *_ = feature_maps(model, image)
    assert name == "convolution 1, after ReLU"
    inputs = torch.tensor(image)[None, None] / 255
    expected = torch.nn.Sequential(*list(fitted.networks[0])[:3])(inputs)[0].detach().numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-4)


def test_an_8_bit_file_is_sure_of_the_same_images(
    model: Model, train_set: Dataset, test_set: Dataset, sure: NDArray[np.bool_]
) -> None:
    received = Model(quantise(model.content, train_set.images[:400]), 1).predict(test_set.images)
    expected = model.predict(test_set.images).probabilities
    np.testing.assert_allclose(received.probabilities[sure], expected[sure], atol=1e-6)
    assert np.abs(received.probabilities[~sure] - expected[~sure]).max() > 1e-4


def test_a_resumed_first_stage_is_that_of_one_go_to_the_bit(
    train_set: Dataset, tmp_path: Path
) -> None:
    few, file = train_set.subset(np.arange(350)), tmp_path / "checkpoint.safetensors"
    recipe = recipe_of("epochs=3")  # seven steps an epoch: it learns in every second of all
    assert 7 % EVERY
    whole, first = Trainer(recipe, few), Trainer(recipe, few, checkpoint=file)
    whole.train()
    first.train_epoch()
    second = Trainer(recipe, few, checkpoint=file)
    second.train()
    assert whole.first_stage is not None
    assert second.first_stage is not None
    ours, theirs = whole.first_stage.network.state_dict(), second.first_stage.network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert int(theirs["6.num_batches_tracked"]) == 11
    # how sure is sure is decided after training: such a checkpoint is taken up as well
    Trainer(recipe_of("epochs=3", "cascade.max_error=0.01"), few).restore(file)
    with pytest.raises(TenfoldError, match="recipe differs"):
        Trainer(recipe_of("epochs=3", "cascade.filters=10"), few).restore(file)
    with pytest.raises(TenfoldError, match="recipe differs"):
        Trainer(resolve(load_recipe("quick", [*BATCH, "epochs=3"])), few).restore(file)
    assert state.load(file).progress.step == 21


def test_members_at_once_teach_the_first_stage_by_the_first_of_them(train_set: Dataset) -> None:
    few = train_set.subset(np.arange(350))
    one, three = (fit(recipe_of("epochs=1"), few, members=count) for count in (1, 3))
    assert one.first_stage is not None
    assert three.first_stage is not None
    assert len(three.networks) == 3
    before = Trainer(recipe_of("epochs=1"), few).first_stage
    assert before is not None
    for name, value in before.network.state_dict().items():
        same = torch.equal(three.first_stage.state_dict()[name], value)
        assert same == (name == "1.weight"), name  # the whitening layer alone is not trained


def test_it_learns_from_images_of_no_class_too(train_set: Dataset, test_set: Dataset) -> None:
    settings = ["epochs=1", "batch_size=128", "reject_fraction=0.01", "writing_styles=0"]
    recipe = recipe_of(*settings, name="reader")
    fitted = fit(recipe, train_set.subset(np.arange(512)), test_set)
    exported = export_onnx(
        fitted.networks,
        recipe,
        train_set,
        test_set,
        test_set.images[:50],
        first_stage=fitted.first_stage,
    )
    record = Model(exported.content, 1).cascade
    assert record is not None
    assert record.images == len(train_set)


def test_the_recipe_and_its_summary_say_what_the_first_stage_is(recipe: Recipe) -> None:
    assert load_recipe(recipe).cascade == recipe.cascade
    summary = summarise(recipe)
    assert summary.first_stage is not None
    text = str(summary)
    assert f"{summary.first_stage.multiply_adds:,} multiply-adds" in text
    assert "whiten filters=8" in text
    assert summary.to_dict()["first_stage"]["layers"][0]["layer"] == "crop"
    assert summarise(load_recipe("quick")).first_stage is None
    with pytest.raises(TenfoldError, match=r"cascade\.filters"):
        load_recipe("quick", ["cascade.filters=7"])
