"""Images with great losses are trained on twice in an epoch, others are left out."""

import shutil
from pathlib import Path

import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training import state
from tenfold.training.backend import resolve
from tenfold.training.callbacks import ProgressEvent
from tenfold.training.fit import Fitted, fit
from tenfold.training.hard_examples import HardExamples
from tenfold.training.trainer import Trainer

CPU = torch.device("cpu")


def small(*settings: str) -> Recipe:
    base = ["epochs=3", "batch_size=64", "hard_examples=0.2", "threads=1"]
    return resolve(load_recipe("quick", [*base, *settings]))


def bits(fitted: Fitted) -> bytes:
    values = fitted.networks[0].state_dict().values()
    return b"".join(value.numpy().tobytes() for value in values)


class CopyCheckpoint:
    """Keeps the checkpoint of the end of an epoch."""

    def __init__(self, checkpoint: Path, epoch: int, copy: Path) -> None:
        self.checkpoint, self.epoch, self.copy = checkpoint, epoch, copy

    def on_epoch_end(self, event: ProgressEvent) -> None:
        if event.epoch == self.epoch:
            shutil.copy(self.checkpoint, self.copy)


def test_an_epoch_takes_the_hardest_twice_and_leaves_as_many_others_out() -> None:
    examples = HardExamples(1000, 0.15, 2, CPU)
    losses = torch.rand(2000, generator=torch.Generator().manual_seed(3))
    examples.losses.copy_(losses)
    generator = torch.Generator().manual_seed(1)
    first, again = examples.shuffle(generator), examples.shuffle(generator)
    assert first.shape == (2, 1000)
    for member, order in enumerate(first):
        times = order.bincount(minlength=1000)
        hardest = losses[member * 1000 : (member + 1) * 1000].topk(150).indices
        assert times[hardest].tolist() == [2] * 150
        assert times.bincount().tolist() == [150, 700, 150]
        assert order.tolist() != sorted(order.tolist())
    assert first.tolist() != again.tolist()  # others are left out, in another order


def test_half_of_an_odd_number_of_images_leaves_no_image_out_that_is_hard() -> None:
    examples = HardExamples(7, 0.5, 1, CPU)
    examples.record(torch.arange(7), torch.arange(7).float())
    times = examples.shuffle(torch.Generator().manual_seed(0))[0].bincount(minlength=7)
    assert times[4:].tolist() == [2, 2, 2]
    assert times.sum() == 7


def test_an_image_that_was_never_trained_on_is_hard() -> None:
    examples = HardExamples(100, 0.1, 1, CPU)
    examples.record(torch.arange(95), torch.linspace(0, 50, 95))
    times = examples.shuffle(torch.Generator().manual_seed(0))[0].bincount(minlength=100)
    assert times[90:].tolist() == [2] * 10


def test_each_member_has_losses_of_its_own_and_of_two_in_a_batch_the_greater_is_kept() -> None:
    examples = HardExamples(4, 0.25, 2, CPU)
    indices = torch.tensor([0, 2, 0, 1, 1, 3])  # three images a member
    examples.record(indices, torch.tensor([5.0, 2.0, 1.0, 7.0, 8.0, 3.0]))
    infinite = torch.inf
    assert examples.losses.tolist() == [5, infinite, 2, infinite, infinite, 8, infinite, 3]
    examples.record(indices, torch.full((6,), 0.5))  # the newest replaces
    assert examples.losses.tolist() == [0.5, infinite, 0.5, infinite, infinite, 0.5, infinite, 0.5]


def test_training_finds_the_images_whose_labels_are_wrong_hard(train_set: Dataset) -> None:
    labels = train_set.require_labels().copy()
    labels[:40] = (labels[:40] + 1) % 10
    wrong = Dataset(train_set.images, labels, train_set.classes, train_set.source)
    trainer = Trainer(small(), wrong)
    trainer.train()
    assert trainer.hard_examples is not None
    hardest = trainer.hard_examples.losses.topk(80).indices
    assert (hardest < 40).sum() > 30


def test_training_that_is_taken_up_goes_on_with_the_losses_to_the_bit(
    small_set: Dataset, tmp_path: Path
) -> None:
    checkpoint, copy = tmp_path / "checkpoint", tmp_path / "copy"
    whole = fit(small(), small_set, None, [CopyCheckpoint(checkpoint, 2, copy)], checkpoint)
    resumed = fit(small(), small_set, checkpoint=copy)
    assert bits(resumed) == bits(whole)
    assert bits(fit(small("hard_examples=0"), small_set)) != bits(whole)


def test_a_checkpoint_without_the_losses_is_not_taken_up(
    small_set: Dataset, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    trainer = Trainer(small(), small_set)
    state.save(checkpoint, {"network": trainer.network}, trainer.optimisers, trainer.progress)
    with pytest.raises(TenfoldError, match=r'does not fit its recipe: .*"losses"'):
        fit(small(), small_set, checkpoint=checkpoint)


def test_members_that_are_trained_at_once_each_have_their_hard_examples(small_set: Dataset) -> None:
    trainer = Trainer(small("members=2", "parallel_members=2"), small_set, members=2)
    trainer.train()
    assert trainer.hard_examples is not None
    one, other = trainer.hard_examples.losses.view(2, -1)
    assert one.isfinite().all()
    assert not torch.equal(one, other)
