"""Several networks trained as one are what each would be alone."""

import pytest
import torch
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.grouped_ensemble import GroupedEnsemble
from tenfold.training.inference import to_float
from tenfold.training.network import Network, build
from tenfold.training.optimisers import make_optimisers

MEMBERS, BATCH = 3, 20


BLOCKS = (
    'network=[{layer="conv",filters=6,kernel_size=5,stride=2},{layer="avg_pool"},'
    '{layer="residual",filters=8,stride=2,squeeze_excite=2,layer_scale=0.5},'
    '{layer="residual",filters=8},{layer="squeeze_excite"},{layer="global_avg_pool"},'
    '{layer="dense",units=9},{layer="output"}]'
)
RECIPES: dict[str, list[str]] = {
    "quick": [],
    "notebook": [],
    "reader": [],
    "blocks": [BLOCKS, "optimiser.name=adam"],
}


def networks(recipe: Recipe) -> list[Network]:
    found = []
    for seed in range(MEMBERS):
        torch.manual_seed(seed)
        found.append(build(recipe, 10).double())  # or Adam makes much of rounding errors
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_they_predict_and_learn_as_each_alone(name: str, train_set: Dataset) -> None:
    recipe = load_recipe("quick" if name == "blocks" else name, RECIPES[name])
    without_dropout = [layer for layer in recipe.network if type(layer).__name__ != "Dropout"]
    recipe = change(recipe, network=without_dropout)
    alone, again = networks(recipe), networks(recipe)
    stacked = GroupedEnsemble(networks(recipe)).double().train()
    optimisers = make_optimisers(stacked, recipe.optimiser, MEMBERS)
    own = [make_optimisers(network, recipe.optimiser) for network in alone]
    size = MEMBERS * BATCH
    batches = to_float(torch.tensor(train_set.images[: 2 * size])).double().chunk(2)
    batch_labels = torch.tensor(train_set.require_labels()[: 2 * size]).chunk(2)
    for images, labels in zip(batches, batch_labels, strict=True):
        logits = stacked(images)
        loss = functional.cross_entropy(logits, labels) * MEMBERS
        loss.backward()  # type: ignore[no-untyped-call]  # torch's backward has no types
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        parts = zip(alone, own, images.chunk(MEMBERS), labels.chunk(MEMBERS), strict=True)
        for number, (network, theirs, batch, known) in enumerate(parts):
            expected = network(batch)
            ours = logits[number * BATCH : (number + 1) * BATCH]
            assert torch.allclose(ours, expected, atol=1e-6)
            loss = functional.cross_entropy(expected, known)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's backward has no types
            for optimiser in theirs:
                optimiser.step()
                optimiser.zero_grad()
    stacked.copy_to(again)
    for one, other in zip(alone, again, strict=True):
        other_state = other.state_dict()
        for name, weights in one.state_dict().items():
            assert torch.allclose(weights, other_state[name], atol=1e-6), name
