"""Optimisers of somebody's own take their steps, follow the schedule, and are resumed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.own_parts import Lion
from tests.training.own.recipes import own_recipe

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import state
from tenfold.training.own.optimiser import OwnOptimiser
from tenfold.training.own.trial import try_own_code
from tenfold.training.trainer import Trainer


def with_optimiser(name: str, *more: str, rate: float = 0.003) -> Recipe:
    module = name if ":" in name else f"tests.own_parts:{name}"
    keys = "".join(f",{key}" for key in more)
    table = f'optimiser={{name="module",module="{module}",learning_rate={rate}{keys}}}'
    return own_recipe('{layer="residual",filters=8}', settings=(table,))


def own(trainer: Trainer) -> OwnOptimiser:
    (found,) = trainer.optimisers
    assert isinstance(found, OwnOptimiser)
    return found


def test_it_takes_its_own_steps_at_the_rates_of_the_schedule(small_set: Dataset) -> None:
    recipe = with_optimiser("Lion", "betas=[0.8,0.95]", "weight_decay=0.1")
    trainer = Trainer(recipe, small_set)
    inner = own(trainer).inner
    assert isinstance(inner, Lion)
    assert inner.param_groups[0]["betas"] == [0.8, 0.95]
    first: Any = trainer.networks[0][0]
    weight = first.weight
    before = weight.detach().clone()
    trainer.step.seed(1)
    trainer.train_step(torch.arange(64))
    rate = 0.003 * (1 / 21) / 0.05  # the first of 20 steps, in a warm-up of a twentieth
    assert inner.param_groups[0]["lr"] == pytest.approx(rate)
    expected = before * (1 - rate * 0.1) - rate * weight.grad.sign()
    torch.testing.assert_close(weight.detach(), expected)


def test_groups_keep_their_proportion(small_set: Dataset) -> None:
    trainer = Trainer(with_optimiser("two_rates"), small_set)
    own(trainer).set_rate(0.0015)
    rates = [group["lr"] for group in own(trainer).inner.param_groups]
    assert rates == pytest.approx([0.015, 0.0015])


@pytest.mark.parametrize(
    "name", ["Lion", "two_rates", "torch.optim:Adam", "torch.optim:LBFGS", "torch.optim:Rprop"]
)
def test_resumed_it_ends_as_one_never_stopped(
    name: str, small_set: Dataset, tmp_path: Path
) -> None:
    recipe, file = with_optimiser(name), tmp_path / "checkpoint.safetensors"
    if name.endswith("LBFGS"):
        with pytest.raises(TenfoldError, match=r"torch\.optim:LBFGS: cannot be trained: TypeError"):
            try_own_code(recipe, small_set)
        return
    assert try_own_code(recipe, small_set) == (recipe, ())
    whole, first = Trainer(recipe, small_set), Trainer(recipe, small_set, checkpoint=file)
    whole.train()
    first.train_epoch()
    second = Trainer(recipe, small_set, checkpoint=file)
    second.train()
    assert second.progress.step == whole.progress.step == 20
    ours, theirs = whole.network.state_dict(), second.network.state_dict()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


def test_what_is_kept_lies_in_memory_as_its_weight(small_set: Dataset, tmp_path: Path) -> None:
    recipe, file = with_optimiser("Lion"), tmp_path / "checkpoint.safetensors"
    first = Trainer(recipe, small_set, checkpoint=file)
    first.train_epoch()
    second = Trainer(recipe, small_set)
    second.restore(file)
    inner = own(second).inner
    for weight, kept in inner.state.items():
        assert kept["mean"].stride() == weight.stride()
        assert kept["mean"].abs().sum() > 0


def test_what_no_checkpoint_sees_is_said(small_set: Dataset) -> None:
    _, notes = try_own_code(with_optimiser("Forgetful"), small_set)
    assert len(notes) == 1
    assert "tests.own_parts:Forgetful: a run that is stopped and resumed will end with" in notes[0]


def test_a_checkpoint_of_another_optimiser_is_refused(small_set: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.safetensors"
    trainer = Trainer(with_optimiser("Lion"), small_set)
    trainer.save(file)
    trainer.progress.recipe = state.load(file).progress.recipe
    checkpoint = state.load(file)
    checkpoint.progress.optimisers[0] = {"dict": [["state", {"tensor": "gone"}]]}
    with pytest.raises(TenfoldError, match=r"does not fit its recipe: no optimiser\.0\.gone"):
        checkpoint.restore_optimisers(trainer.optimisers)
    checkpoint.progress.optimisers.clear()
    with pytest.raises(TenfoldError, match="does not fit its recipe"):
        checkpoint.restore_optimisers(trainer.optimisers)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("Lion", ["speed=3"], "tests.own_parts:Lion: TypeError: .*unexpected keyword .*speed"),
        ("torch.nn:SiLU", [], "torch.nn:SiLU: TypeError: "),
        ("wrong_things", ['what="list"'], "wrong_things: TypeError: "),
        ("Absent", [], "has no 'Absent'"),
        ("torch.optim:SGD", ["momentum=-1"], "torch.optim:SGD: ValueError: Invalid momentum value"),
    ],
)
def test_one_that_cannot_be_made_is_one_line(
    name: str, more: list[str], message: str, small_set: Dataset
) -> None:
    with pytest.raises(TenfoldError, match=message) as caught:
        try_own_code(with_optimiser(name, *more), small_set)
    assert "\n" not in str(caught.value)


def test_a_learning_rate_is_required() -> None:
    with pytest.raises(TenfoldError, match=r"'optimiser\.learning_rate' is missing"):
        load_recipe("quick", ['optimiser={name="module",module="a:b"}'])
