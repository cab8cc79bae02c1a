"""One training step: augment a batch, forward, backward, update."""

import itertools
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.run.own_code import code_names
from tenfold.run.recipe import Recipe
from tenfold.training.augment import augment
from tenfold.training.backend import Backend
from tenfold.training.cuda_graph import capture
from tenfold.training.first_stage import FirstStage
from tenfold.training.hard_examples import HardExamples
from tenfold.training.inference import to_float
from tenfold.training.loss_weights import loss_weights
from tenfold.training.negatives import make_negatives
from tenfold.training.optimisers import Optimiser
from tenfold.training.own.augmentation import make_augmentation
from tenfold.training.profiling import PhaseTimer
from tenfold.training.weight_average import WeightAverage
from tenfold.training.writing_styles import vary_writing_style

PHASES = ("augmentation", "forward", "backward", "optimiser")


class TrainStep:
    """What is done to the weights for one batch; call it with the indices of the batch.

    The training set lies on the device as one uint8 tensor. Each call reads and changes the same
    tensors, asks the device for no value and brings it none, so that a CUDA device can capture a
    step once and replay it (`capture`).

    Args:
        network: what is trained, on the backend's device.
        optimisers: of its weights.
        train_set: the images and labels to train on.
        recipe: a resolved recipe.
        backend: the device.
        members: how many networks `network` holds side by side.
        timer: measures the phases, or None.
        average: of the weights, or None.
        first_stage: of a cascade, which learns from the first member's answers; or None.
        hard_examples: is told the loss of each image, or None.

    Attributes:
        batch_size: images a step, for each member.
        loss_sum: the sum of the batches' mean losses since `reset_sums`, on the device.
        n_correct: correct predictions since then, over all members, on the device.
    """

    def __init__(
        self,
        network: nn.Module,
        optimisers: list[Optimiser],
        train_set: Dataset,
        recipe: Recipe,
        backend: Backend,
        members: int = 1,
        timer: PhaseTimer | None = None,
        average: WeightAverage | None = None,
        first_stage: FirstStage | None = None,
        hard_examples: HardExamples | None = None,
    ) -> None:
        self.network, self.optimisers, self.average = network, optimisers, average
        self.first_stage, self.hard_examples = first_stage, hard_examples
        self.recipe, self.backend, self.members, self.timer = recipe, backend, members, timer
        device = backend.device
        self.images, self.labels = (
            _on_device(array, device) for array in (train_set.images, train_set.require_labels())
        )
        weights = loss_weights(recipe, train_set)
        self.weights = None if weights is None else _on_device(weights, device)
        self.negatives: Tensor | None = None
        if train_set.negatives is not None and len(train_set.negatives):
            self.negatives = _on_device(train_set.negatives, device)
        self.batch_size = min(recipe.batch_size, len(train_set))
        self.batch_indices = torch.arange(self.batch_size, device=device).repeat(members)
        self.augment_fraction = torch.ones((), device=device)
        self.loss_sum = torch.zeros((), device=device)
        self.n_correct = torch.zeros((), device=device)
        self.generator = torch.Generator(device)
        self.own_augmentation = make_augmentation(recipe.augmentation.own)
        # negatives and writing styles change another number of images in each step, and somebody's
        # own code may do on the host what would not be done again
        varies = recipe.negatives.share or recipe.writing_styles or code_names(recipe)
        self.use_cuda_graph = device.type == "cuda" and not varies and timer is None
        # a step in which the first stage learns is another graph: by whether it does
        self._replays: dict[bool, Callable[[], None]] = {}

    def __call__(self, indices: Tensor, augment_fraction: float, teach: bool = False) -> None:
        """Take one step.

        Args:
            indices: int64 [members * batch_size], rows of the training set, a member after another.
            augment_fraction: the share (0-1) of the images to augment, where the recipe fades it.
            teach: whether the first stage of a cascade, where there is one, learns in this step.
        """
        self.augment_fraction.fill_(augment_fraction)
        self.batch_indices.copy_(indices)
        teach = teach and self.first_stage is not None
        if self._replays:
            self._replays[teach]()
        else:
            self.run(teach)

    def run(self, teach: bool = False) -> None:
        """Train on the images at `batch_indices`, phase by phase."""
        labels = self.labels[self.batch_indices]
        with self._phase("augmentation"):
            images = self.augmented_batch(labels)
        with self._phase("forward"):
            loss, outputs = self.forward_loss(images, labels)
        with self._phase("backward"):
            self.backward(loss)
        with self._phase("optimiser"):
            self.update()
        if self.first_stage is not None and teach:
            own = len(images) // self.members
            with self._phase("first stage"):
                self.first_stage.learn(images[:own], outputs[:own], labels[:own])
        self.loss_sum += loss.detach()
        self.n_correct += (outputs.detach()[: len(labels)].argmax(1) == labels).sum()

    def augmented_batch(self, labels: Tensor) -> Tensor:
        """Return the images at `batch_indices`, float [n, 1, 28, 28], augmented, negatives last."""
        images = to_float(self.images[self.batch_indices])
        styles, config = self.recipe.writing_styles, self.recipe.augmentation
        if styles:
            images = vary_writing_style(images, labels, styles, self.generator)
        n_negatives = round(self.recipe.negatives.share * len(images))
        if n_negatives:
            images = torch.cat([images, self._draw_negatives(images, labels, n_negatives)])
        fraction = self.augment_fraction if config.fade else None
        images = augment(images, config, self.generator, fraction, self.own_augmentation)
        return images.contiguous(memory_format=torch.channels_last)

    def _draw_negatives(self, images: Tensor, labels: Tensor, count: int) -> Tensor:
        """Draw images of the training set's negatives, and make up the rest."""
        if self.negatives is None:
            return make_negatives(images, labels, count, self.generator)
        n_own = round(self.recipe.negatives.own_fraction * count)
        chosen = torch.randint(
            len(self.negatives), (n_own,), generator=self.generator, device=self.negatives.device
        )
        own = to_float(self.negatives[chosen])
        return torch.cat([own, make_negatives(images, labels, count - n_own, self.generator)])

    def forward_loss(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, and the logits [n, classes] of all images, negatives last."""
        with self.backend.autocast():
            outputs = self.network(images)
        logits, negative_logits = outputs[: len(labels)], outputs[len(labels) :]
        losses = functional.cross_entropy(
            logits.float(), labels, label_smoothing=self.recipe.label_smoothing, reduction="none"
        )
        if self.weights is not None:
            losses = losses * self.weights[self.batch_indices]
        if self.hard_examples is not None:
            self.hard_examples.record(self.batch_indices, losses.detach())
        loss = losses.mean()
        if len(negative_logits):  # towards equal probabilities
            uniform = -functional.log_softmax(negative_logits.float(), dim=1).mean()
            loss = loss + self.recipe.negatives.weight * uniform
        return loss, outputs

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients, of each member's own mean loss."""
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        (loss * self.members).backward()  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Take a step of every optimiser, and have the average follow."""
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not None:
            self.average.update()

    def seed(self, seed: int) -> None:
        """Seed everything that a step draws from: dropout and augmentation, each its own stream."""
        torch.manual_seed(seed)
        self.generator.manual_seed(seed)

    def reset_sums(self) -> None:
        """Begin `loss_sum` and `n_correct` anew."""
        self.loss_sum.zero_()
        self.n_correct.zero_()

    def capture(self) -> float:
        """Capture the step as a CUDA graph, where that can be done and is not done yet.

        Returns:
            The seconds that it took.
        """
        if not self.use_cuda_graph or self._replays:
            return 0.0
        started = time.perf_counter()
        state = list(self.network.state_dict().values())
        for optimiser in self.optimisers:
            state += itertools.chain.from_iterable(optimiser.state.values())
        if self.average is not None:
            state += self.average.tensors()
        if self.hard_examples is not None:
            state.append(self.hard_examples.losses)
        self._replays[False] = capture(self.run, state, self.generator)
        if self.first_stage is not None:
            state += self.first_stage.network.state_dict().values()
            for optimiser in self.first_stage.optimisers:
                state += itertools.chain.from_iterable(optimiser.state.values())
            self._replays[True] = capture(partial(self.run, True), state, self.generator)
        self.backend.synchronize()
        return time.perf_counter() - started

    def release(self) -> None:
        """Forget the captured graph: from here on the weights may be moved."""
        self._replays = {}

    def _phase(self, name: str) -> AbstractContextManager[None]:
        return self.timer.phase(name, self.backend) if self.timer else nullcontext()


def _on_device(array: NDArray[Any], device: torch.device) -> Tensor:
    with warnings.catch_warnings():
        # It may be read-only, and nothing writes to it: a copy is 784 bytes an image.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)
