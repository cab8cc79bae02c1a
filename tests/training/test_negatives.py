import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset, from_arrays
from tenfold.errors import TenfoldError
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.inference import to_float
from tenfold.training.negatives import make_negatives
from tenfold.training.trainer import Trainer

NETWORK = load_recipe("quick").to_toml()
SETTINGS = [
    "threads=1",
    "val_fraction=0",
    "reject_fraction=0",
    "batch_size=64",
    "negatives.share=0.5",
]


def made(digits: Dataset, count: int, seed: int = 0) -> torch.Tensor:
    pictures = to_float(torch.tensor(digits.images[:200]))
    labels = torch.tensor(digits.require_labels()[:200])
    return make_negatives(pictures, labels, count, torch.Generator().manual_seed(seed))


def test_as_many_are_made_as_asked_for_and_all_differ(digits: Dataset) -> None:
    pictures = made(digits, 70)
    assert pictures.shape == (70, 1, 28, 28)
    assert float(pictures.min()) >= 0
    assert float(pictures.max()) <= 1
    assert len(torch.unique(pictures.flatten(1), dim=0)) == 70


def test_the_same_seed_makes_the_same(digits: Dataset) -> None:
    assert torch.equal(made(digits, 20, seed=5), made(digits, 20, seed=5))
    assert not torch.equal(made(digits, 20, seed=5), made(digits, 20, seed=6))


def test_fewer_are_made_where_no_digit_can_be_spoilt(digits: Dataset) -> None:
    ones = digits.subset(np.flatnonzero(digits.require_labels() == 1)[:20])
    assert 0 < len(made(ones, 70)) < 70


def test_training_on_them_makes_a_network_unsure_of_them(digits: Dataset) -> None:
    recipe = resolve(load_recipe("reader", [*SETTINGS, "epochs=2", NETWORK]))
    trainer = Trainer(recipe, digits)
    trainer.run()
    trainer.network.eval()
    with torch.no_grad():
        of_digits = trainer.network(to_float(torch.tensor(digits.images[:200]))).softmax(1)
        of_negatives = trainer.network(made(digits, 200, seed=9)).softmax(1)
    assert float(of_digits.amax(1).median()) > 0.8
    assert float(of_negatives.amax(1).median()) < 0.5


def test_only_digits_can_be_told_from_what_is_none(digits: Dataset) -> None:
    letters = from_arrays(digits.images[:50], np.array(["a", "b"] * 25))
    with pytest.raises(TenfoldError, match=r"negatives\.share=0"):
        Trainer(resolve(load_recipe("reader", SETTINGS)), letters)
    with pytest.raises(TenfoldError, match=r"how else they are written.*habits=0"):
        Trainer(resolve(load_recipe("reader", [*SETTINGS, "negatives.share=0"])), letters)
