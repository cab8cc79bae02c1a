from dataclasses import replace

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.errors import TenfoldError
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import check_fit, fit
from tenfold.training.inference import to_float
from tenfold.training.negatives import make_negatives

NETWORK = load_recipe("quick").to_toml()
SETTINGS = [
    "threads=1",
    "val_fraction=0",
    "reject_fraction=0",
    "batch_size=64",
    "negatives.share=0.5",
]


def negatives(dataset: Dataset, count: int, seed: int = 0) -> torch.Tensor:
    images = to_float(torch.tensor(dataset.images[:200]))
    labels = torch.tensor(dataset.require_labels()[:200])
    return make_negatives(images, labels, count, torch.Generator().manual_seed(seed))


def test_as_many_are_made_as_asked_for_and_all_differ(train_set: Dataset) -> None:
    images = negatives(train_set, 70)
    assert images.shape == (70, 1, 28, 28)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert len(torch.unique(images.flatten(1), dim=0)) == 70


def test_the_same_seed_makes_the_same(train_set: Dataset) -> None:
    assert torch.equal(negatives(train_set, 20, seed=5), negatives(train_set, 20, seed=5))
    assert not torch.equal(negatives(train_set, 20, seed=5), negatives(train_set, 20, seed=6))


def test_fewer_are_made_where_no_digit_can_be_spoilt(train_set: Dataset) -> None:
    ones = train_set.subset(np.flatnonzero(train_set.require_labels() == 1)[:20])
    assert 0 < len(negatives(ones, 70)) < 70


def test_training_on_them_makes_a_network_unsure_of_them(train_set: Dataset) -> None:
    recipe = resolve(load_recipe("reader", [*SETTINGS, "epochs=2", NETWORK]))
    network = fit(recipe, train_set).networks[0].eval()
    with torch.no_grad():
        of_digits = network(to_float(torch.tensor(train_set.images[:200]))).softmax(1)
        of_negatives = network(negatives(train_set, 200, seed=9)).softmax(1)
    assert float(of_digits.amax(1).median()) > 0.8
    assert float(of_negatives.amax(1).median()) < 0.5


def test_a_network_becomes_unsure_of_the_training_sets_own(train_set: Dataset) -> None:
    mirrored_sevens = train_set.images[train_set.require_labels() == 7][:200, :, ::-1]
    few = train_set.subset(np.arange(2_000))
    taught = replace(few, negatives=np.ascontiguousarray(mirrored_sevens))
    settings = ["epochs=2", "negatives.own_fraction=0.9", NETWORK]
    recipe = resolve(load_recipe("reader", [*SETTINGS, *settings]))
    network = fit(recipe, taught).networks[0].eval()
    with torch.no_grad():
        probabilities = network(to_float(torch.tensor(taught.negatives))).softmax(1)
    assert float(probabilities.amax(1).median()) < 0.4


@pytest.mark.parametrize(
    ("settings", "key"), [([], "negatives.share"), (["negatives.share=0"], "writing_styles")]
)
def test_what_is_made_of_digits_alone_is_refused_for_other_classes(
    settings: list[str], key: str, train_set: Dataset
) -> None:
    letters = from_arrays(train_set.images[:50], np.array(["a", "b"] * 25))
    recipe = resolve(load_recipe("reader", [*SETTINGS, *settings]))
    with pytest.raises(TenfoldError, match=rf"{key} is .* Received: 2 classes.*--set {key}=0"):
        check_fit(recipe, letters)
