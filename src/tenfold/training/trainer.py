"""The training loop: fixed schedule, last weights."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.cascade import first_stage_recipe
from tenfold.run.own_code import code_names, errors_of
from tenfold.run.recipe import Recipe
from tenfold.run.records import EpochRecord
from tenfold.run.schedules import Plateau
from tenfold.training import state
from tenfold.training.backend import Backend
from tenfold.training.callbacks import Callback, ProgressCallback, ProgressEvent, StopTraining
from tenfold.training.first_stage import EVERY, FirstStage
from tenfold.training.grouped_ensemble import GroupedEnsemble
from tenfold.training.inference import predict_logits, to_float
from tenfold.training.layers.module import lay_out
from tenfold.training.network import Network, build, whiten
from tenfold.training.optimisers import Optimiser, make_optimisers
from tenfold.training.profiling import PhaseTimer
from tenfold.training.requirements import check_sets
from tenfold.training.schedule import (
    PlateauState,
    ReduceOnPlateau,
    augment_fraction,
    learning_rate_factor,
)
from tenfold.training.step import TrainStep
from tenfold.training.weight_average import WeightAverage

WHITENING_IMAGES = 500  # whose patches decide the filters of a whitening layer
PROGRESS_SECONDS = 0.2  # between two progress events within an epoch


class Trainer:
    """Trains the networks of one recipe; `fit` is the way to call it.

    Order, augmentation and dropout are drawn anew from (seed, epoch), so that the state at the end
    of an epoch needs no generator's state and the same seed gives the same weights to the bit.

    Args:
        recipe: a resolved recipe (see `backend.resolve`).
        train_set: what to train on.
        val_set: scored after each epoch, or None.
        checkpoint: the file that keeps the full state after each epoch, or None. Training resumes
            from what is there.
        members: how many networks are trained at once, each with weights, an order and augmentation
            of its own; the curves are their mean.
        timer: measures the phases of the steps and validation, or None.
        number: which network of the run it is, from 1, and of how many; callbacks are told.

    Raises:
        TenfoldError: where the recipe needs a validation set and there is none, or a layer does not
            fit.
    """

    def __init__(
        self,
        recipe: Recipe,
        train_set: Dataset,
        val_set: Dataset | None = None,
        checkpoint: Path | None = None,
        members: int = 1,
        timer: PhaseTimer | None = None,
        number: tuple[int, int] = (1, 1),
    ) -> None:
        check_sets(recipe, train_set, val_set)
        self.recipe, self.train_set, self.val_set = recipe, train_set, val_set
        self.checkpoint, self.members, self.timer = checkpoint, members, timer
        self.number, self.own_code = number, code_names(recipe)
        self.backend = Backend.prepare(recipe)
        self.networks = [self._build(recipe.seed + member, recipe) for member in range(members)]
        self.network: nn.Module = self.networks[0]
        if members > 1:
            self.network = GroupedEnsemble(self.networks)
        lay_out(self.network, self.backend.device)
        self.optimisers = make_optimisers(
            self.network, recipe.optimiser, members, self.backend.dtype
        )
        self.first_stage: FirstStage | None = None
        if recipe.cascade.filters:
            small = self._build(recipe.seed, first_stage_recipe(recipe))
            self.first_stage = FirstStage(small, self.backend)
        self.base_rates = [optimiser.rate for optimiser in self._all_optimisers()]
        self.plateau: ReduceOnPlateau | None = None
        if isinstance(recipe.schedule, Plateau):
            self.plateau = ReduceOnPlateau(recipe.schedule, PlateauState(self.base_rates[0]))
        self.average: WeightAverage | None = None
        if recipe.ema_decay:
            self.average = WeightAverage(self.network, recipe.ema_decay)
        self.step = TrainStep(
            self.network,
            self.optimisers,
            train_set,
            recipe,
            self.backend,
            members,
            timer,
            self.average,
            self.first_stage,
        )
        self.progress = state.Progress(
            recipe=state.checkpoint_key(recipe),
            fingerprint=train_set.fingerprint,
            history=[],
            plateau=self.plateau.state if self.plateau else None,
        )
        # what is left over is too small for a batch; another shuffle takes other images
        self.epoch_steps = len(train_set) // self.step.batch_size
        self.steps = recipe.steps or recipe.epochs * self.epoch_steps
        self.epochs = math.ceil(self.steps / self.epoch_steps)
        self.interrupted = self.stopped = False
        self.callbacks: Sequence[Callback] = ()

    def train(self, callbacks: Sequence[Callback] = ()) -> None:
        """Train to the end of the schedule, or until Ctrl-C or a callback ends it.

        Ctrl-C ends it at once and keeps the weights so far; `StopTraining` at the end of the epoch.

        On the CPU, weights that are trained in several goes, from checkpoint to checkpoint, are
        those of one go to the bit.

        Raises:
            TenfoldError: where the loss is no longer finite, or the checkpoint is damaged or is not
                of this recipe and this training set.
        """
        self.callbacks = callbacks
        if self.checkpoint and self.checkpoint.exists():
            self.restore(self.checkpoint)
        else:
            self._save()  # fails here, where it must fail, and not after the first epoch
        try:
            while self.progress.step < self.steps and not self.stopped:
                self.train_epoch()
        except KeyboardInterrupt:
            if self.progress.step == 0:
                raise
        finally:
            self.step.release()
        # the last epoch has its record once it is validated and saved
        self.interrupted = len(self.progress.history) < self.epochs

    def trained_networks(self) -> list[Network]:
        """Return the networks as they stand, one a member, with averaged weights if there are."""
        network = self.network if self.average is None else self.average.network
        if isinstance(network, GroupedEnsemble):
            network.copy_to(self.networks)
            return self.networks
        assert isinstance(network, Network)
        return [network]

    def train_epoch(self) -> None:
        """Train one epoch, or what is left of the steps; validate, save, call the callbacks."""
        self.network.train()
        self.progress.capture_seconds += self.step.capture()
        epoch = self.progress.step // self.epoch_steps + 1
        count = min(self.epoch_steps, self.steps - self.progress.step)
        started = time.perf_counter()
        try:
            self._train_batches(self._shuffled(epoch), epoch, count, started)
            loss, accuracy = self._running_means(count)  # waits for the device
            seconds = time.perf_counter() - started
            record = self._end_epoch(epoch, count, loss, accuracy, seconds)
        finally:  # an epoch that is interrupted has cost its time too
            self.progress.seconds += time.perf_counter() - started
        self._save()
        event = self._event(epoch, count, loss, accuracy, seconds, record)
        for callback in self.callbacks:
            with self._stoppable():
                callback.on_epoch_end(event)

    def train_step(self, indices: Tensor) -> None:
        """Take the next step, on the images at `indices`; a captured one is not waited for."""
        done = self.progress.step
        if self.plateau is None:
            self._set_rates(
                learning_rate_factor(self.recipe.schedule, (done + 1) / (self.steps + 1))
            )
        if self.average is not None:
            self.average.prepare(done)
        with errors_of(self.own_code):
            fraction = augment_fraction(self.recipe.augmentation.fade, done / self.steps)
            self.step(indices, fraction, teach=done % EVERY == 0)
        self.progress.step += 1

    def _train_batches(self, order: Tensor, epoch: int, count: int, started: float) -> None:
        self.step.reset_sums()
        watching = [one for one in self.callbacks if isinstance(one, ProgressCallback)]
        size, reported = self.step.batch_size, started
        for index in range(count):
            self.train_step(order[:, index * size : (index + 1) * size].flatten())
            now = time.perf_counter()
            # to know how it stands a GPU would have to be waited for: its epochs are short
            if watching and self.backend.is_synchronous and now - reported > PROGRESS_SECONDS:
                reported, done = now, index + 1
                event = self._event(epoch, done, *self._running_means(done), now - started)
                for callback in watching:
                    with self._stoppable():
                        callback.on_progress(event)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Let a callback ask for the end of training; the other callbacks are told all the same."""
        try:
            yield
        except StopTraining:
            self.stopped = True

    def _running_means(self, done: int) -> tuple[float, float]:
        """Return loss and accuracy over the `done` steps of the epoch, the mean of the members'."""
        images = self.members * done * self.step.batch_size
        return float(self.step.loss_sum) / done, float(self.step.n_correct) / images

    def _shuffled(self, epoch: int) -> Tensor:
        """Draw the order of an epoch's images, int64 [members, n]."""
        # a prime above any number of epochs: no two (seed, epoch) share their draws
        self.step.seed(self.recipe.seed * 100_003 + epoch)
        return torch.stack(
            [
                torch.randperm(
                    len(self.train_set), generator=self.step.generator, device=self.backend.device
                )
                for _ in range(self.members)
            ]
        )

    def _end_epoch(
        self, epoch: int, count: int, loss: float, accuracy: float, seconds: float
    ) -> EpochRecord:
        self._check_finite("loss", loss, epoch)
        rate = self.optimisers[0].rate
        val_loss = val_accuracy = None
        if self.val_set is not None:
            phase = self.timer.phase("validation", self.backend) if self.timer else nullcontext()
            with phase:
                val_loss, val_accuracy = self._validate(self.val_set)
            self._check_finite("validation loss", val_loss, epoch)
        if self.plateau is not None and val_accuracy is not None:
            self._set_rates(self.plateau.after_epoch(val_accuracy) / self.base_rates[0])
        images = self.members * count * self.step.batch_size
        record = EpochRecord(
            epoch=epoch,
            seconds=round(seconds, 3),
            images_per_second=round(images / seconds, 1),
            learning_rate=rate,
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
        )
        self.progress.history.append(record)
        return record

    def _check_finite(self, name: str, loss: float, epoch: int) -> None:
        if not math.isfinite(loss):
            raise TenfoldError(
                f"the {name} became {loss} in epoch {epoch}: training diverged; try a lower rate, "
                f"as --set optimiser.learning_rate={self.base_rates[0] / 10:g}"
            )

    def _validate(self, val_set: Dataset) -> tuple[float, float]:
        """Return loss and accuracy on the validation set, the mean of the members'."""
        labels = torch.tensor(val_set.require_labels())
        device, losses, accuracies = self.backend.device, [], []
        for network in self.trained_networks():
            with errors_of(self.own_code):
                predicted = predict_logits(network.to(device), val_set.images, device)
            logits = torch.from_numpy(predicted)
            losses.append(float(functional.cross_entropy(logits, labels)))
            accuracies.append(float((logits.argmax(1) == labels).float().mean()))
        return sum(losses) / self.members, sum(accuracies) / self.members

    def _event(
        self,
        epoch: int,
        done: int,
        loss: float,
        accuracy: float,
        seconds: float,
        record: EpochRecord | None = None,
    ) -> ProgressEvent:
        step = self.progress.step
        return ProgressEvent(
            epoch=epoch,
            epochs=self.epochs,
            step=step,
            steps=self.steps,
            loss=loss,
            accuracy=accuracy,
            images_per_second=self.members * done * self.step.batch_size / seconds,
            seconds_left=(self.steps - step) / done * seconds,
            record=record,
            network=self.number[0],
            networks=self.number[1],
        )

    def _all_optimisers(self) -> list[Optimiser]:
        return [*self.optimisers, *(self.first_stage.optimisers if self.first_stage else [])]

    def _build(self, seed: int, recipe: Recipe) -> Network:
        torch.manual_seed(seed % 2**31)
        network = build(recipe, len(self.train_set.classes))
        sample = self.train_set.images[:: max(1, len(self.train_set) // WHITENING_IMAGES)]
        whiten(network, to_float(torch.tensor(sample)))
        return network

    def _save(self) -> None:
        if self.checkpoint:
            self.save(self.checkpoint)

    def save(self, file: Path) -> None:
        """Write the full state of training."""
        average = None if self.average is None else self.average.network
        first_stage = self.first_stage.network if self.first_stage else None
        state.save(file, self.network, self._all_optimisers(), self.progress, average, first_stage)

    def restore(self, file: Path) -> None:
        """Take up the state of a checkpoint. Raises TenfoldError where it does not fit."""
        checkpoint = state.load(file)
        checkpoint.check_made_from(self.progress.recipe, self.progress.fingerprint)
        checkpoint.restore_network(self.network)
        if self.average is not None:
            checkpoint.restore_average(self.average.network)
        if self.first_stage is not None:
            checkpoint.restore_first_stage(self.first_stage.network)
        checkpoint.restore_optimisers(self._all_optimisers())
        self.progress = checkpoint.progress
        if self.plateau and self.progress.plateau:
            self.plateau.state = self.progress.plateau
            self._set_rates(self.plateau.state.rate / self.base_rates[0])

    def _set_rates(self, factor: float) -> None:
        for optimiser, rate in zip(self._all_optimisers(), self.base_rates, strict=True):
            optimiser.set_rate(rate * factor)
