from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.trainer import ProgressEvent, Trainer, steps_within


def small(*settings: str) -> Recipe:
    return resolve(load_recipe("quick", ["epochs=1", "batch_size=64", *settings]))


def weights(trainer: Trainer) -> bytes:
    return b"".join(value.numpy().tobytes() for value in trainer.network.state_dict().values())


def test_the_same_seed_gives_the_same_weights_to_the_bit(digits: Dataset) -> None:
    some = digits.subset(np.arange(640))
    trainers = [Trainer(small("seed=5"), some) for _ in range(2)]
    for trainer in trainers:
        trainer.run()
    assert weights(trainers[0]) == weights(trainers[1])


def test_another_seed_gives_other_weights(digits: Dataset) -> None:
    some = digits.subset(np.arange(640))
    trainers = [Trainer(small(f"seed={seed}"), some) for seed in (5, 6)]
    for trainer in trainers:
        trainer.run()
    assert weights(trainers[0]) != weights(trainers[1])


def test_training_learns_and_tells_of_each_epoch(digits: Dataset) -> None:
    ticks: list[ProgressEvent] = []
    parts = np.arange(1600), np.arange(1600, 2000)
    trainer = Trainer(small("epochs=2"), digits.subset(parts[0]), digits.subset(parts[1]))
    trainer.run(ticks.append)
    rows = [tick.row for tick in ticks if tick.row]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows == trainer.history
    accuracy = rows[-1]["val_accuracy"]
    assert accuracy is not None
    assert accuracy > 0.8
    assert (ticks[-1].step, ticks[-1].steps) == (50, 50)


def test_bfloat16_and_float32_both_train_and_differ(digits: Dataset) -> None:
    some = digits.subset(np.arange(640))
    trainers = [Trainer(small(f"precision={name}"), some) for name in ("float32", "bfloat16")]
    for trainer in trainers:
        trainer.run()
        assert all(value.isfinite().all() for value in trainer.network.state_dict().values())
    assert weights(trainers[0]) != weights(trainers[1])


def test_a_loss_that_is_no_number_ends_with_what_to_do(digits: Dataset) -> None:
    recipe = small("optimiser.name=sgd", "optimiser.learning_rate=1e30")
    with pytest.raises(TenfoldError, match=r"diverged.*--set optimiser\.learning_rate"):
        Trainer(recipe, digits.subset(np.arange(640))).run()


def test_an_interrupted_run_keeps_the_weights_so_far(digits: Dataset) -> None:
    def interrupt(tick: ProgressEvent) -> None:
        if tick.row:
            raise KeyboardInterrupt

    trainer = Trainer(small("epochs=5"), digits.subset(np.arange(640)))
    trainer.run(interrupt)
    assert trainer.interrupted
    assert (trainer.step, len(trainer.history)) == (10, 1)


def test_an_interrupt_within_the_first_epoch_keeps_its_steps(digits: Dataset) -> None:
    def interrupt(tick: ProgressEvent) -> None:
        raise KeyboardInterrupt

    trainer = Trainer(small("batch_size=16"), digits)
    trainer.run(interrupt)
    assert trainer.interrupted
    assert trainer.step > 0
    assert trainer.seconds > 0


def test_the_plateau_needs_validation_pictures(digits: Dataset) -> None:
    recipe = resolve(load_recipe("notebook"))
    with pytest.raises(TenfoldError, match="no validation pictures; give --val"):
        Trainer(recipe, digits)


def test_the_checkpoint_holds_weights_and_the_optimisers_state(
    digits: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.safetensors"
    trainer = Trainer(small(), digits.subset(np.arange(640)), checkpoint_file=file)
    trainer.run()
    tensors = load_file(file)
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(tensors[f"network.{name}"], value)
    momenta = [name for name in tensors if name.endswith(".momentum")]
    assert len(momenta) == len(trainer.optimisers[0].weights)
    assert momenta


def test_a_time_budget_becomes_a_number_of_steps(digits: Dataset) -> None:
    few, many = (steps_within(small(), digits, seconds) for seconds in (60.0, 1800.0))
    assert 1 <= few < many
    with pytest.raises(TenfoldError, match="one step takes"):
        steps_within(small(), digits, 1e-6)


def test_a_run_stops_after_its_steps_and_its_schedule_ends_there(digits: Dataset) -> None:
    trainer = Trainer(small("steps=15"), digits.subset(np.arange(640)))
    trainer.run()
    assert (trainer.step, trainer.epochs, len(trainer.history)) == (15, 2, 2)
    last = trainer.history[-1]["learning_rate"]
    assert last is not None
    assert 0 < last < 0.1 * trainer.base_rates[0]


def test_the_plateau_lowers_the_rate_of_every_optimiser(digits: Dataset) -> None:
    recipe = small(
        "epochs=6", "schedule.name=plateau", "schedule.patience=1", "schedule.factor=0.5"
    )
    parts = digits.subset(np.arange(640)), digits.subset(np.arange(640, 660))
    trainer = Trainer(recipe, *parts)
    trainer.run()
    muon, adamw = (
        optimiser.rate / base
        for optimiser, base in zip(trainer.optimisers, trainer.base_rates, strict=True)
    )
    assert muon == pytest.approx(adamw)
    assert muon < 1
