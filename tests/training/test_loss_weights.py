"""What an image counts for in the loss: its own weight times that of its class."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from tenfold.data.dataset import Dataset, concatenate
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.callbacks import ProgressEvent
from tenfold.training.fit import Fitted, fit
from tenfold.training.loss_weights import loss_weights
from tenfold.training.trainer import Trainer


def small(*settings: str) -> Recipe:
    return resolve(load_recipe("quick", ["epochs=1", "batch_size=64", *settings]))


def weighted(dataset: Dataset, weights: object) -> Dataset:
    return replace(dataset, weights=np.asarray(weights, np.float64))


def bits(fitted: Fitted) -> bytes:
    values = fitted.networks[0].state_dict().values()
    return b"".join(value.numpy().tobytes() for value in values)


def drawn(dataset: Dataset) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(0).uniform(0, 3, len(dataset))


def test_balanced_is_scikit_learns_with_and_without_weights_of_images(small_set: Dataset) -> None:
    labels = small_set.require_labels()
    for given in (None, drawn(small_set)):
        ours = loss_weights(small("class_weight=balanced"), replace(small_set, weights=given))
        theirs = compute_class_weight(
            "balanced", classes=np.arange(10), y=labels, sample_weight=given
        )
        expected = theirs[labels] * (1 if given is None else given)
        assert ours is not None
        np.testing.assert_allclose(ours, expected / expected.mean(), rtol=1e-6)


def test_a_class_without_a_name_in_the_table_weighs_one(small_set: Dataset) -> None:
    ours = loss_weights(small("class_weight.4=3", "class_weight.7=0"), small_set)
    expected = np.array([1, 1, 1, 1, 3, 1, 1, 0, 1, 1.0])[small_set.require_labels()]
    assert ours is not None
    np.testing.assert_allclose(ours, expected / expected.mean(), rtol=1e-6)


def test_equal_weights_of_any_scale_are_none(small_set: Dataset) -> None:
    assert loss_weights(small(), small_set) is None
    for scale in (1, 0.1, 250):
        assert loss_weights(small(), weighted(small_set, np.full(640, scale))) is None


def test_the_loss_is_the_mean_of_weight_times_cross_entropy(small_set: Dataset) -> None:
    given = drawn(small_set)
    trainer = Trainer(small("precision=float32"), weighted(small_set, given))
    indices = torch.arange(100, 164)
    trainer.step.batch_indices.copy_(indices)
    labels = trainer.step.labels[indices]
    loss, logits = trainer.step.forward_loss(trainer.step.augmented_batch(labels), labels)
    each = functional.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    expected = (each.detach().numpy() * given[100:164] / given.mean()).mean()
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_weight_of_a_class_and_of_its_images_train_the_same_network(
    small_set: Dataset,
) -> None:
    by_image = np.where(small_set.require_labels() == 4, 5.0, 1.0)
    one = fit(small(), weighted(small_set, by_image))
    other = fit(small("class_weight.4=5"), small_set)
    plain = fit(small(), small_set)
    assert bits(one) == bits(other) != bits(plain)
    assert one.history[0].loss == other.history[0].loss


def test_a_rare_class_is_found_more_often_where_classes_are_balanced(
    train_set: Dataset, test_set: Dataset
) -> None:
    labels = train_set.require_labels()
    rare = np.flatnonzero(labels == 4)[10:]  # ten of them are left
    uneven = train_set.subset(np.delete(np.arange(len(train_set)), rare))
    fours = torch.from_numpy(test_set.images[test_set.require_labels() == 4]).float() / 255
    recall = {}
    for settings in ((), ("class_weight=balanced",)):
        (network,) = fit(small(*settings, "epochs=2"), uneven).networks
        with torch.no_grad():
            recall[settings] = float((network.eval()(fours[:, None]).argmax(1) == 4).float().mean())
    assert recall["class_weight=balanced",] > recall[()] + 0.1


def test_a_resumed_training_with_weights_gives_the_same_bits(
    small_set: Dataset, tmp_path: Path
) -> None:
    class Interrupt:
        def on_epoch_end(self, event: ProgressEvent) -> None:
            raise KeyboardInterrupt

    recipe, images = small("epochs=2", "class_weight=balanced"), weighted(small_set, [0, 1] * 320)
    checkpoint = tmp_path / "checkpoint.safetensors"
    assert fit(recipe, images, callbacks=[Interrupt()], checkpoint=checkpoint).interrupted
    with pytest.raises(TenfoldError, match="training set differs"):
        fit(recipe, weighted(small_set, [1, 0] * 320), checkpoint=checkpoint)
    with pytest.raises(TenfoldError, match="recipe differs"):
        fit(small("epochs=2"), images, checkpoint=checkpoint)
    resumed = fit(recipe, images, checkpoint=checkpoint)
    assert bits(resumed) == bits(fit(recipe, images))


def test_members_that_train_at_once_have_weights_too(small_set: Dataset) -> None:
    recipe, images = small("class_weight.4=0"), weighted(small_set, drawn(small_set))
    together = fit(recipe, images, members=2)
    alone = [fit(small("class_weight.4=0", f"seed={seed}"), images) for seed in (0, 1)]
    mean = np.mean([one.history[0].loss for one in alone])
    assert together.history[0].loss == pytest.approx(mean, rel=0.05)


def test_weights_travel_with_their_images(small_set: Dataset) -> None:
    images = weighted(small_set, np.arange(640))
    picked = images.subset(np.array([5, 3]))
    assert picked.weights is not None
    assert picked.weights.tolist() == [5, 3]
    joined = concatenate([picked, small_set.subset(np.array([0]))], "both")
    assert joined.weights is not None
    assert joined.weights.tolist() == [5, 3, 1]
    assert images.fingerprint != small_set.fingerprint


def test_weights_that_are_none_are_refused(small_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"weights must be \[640\], finite .* Received: \[639\]"):
        weighted(small_set, np.ones(639))
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(TenfoldError, match="weights must be"):
            weighted(small_set, [wrong] + [1] * 639)
    with pytest.raises(TenfoldError, match="finite, and one above 0"):
        loss_weights(small(), weighted(small_set, np.zeros(640)))
    with pytest.raises(
        TenfoldError, match=r"class_weight names 'four', which is no class of .*0, 1"
    ):
        fit(small("class_weight.four=2"), small_set)
