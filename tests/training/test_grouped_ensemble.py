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


def networks(recipe: Recipe) -> list[Network]:
    found = []
    for seed in range(MEMBERS):
        torch.manual_seed(seed)
        found.append(build(recipe, 10).double())  # or Adam makes much of rounding errors
    return found


@pytest.mark.parametrize("name", ["quick", "notebook", "reader"])
def test_they_answer_and_learn_as_each_alone(name: str, digits: Dataset) -> None:
    recipe = load_recipe(name)
    without_chance = [layer for layer in recipe.network if type(layer).__name__ != "Dropout"]
    recipe = change(recipe, network=without_chance)
    alone, again = networks(recipe), networks(recipe)
    stacked = GroupedEnsemble(networks(recipe)).double().train()
    optimisers = make_optimisers(stacked, recipe.optimiser, MEMBERS)
    own = [make_optimisers(network, recipe.optimiser) for network in alone]
    images = (
        to_float(torch.tensor(digits.images[: 2 * MEMBERS * BATCH])).double().split(MEMBERS * BATCH)
    )
    labels = torch.tensor(digits.require_labels()[: 2 * MEMBERS * BATCH]).split(MEMBERS * BATCH)
    for pictures, truth in zip(images, labels, strict=True):
        logits = stacked(pictures)
        (functional.cross_entropy(logits, truth) * MEMBERS).backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        parts = zip(alone, own, pictures.split(BATCH), truth.split(BATCH), strict=True)
        for number, (network, theirs, mine, known) in enumerate(parts):
            answer = network(mine)
            ours = logits[number * BATCH : (number + 1) * BATCH]
            assert torch.allclose(ours, answer, atol=1e-6)
            functional.cross_entropy(answer, known).backward()
            for optimiser in theirs:
                optimiser.step()
                optimiser.zero_grad()
    stacked.copy_to(again)
    for one, other in zip(alone, again, strict=True):
        other_state = other.state_dict()
        for name, weights in one.state_dict().items():
            assert torch.allclose(weights, other_state[name], atol=1e-6), name
