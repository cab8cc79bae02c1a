"""The last layer of a network learns on; everything else of it stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import Recipe, change
from tenfold.training.adaptation import Adapter
from tenfold.training.inference import predict_probabilities
from tenfold.training.network import Network

NOTHING = Dataset(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))


@pytest.fixture(scope="module")
def mirrored(train_set: Dataset) -> Dataset:
    """300 digits of somebody who writes them mirrored."""
    some = train_set.subset(np.arange(300))
    return replace(some, images=np.ascontiguousarray(some.images[:, :, ::-1]), source="mirrored")


def _correct(network: Network, digits: Dataset) -> float:
    probabilities = predict_probabilities([network], digits.images)
    return float((probabilities.argmax(axis=1) == digits.require_labels()).mean())


def _last_weights(network: Network) -> torch.Tensor:
    weights = network[-1].weight
    assert isinstance(weights, torch.Tensor)
    return weights.detach()


def test_it_learns_the_rows_it_is_given_and_keeps_the_rest(
    network: Network, recipe: Recipe, train_set: Dataset, mirrored: Dataset
) -> None:
    adapter = Adapter(network, recipe, mirrored, train_set, NOTHING)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rows = np.arange(0, 300, 2)
    adapted, held_back = adapter.adapt(rows), mirrored.subset(np.arange(1, 300, 2))
    assert _correct(adapted, held_back) > _correct(network, held_back) + 0.05
    last = f"{len(network) - 1}."
    for name, value in adapted.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith(last), name
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_same_rows_give_the_same_network(
    network: Network, recipe: Recipe, train_set: Dataset, mirrored: Dataset
) -> None:
    adapter = Adapter(network, recipe, mirrored, train_set, NOTHING)
    rows = np.arange(20)
    first, _, again = adapter.adapt(rows), adapter.adapt(np.arange(50, 90)), adapter.adapt(rows)
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_way_is_as_long_as_the_guard_allows(
    network: Network, recipe: Recipe, train_set: Dataset, mirrored: Dataset
) -> None:
    # every digit is labelled as the next one: what is learned is wrong for the guard
    labels = train_set.require_labels()[:300]
    swapped = replace(train_set.subset(np.arange(300)), labels=(labels + 1) % 10)
    guard, rows = train_set.subset(np.arange(1000, 1500)), np.arange(300)
    free = Adapter(network, recipe, swapped, train_set, NOTHING).adapt(rows)
    guarded = Adapter(network, recipe, swapped, train_set, guard).adapt(rows)
    assert _correct(free, guard) < _correct(network, guard) - 0.02
    old, end, short = (_last_weights(one) for one in (network, free, guarded))
    assert torch.allclose(short, torch.lerp(old, end, 0.25), atol=1e-5)
    assert _correct(guarded, guard) > _correct(free, guard)


def test_new_non_digits_are_learned_as_such(
    network: Network, recipe: Recipe, train_set: Dataset, mirrored: Dataset
) -> None:
    sure = train_set.subset(np.arange(1000, 1040))  # taken for digits, as they are
    own = replace(mirrored, negatives=np.ascontiguousarray(sure.images[:, ::-1, ::-1]))
    adapted = Adapter(network, recipe, own, train_set, NOTHING).adapt(np.arange(300))
    assert own.negatives is not None
    before, after = (
        predict_probabilities([one], own.negatives).max(axis=1).mean() for one in (network, adapted)
    )
    assert after < before - 0.03


def test_what_the_recipe_rejects_stays_rejected(
    network: Network, recipe: Recipe, train_set: Dataset, mirrored: Dataset
) -> None:
    rejecting = change(recipe, negatives={"share": 0.3})
    noise = np.random.default_rng(0).integers(0, 256, (200, 28, 28)).astype(np.uint8)
    replayed = replace(train_set, negatives=noise)
    without, with_them = (
        Adapter(network, one, mirrored, replay, NOTHING).adapt(np.arange(300))
        for one, replay in ((recipe, train_set), (rejecting, replayed))
    )
    sure = [predict_probabilities([one], noise).max(axis=1).mean() for one in (without, with_them)]
    assert sure[1] < sure[0] - 0.03
