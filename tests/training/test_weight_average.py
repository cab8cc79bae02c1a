"""The moving average of the weights is what is validated, exported, kept and resumed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import state
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.inference import predict_logits
from tenfold.training.trainer import Trainer
from tenfold.training.weight_average import WeightAverage

DECAY = 0.9


def averaged(*settings: str) -> Recipe:
    base = ["epochs=2", "batch_size=64", f"ema_decay={DECAY}", "threads=1"]
    return resolve(load_recipe("quick", [*base, *settings]))


def test_each_step_moves_the_average_by_one_less_the_decay() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    average = WeightAverage(network, DECAY)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step in range(200):
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(torch.randn_like(weight))
        network(torch.randn(8, 3))
        average.prepare(step)
        average.update()
        decay = min(DECAY, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            moved = decay * expected[name] + (1 - decay) * value
            expected[name] = moved if value.is_floating_point() else value.clone()
    for name, value in average.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_training_is_the_same_with_an_average_which_alone_is_returned(small_set: Dataset) -> None:
    trainer, plain = Trainer(averaged(), small_set), Trainer(averaged("ema_decay=0"), small_set)
    for one in (trainer, plain):
        one.train()
    for ours, theirs in zip(trainer.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert trainer.average is not None
    assert trainer.trained_networks() == [trainer.average.network]
    found = fit(averaged(), small_set).networks[0].state_dict()
    for name, value in trainer.average.network.state_dict().items():
        assert torch.equal(found[name], value)


def test_validation_is_of_the_average(train_set: Dataset) -> None:
    sets = train_set.subset(np.arange(640)), train_set.subset(np.arange(640, 1000))
    fitted = fit(averaged(), *sets)
    logits = predict_logits(fitted.networks[0], sets[1].images, torch.device("cpu"))
    accuracy = (logits.argmax(1) == sets[1].require_labels()).mean()
    assert fitted.history[-1].val_accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize("members", [1, 2])
def test_resumed_it_is_the_same_to_the_bit(
    members: int, small_set: Dataset, tmp_path: Path
) -> None:
    whole = Trainer(averaged(), small_set, members=members)
    whole.train()
    file = tmp_path / "checkpoint.safetensors"
    first = Trainer(averaged(), small_set, checkpoint=file, members=members)
    first.train_epoch()
    second = Trainer(averaged(), small_set, checkpoint=file, members=members)
    second.train()
    for one, other in zip(whole.trained_networks(), second.trained_networks(), strict=True):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


def test_a_checkpoint_gives_the_average_where_there_is_one(
    small_set: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.safetensors"
    trainer = Trainer(averaged(), small_set, checkpoint=file)
    trainer.train()
    (averaged_network,) = trainer.trained_networks()
    other = Trainer(averaged("seed=9"), small_set)
    state.load(file).restore_result(other.network)
    for name, value in averaged_network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])
        if name.endswith("weight") and value.requires_grad:
            assert not torch.equal(value, trainer.network.state_dict()[name])
