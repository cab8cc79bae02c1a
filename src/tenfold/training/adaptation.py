"""Adapt a trained network: its last layer learns on, from new images and from those of before."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.data.dataset import Dataset, Images
from tenfold.data.split import Indices
from tenfold.run.recipe import Recipe
from tenfold.run.schedules import Linear
from tenfold.training.augment import augment
from tenfold.training.inference import to_float
from tenfold.training.negatives import make_negatives
from tenfold.training.network import Network
from tenfold.training.optimisers import Adam
from tenfold.training.schedule import learning_rate_factor
from tenfold.training.writing_styles import vary_writing_style

BATCH = 256
MADE_UP = 1_500  # non-digits
VIEWS, MOST_VIEWED = 5, 20_000  # of each new image, the first as it is; of all of them
# Steps, images of a step and weight of the new ones: docs/experiments/2026-11-30-adapt.md
STEPS, WARMUP = 200, 0.05
# Over the features that the last layer is given: AdamW moves every weight alike, so that a logit
# moves with their number. It is 0.001 for the shipped model's 1,440.
LEARNING_RATE = 1.44
OWN, AGAIN, NEGATIVE = 64, 128, 64
OWN_WEIGHT = 2.0
LENGTHS = (1.0, 0.75, 0.5, 0.25)  # of the way from the old last layer to the new one


@dataclass(frozen=True)
class _Features:
    """What the last layer is given of images: float [n, features], and their labels int64 [n]."""

    values: Tensor
    labels: Tensor


class Adapter:
    """Adapts one network to parts of a set, each time from where it stands.

    All layers but the last stay as they are and see every image once, so that it takes a second to
    adapt to another part: each new image can be predicted by a network that has not seen it.

    Args:
        network: a trained network, on the CPU.
        recipe: the one that it was trained with; augmentation, writing styles, non-digits and label
            smoothing are as it has them.
        own: the new images; their negatives are learned, too.
        replay: some thousand images that the network learned from, with non-digits where there
            are some.
        guard: images like those that it has not learned from; may be empty. The way from the old
            last layer to the new one is shortened where more of them are misread at its end.
    """

    def __init__(
        self, network: Network, recipe: Recipe, own: Dataset, replay: Dataset, guard: Dataset
    ) -> None:
        self.network, self.recipe = network.eval(), recipe
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.frozen = nn.Sequential(*list(network)[:-1])
        self.own_views = [
            _Features(self._features(view), torch.tensor(own.require_labels()))
            for view in self._views(own.images)
        ]
        self.again = _Features(
            self._features(self._augmented(replay)), torch.tensor(replay.require_labels())
        )
        self.negatives = self._negatives(own, replay)
        self.guard = _Features(
            self.features(guard.images) if len(guard) else torch.empty(0),
            torch.tensor(guard.require_labels()),
        )

    def adapt(self, rows: Indices) -> Network:
        """Return a copy of the network that has learned from some of the new images.

        Args:
            rows: int64 [m] of `own`.
        """
        self.generator.manual_seed(self.recipe.seed)
        network = copy.deepcopy(self.network)
        learned = network[-1]  # `output` is the last layer of every recipe
        rate = LEARNING_RATE / self.again.values.shape[1]
        optimiser = Adam(list(learned.parameters()), rate, (0.9, 0.999), 0.0)
        chosen = torch.from_numpy(rows)
        for step in range(STEPS):
            factor = learning_rate_factor(Linear(warmup=WARMUP), (step + 1) / (STEPS + 1))
            optimiser.set_rate(rate * factor)
            optimiser.zero_grad()
            self._loss(learned, chosen).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        optimiser.zero_grad()
        self._shorten(learned)
        return network

    @torch.no_grad()
    def _shorten(self, learned: nn.Module) -> None:
        """Go back towards the old last layer until no more of the guard is misread than by it."""
        if not len(self.guard.labels):
            return
        old = self.network[-1]
        allowed = self._misread(old)
        ends = [(weight, weight.clone()) for weight in learned.parameters()]
        for length in LENGTHS:
            for (weight, end), start in zip(ends, old.parameters(), strict=True):
                weight.copy_(torch.lerp(start, end, length))
            if self._misread(learned) <= allowed:
                return

    def _misread(self, last: nn.Module) -> int:
        return int((last(self.guard.values).argmax(1) != self.guard.labels).sum())

    def features(self, images: Images) -> Tensor:
        """Return what the last layer is given of images uint8 [n, 28, 28]: float [n, features]."""
        return self._features(to_float(torch.tensor(images)))

    def _loss(self, learned: nn.Module, rows: Tensor) -> Tensor:
        """Draw a batch, and return the loss on it."""
        own = rows[self._draw(len(rows), OWN)]
        view = self.own_views[int(self._draw(len(self.own_views), 1))]
        again = self._draw(len(self.again.labels), AGAIN)
        parts = [view.values[own], self.again.values[again]]
        if len(self.negatives):
            parts.append(self.negatives[self._draw(len(self.negatives), NEGATIVE)])
        logits = learned(torch.cat(parts))
        smoothing = self.recipe.label_smoothing
        loss = OWN_WEIGHT * functional.cross_entropy(
            logits[:OWN], view.labels[own], label_smoothing=smoothing
        ) + functional.cross_entropy(
            logits[OWN : OWN + AGAIN], self.again.labels[again], label_smoothing=smoothing
        )
        if len(self.negatives):
            uniform = -functional.log_softmax(logits[OWN + AGAIN :], dim=1).mean()
            loss = loss + self.recipe.negatives.weight * uniform
        return loss

    def _draw(self, among: int, count: int) -> Tensor:
        return torch.randint(among, (count,), generator=self.generator)

    def _views(self, images: Images) -> Iterator[Tensor]:
        """Yield the new images as they are, and augmented, several times where they are few."""
        whole = to_float(torch.tensor(images))
        yield whole
        for _ in range(min(VIEWS, MOST_VIEWED // len(images)) - 1):
            yield self._augment(whole)

    def _augmented(self, digits: Dataset) -> Tensor:
        """Augment images as training did, writing styles included."""
        images, labels = to_float(torch.tensor(digits.images)), digits.require_labels()
        if self.recipe.writing_styles:
            images = vary_writing_style(
                images, torch.tensor(labels), self.recipe.writing_styles, self.generator
            )
        return self._augment(images)

    def _augment(self, images: Tensor) -> Tensor:
        config = self.recipe.augmentation
        return torch.cat(
            [
                augment(some, config, self.generator)
                for some in images.split(BATCH)  # type: ignore[no-untyped-call]
            ]
        )

    def _negatives(self, own: Dataset, replay: Dataset) -> Tensor:
        """Return the features of non-digits: the new ones, those of before, and made-up ones."""
        parts: list[Tensor] = []
        if own.negatives is not None and len(own.negatives):
            parts += self._views(own.negatives)
        if self.recipe.negatives.share:
            if replay.negatives is not None:
                parts.append(self._augment(to_float(torch.tensor(replay.negatives))))
            images, labels = to_float(torch.tensor(replay.images)), replay.require_labels()
            made = make_negatives(images, torch.tensor(labels), MADE_UP, self.generator)
            parts.append(self._augment(made))
        return self._features(torch.cat(parts)) if parts else torch.empty(0)

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        """Run all layers but the last, a batch at a time."""
        return torch.cat(
            [
                self.frozen(some.contiguous(memory_format=torch.channels_last))
                for some in images.split(BATCH)  # type: ignore[no-untyped-call]
            ]
        )
