from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import state
from tenfold.training.backend import resolve
from tenfold.training.callbacks import ProgressEvent
from tenfold.training.fit import Fitted, check_fit, fit, steps_within
from tenfold.training.trainer import Trainer


class Recorder:
    """Keeps the events."""

    def __init__(self) -> None:
        self.within: list[ProgressEvent] = []
        self.ends: list[ProgressEvent] = []

    def on_progress(self, event: ProgressEvent) -> None:
        self.within.append(event)

    def on_epoch_end(self, event: ProgressEvent) -> None:
        self.ends.append(event)


class Interrupt:
    """Is Ctrl-C, at the end of an epoch or within it."""

    def on_epoch_end(self, event: ProgressEvent) -> None:
        raise KeyboardInterrupt


class InterruptWithin(Interrupt):
    def on_progress(self, event: ProgressEvent) -> None:
        raise KeyboardInterrupt


def small(*settings: str) -> Recipe:
    return resolve(load_recipe("quick", ["epochs=1", "batch_size=64", *settings]))


def weights(fitted: Fitted) -> bytes:
    values = fitted.networks[0].state_dict().values()
    return b"".join(value.numpy().tobytes() for value in values)


def test_the_same_seed_gives_the_same_weights_to_the_bit(small_set: Dataset) -> None:
    one, other = (weights(fit(small("seed=5"), small_set)) for _ in range(2))
    assert one == other


def test_another_seed_gives_other_weights(small_set: Dataset) -> None:
    one, other = (weights(fit(small(f"seed={seed}"), small_set)) for seed in (5, 6))
    assert one != other


def test_training_learns_and_tells_of_each_epoch(train_set: Dataset) -> None:
    recorder = Recorder()
    sets = train_set.subset(np.arange(1600)), train_set.subset(np.arange(1600, 2000))
    fitted = fit(small("epochs=2"), *sets, callbacks=[recorder])
    assert [event.epoch for event in recorder.ends] == [1, 2]
    assert [event.record for event in recorder.ends] == fitted.history
    assert [(event.step, event.steps) for event in recorder.ends] == [(25, 50), (50, 50)]
    assert all(event.record is None for event in recorder.within)
    accuracy = fitted.history[-1].val_accuracy
    assert accuracy is not None
    assert accuracy > 0.8
    assert (fitted.steps, fitted.samples_seen, fitted.interrupted) == (50, 3200, False)


def test_bfloat16_and_float32_both_train_and_differ(small_set: Dataset) -> None:
    found = [fit(small(f"precision={name}"), small_set) for name in ("float32", "bfloat16")]
    for fitted in found:
        assert all(value.isfinite().all() for value in fitted.networks[0].state_dict().values())
    assert weights(found[0]) != weights(found[1])


def test_a_loss_that_is_not_finite_says_what_to_do(small_set: Dataset) -> None:
    recipe = small("optimiser.name=sgd", "optimiser.learning_rate=1e30")
    with pytest.raises(TenfoldError, match=r"diverged.*--set optimiser\.learning_rate"):
        fit(recipe, small_set)


def test_an_interrupted_training_keeps_the_weights_so_far(small_set: Dataset) -> None:
    fitted = fit(small("epochs=5"), small_set, callbacks=[Interrupt()])
    assert fitted.interrupted
    assert (fitted.steps, len(fitted.history)) == (10, 1)


def test_an_interrupt_within_the_first_epoch_keeps_its_steps(train_set: Dataset) -> None:
    fitted = fit(small("batch_size=16"), train_set, callbacks=[InterruptWithin()])
    assert fitted.interrupted
    assert fitted.history == []
    assert 0 < fitted.steps < 125
    assert fitted.seconds > 0


def test_the_plateau_schedule_needs_a_validation_set(train_set: Dataset) -> None:
    with pytest.raises(TenfoldError, match=r"plateau .* give --val"):
        check_fit(resolve(load_recipe("notebook")), train_set)


def test_the_checkpoint_holds_weights_and_the_optimisers_state(
    small_set: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.safetensors"
    trainer = Trainer(small(), small_set, checkpoint=file)
    trainer.train()
    checkpoint = state.load(file)
    assert checkpoint.progress.step == 10
    assert checkpoint.progress.history == trainer.progress.history
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(checkpoint.tensors[f"network.{name}"], value)
    momenta = [name for name in checkpoint.tensors if name.endswith(".momentum")]
    assert len(momenta) == len(trainer.optimisers[0].weights) > 0


def test_a_finished_checkpoint_takes_no_step(small_set: Dataset, tmp_path: Path) -> None:
    recorder, file = Recorder(), tmp_path / "checkpoint.safetensors"
    first = fit(small(), small_set, checkpoint=file)
    again = fit(small(), small_set, callbacks=[recorder], checkpoint=file)
    assert recorder.ends == []
    assert (weights(again), again.history) == (weights(first), first.history)


def test_a_time_budget_becomes_a_number_of_steps(train_set: Dataset) -> None:
    few, many = (steps_within(small(), train_set, seconds) for seconds in (60.0, 1800.0))
    assert 1 <= few < many
    with pytest.raises(TenfoldError, match="one step takes"):
        steps_within(small(), train_set, 1e-6)


def test_training_stops_after_its_steps_and_its_schedule_ends_there(small_set: Dataset) -> None:
    trainer = Trainer(small("steps=15"), small_set)
    trainer.train()
    progress = trainer.progress
    assert (progress.step, trainer.epochs, len(progress.history)) == (15, 2, 2)
    assert 0 < progress.history[-1].learning_rate < 0.1 * trainer.base_rates[0]


def test_the_plateau_schedule_lowers_the_rate_of_every_optimiser(train_set: Dataset) -> None:
    recipe = small(
        "epochs=6", "schedule.name=plateau", "schedule.patience=1", "schedule.factor=0.5"
    )
    sets = train_set.subset(np.arange(640)), train_set.subset(np.arange(640, 660))
    trainer = Trainer(recipe, *sets)
    trainer.train()
    muon, adamw = (
        optimiser.rate / base
        for optimiser, base in zip(trainer.optimisers, trainer.base_rates, strict=True)
    )
    assert muon == pytest.approx(adamw)
    assert muon < 1
