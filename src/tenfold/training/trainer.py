"""The loop: pictures in, weights out; fixed schedule, last weights."""

import contextlib
import itertools
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Plateau, Recipe, change
from tenfold.training import checkpoint
from tenfold.training.augment.transforms import augment
from tenfold.training.backend import prepare, synchronize
from tenfold.training.cuda_graph import captured
from tenfold.training.grouped_ensemble import GroupedEnsemble
from tenfold.training.inference import forward, to_float
from tenfold.training.negatives import make_negatives
from tenfold.training.network import Network, build, whiten
from tenfold.training.optimisers import make_optimisers
from tenfold.training.schedule import PlateauAnnealer, augmented_share, step_factor
from tenfold.training.writing_styles import vary_writing_style

WHITENED = 500  # pictures whose patches decide the filters that are not learned

Row = dict[str, float | int | None]


@dataclass(frozen=True)
class ProgressEvent:
    """Where training stands: sent a few times a second, and at the end of each epoch with `row`."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float
    row: Row | None = None


Watch = Callable[[ProgressEvent], None]


@dataclass
class Trainer:
    """One training run with a life: weights, optimisers, the annealer and the curves so far.

    Args:
        recipe: a resolved recipe (see `device.resolve`).
        train: the pictures to learn from; the whole set lies on the device as one uint8 tensor.
        validation: pictures to score after each epoch, or None.
        checkpoint_file: where the full state is kept after each epoch, or None. Training goes on
            from what is there.
        members: so many networks learn at once, each with weights, an order and augmentation of
            its own; the curves are their mean.

    Raises:
        TenfoldError: where the recipe needs validation pictures and there are none, or a layer
            does not fit.
    """

    recipe: Recipe
    train: Dataset
    validation: Dataset | None = None
    checkpoint_file: Path | None = None
    members: int = 1
    history: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    capture_seconds: float = 0.0
    step: int = 0
    interrupted: bool = False
    watch: Watch | None = None

    def __post_init__(self) -> None:
        recipe = self.recipe
        self.device = prepare(recipe)
        self.networks = [self._built(recipe.seed + member) for member in range(self.members)]
        alone = self.members == 1
        self.network = self.networks[0] if alone else GroupedEnsemble(self.networks)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        dtype = torch.bfloat16 if recipe.precision == "bfloat16" else None
        self.optimisers = make_optimisers(self.network, recipe.optimiser, self.members, dtype)
        self.base_rates = [optimiser.rate for optimiser in self.optimisers]
        # what is made up is another number of pictures in each step
        self.use_cuda_graph = self.device.type == "cuda" and not (
            recipe.negatives.share or recipe.writing_styles
        )
        self.annealer: PlateauAnnealer | None = None
        if isinstance(recipe.schedule, Plateau):
            if self.validation is None:
                raise TenfoldError(
                    f"recipe {recipe.name}: the plateau schedule watches validation accuracy, and "
                    "there are no validation pictures; give --val a share or --set "
                    "schedule.name=linear"
                )
            self.annealer = PlateauAnnealer(recipe.schedule, self.base_rates[0])
        if recipe.reject_fraction and self.validation is None:
            raise TenfoldError(
                f"recipe {recipe.name}: what is refused is chosen on validation pictures, and "
                "there are none; give --val a share or --set reject_fraction=0"
            )
        if self.train.classes != tuple("0123456789"):
            for key, known in (
                ("negatives.share", recipe.negatives.share and "what is none"),
                ("habits", recipe.writing_styles and "how else they are written"),
            ):
                if known:
                    raise TenfoldError(
                        f"recipe {recipe.name}: only of the ten digits does it know {known}. "
                        f"Received: {len(self.train.classes)} classes; give --set {key}=0"
                    )
        self.images, self.labels = self._on_device(self.train)
        self.batch = min(recipe.batch_size, len(self.train))
        # A step reads and changes the same tensors each time, so that it can be captured.
        self.chosen = torch.arange(self.batch, device=self.device).repeat(self.members)
        self.augmented = torch.ones((), device=self.device)  # a share of the pictures
        self.summed_loss = torch.zeros((), device=self.device)
        self.hits = torch.zeros((), device=self.device)
        self.generator = torch.Generator(self.device)
        self.replay: Callable[[], None] | None = None  # of the captured step
        self.epoch_steps = len(self.train) // self.batch
        self.steps = recipe.steps or recipe.epochs * self.epoch_steps
        self.epochs = math.ceil(self.steps / self.epoch_steps)

    def run(self, watch: Watch | None = None) -> None:
        """Train to the end of the schedule, or until Ctrl-C: then keep the weights so far.

        On the CPU, weights that are trained in several goes, from checkpoint to checkpoint, are
        those of one go to the bit.

        Args:
            watch: called with a ProgressEvent as training goes.

        Raises:
            TenfoldError: where the loss is no longer a finite number, or the checkpoint is damaged
                or is not of this recipe and these pictures.
        """
        self.watch = watch
        if self.checkpoint_file and self.checkpoint_file.exists():
            self._take_up(self.checkpoint_file)
        else:
            self._save()  # fails here, where it must fail, and not after the first epoch
        try:
            while self.step < self.steps:
                self.epoch()
                self._save()
        except KeyboardInterrupt:
            if self.step == 0:
                raise
            self.interrupted = True
        finally:
            self.replay = None  # the weights may be moved from here on

    def trained(self) -> list[Network]:
        """Give the networks as they stand, one a member."""
        if isinstance(self.network, GroupedEnsemble):
            self.network.copy_to(self.networks)
        return self.networks

    def _built(self, seed: int) -> Network:
        torch.manual_seed(seed % 2**31)
        network = build(self.recipe, len(self.train.classes))
        some = self.train.images[:: max(1, len(self.train) // WHITENED)]
        whiten(network, to_float(torch.tensor(some)))
        return network

    def epoch(self) -> None:
        """Train one epoch, or what is left of the steps, and score the validation pictures."""
        self.network.train()
        self._capture()
        began = time.perf_counter()
        try:
            self._epoch(began)
        finally:  # an epoch that is interrupted has cost its time too
            self.seconds += time.perf_counter() - began

    def _epoch(self, began: float) -> None:
        epoch = self.step // self.epoch_steps + 1
        # Order, augmentation and dropout are drawn anew from seed and epoch, so that the state
        # at the end of an epoch needs no generator's state.
        torch.manual_seed(self.recipe.seed * 100_003 + epoch)
        self.generator.manual_seed(self.recipe.seed * 100_003 + epoch)
        orders = [
            torch.randperm(len(self.train), generator=self.generator, device=self.device)
            for _ in range(self.members)
        ]
        order = torch.stack(orders)
        self.summed_loss.zero_()
        self.hits.zero_()
        count = min(self.epoch_steps, self.steps - self.step)
        shown = began
        for index in range(count):
            self._step(order[:, index * self.batch : (index + 1) * self.batch].flatten())
            now = time.perf_counter()
            # to tell how it stands a GPU would have to be waited for: its epochs are short
            if self.watch and now - shown > 0.2 and self.device.type != "cuda":
                shown = now
                self._tell(epoch, index + 1, now - began)
        # this waits for the device: the epoch is over
        loss, hits = float(self.summed_loss) / count, float(self.hits) / self.members
        self._finish_epoch(epoch, count, loss, hits, time.perf_counter() - began)

    def _capture(self) -> None:
        """Capture what a step does, where it can be and is not yet."""
        if self.use_cuda_graph and self.replay is None:
            began = time.perf_counter()
            changed = list(self.network.state_dict().values())
            for optimiser in self.optimisers:
                changed += itertools.chain.from_iterable(optimiser.state.values())
            self.replay = captured(self._learn, changed, self.generator)
            synchronize(self.device)
            self.capture_seconds += time.perf_counter() - began

    def _step(self, chosen: Tensor) -> None:
        """Take the next step, on the pictures at `chosen`; a captured one is not waited for."""
        if self.annealer is None:
            self._set_rates(step_factor(self.recipe.schedule, (self.step + 1) / (self.steps + 1)))
        fade = self.recipe.augmentation.fade
        self.augmented.fill_(augmented_share(fade, self.step / self.steps))
        self.chosen.copy_(chosen)
        (self.replay or self._learn)()
        self.step += 1

    def _learn(self) -> None:
        """Learn from the pictures at `self.chosen`; add up their loss and hits."""
        labels = self.labels[self.chosen]
        loss, logits = self._answers(self._moved(labels), labels)
        self._backward(loss)
        self._update()
        self.summed_loss += loss.detach()
        self.hits += (logits.detach().argmax(1) == labels).sum()

    # What a step is made of. `profile.watch_parts` measures these by their names.

    def _moved(self, labels: Tensor) -> Tensor:
        """Give the pictures of a step as float [n, 1, 28, 28], augmented, negatives last."""
        pictures = to_float(self.images[self.chosen])
        if self.recipe.writing_styles:
            pictures = vary_writing_style(
                pictures, labels, self.recipe.writing_styles, self.generator
            )
        pictures = self._with_negatives(pictures, labels)
        how = self.recipe.augmentation
        share = self.augmented if how.fade else None
        pictures = augment(pictures, how, self.generator, share)
        return pictures.contiguous(memory_format=torch.channels_last)

    def _answers(self, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss and the logits [n, classes] of the pictures that have labels."""
        with self._precision():
            answers = self.network(pictures)
        logits, of_negatives = answers[: len(labels)], answers[len(labels) :]
        loss = functional.cross_entropy(
            logits.float(), labels, label_smoothing=self.recipe.label_smoothing
        )
        if len(of_negatives):  # towards every class alike
            alike = -functional.log_softmax(of_negatives.float(), dim=1).mean()
            loss = loss + self.recipe.negatives.weight * alike
        return loss, logits

    def _backward(self, loss: Tensor) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        (loss * self.members).backward()  # type: ignore[no-untyped-call]

    def _update(self) -> None:
        for optimiser in self.optimisers:
            optimiser.step()

    def _with_negatives(self, pictures: Tensor, labels: Tensor) -> Tensor:
        count = round(self.recipe.negatives.share * len(pictures))
        if not count:
            return pictures
        return torch.cat([pictures, make_negatives(pictures, labels, count, self.generator)])

    def _finish_epoch(
        self, epoch: int, count: int, loss: float, hits: float, seconds: float
    ) -> None:
        if not math.isfinite(loss):
            raise TenfoldError(
                f"the loss became {loss} in epoch {epoch}: training diverged; try a lower rate, as "
                f"--set optimiser.learning_rate={self.base_rates[0] / 10:g}"
            )
        pictures = count * self.batch
        row: Row = {
            "epoch": epoch,
            "seconds": round(seconds, 3),
            "images_per_second": round(self.members * pictures / seconds, 1),
            "learning_rate": self.optimisers[0].rate,
            "loss": loss,
            "accuracy": hits / pictures,
            "val_loss": None,
            "val_accuracy": None,
        }
        if self.validation is not None:
            row["val_loss"], row["val_accuracy"] = self._validate(self.validation)
        if self.annealer is not None and row["val_accuracy"] is not None:
            self._set_rates(self.annealer.after_epoch(row["val_accuracy"]) / self.base_rates[0])
        self.history.append(row)
        if self.watch:
            left = (self.steps - self.step) / count * seconds
            accuracy, speed = hits / pictures, self.members * pictures / seconds
            self.watch(
                ProgressEvent(
                    epoch, self.epochs, self.step, self.steps, loss, accuracy, speed, left, row
                )
            )

    def _validate(self, validation: Dataset) -> tuple[float, float]:
        labels = torch.tensor(validation.require_labels())
        losses, rights = [], []
        for network in self.trained():
            logits = torch.from_numpy(
                forward(network.to(self.device), validation.images, self.device)
            )
            losses.append(float(functional.cross_entropy(logits, labels)))
            rights.append(float((logits.argmax(1) == labels).float().mean()))
        return sum(losses) / self.members, sum(rights) / self.members

    def _tell(self, epoch: int, done: int, seconds: float) -> None:
        assert self.watch
        pictures = done * self.batch
        left = (self.steps - self.step) / done * seconds
        loss, accuracy = float(self.summed_loss) / done, float(self.hits) / pictures / self.members
        speed = self.members * pictures / seconds
        self.watch(
            ProgressEvent(epoch, self.epochs, self.step, self.steps, loss, accuracy, speed, left)
        )

    def _save(self) -> None:
        if self.checkpoint_file:
            annealer = self.annealer
            progress = self._made_from() | {
                "step": self.step,
                "seconds": self.seconds,
                "capture_seconds": self.capture_seconds,
                "history": self.history,
                "annealer": annealer and [annealer.rate, annealer.best, annealer.waited],
            }
            checkpoint.save(self.checkpoint_file, self.network, self.optimisers, progress)

    def _take_up(self, file: Path) -> None:
        tensors, progress = checkpoint.read(file)
        for name, ours in self._made_from().items():
            if progress[name] != ours:
                raise TenfoldError(
                    f"{file}: is of another training run (its {name} differ); put that run's "
                    "recipe.toml and pictures back, or remove it to train from the beginning"
                )
        checkpoint.put_back(tensors, self.network, self.optimisers)
        self.step, self.seconds = progress["step"], progress["seconds"]
        self.capture_seconds = progress.get("capture_seconds", 0.0)  # older ones have none
        self.history = progress["history"]
        if self.annealer:
            self.annealer.rate, self.annealer.best, self.annealer.waited = progress["annealer"]
            self._set_rates(self.annealer.rate / self.base_rates[0])

    def _made_from(self) -> dict[str, object]:
        """Tell what decides the weights, but for the machine."""
        choices = msgspec.json.decode(msgspec.json.encode(self.recipe))
        for machine in ("threads", "device", "precision"):
            del choices[machine]
        return {"choices": choices, "pictures": self.train.fingerprint}

    def _set_rates(self, factor: float) -> None:
        for optimiser, rate in zip(self.optimisers, self.base_rates, strict=True):
            optimiser.set_rate(rate * factor)

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        enabled = self.recipe.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _on_device(self, digits: Dataset) -> tuple[Tensor, Tensor]:
        arrays = np.ascontiguousarray(digits.images), digits.require_labels()
        with warnings.catch_warnings():
            # They may be read-only, and nothing writes to them: a copy is 784 bytes a picture.
            warnings.simplefilter("ignore", UserWarning)
            images, labels = map(torch.from_numpy, arrays)
        return images.to(self.device), labels.to(self.device)


def steps_within(recipe: Recipe, train: Dataset, seconds: float, members: int = 1) -> int:
    """Measure, on a throwaway trainer, how many steps this machine takes in `seconds`.

    Args:
        recipe: a resolved recipe.
        train: the pictures to learn from.
        seconds: how long.
        members: how many networks learn at once.

    Raises:
        TenfoldError: where not even one step fits.
    """
    trainer = Trainer(change(recipe, schedule={"name": "constant"}), train, members=members)
    trainer._capture()
    times = []
    for _ in range(10):
        began = time.perf_counter()
        trainer._step(trainer.chosen)
        synchronize(trainer.device)
        times.append(time.perf_counter() - began)
    del times[:2]  # the first steps choose kernels and allocate
    step = sorted(times)[len(times) // 2]
    steps = int(seconds / step)
    if steps < 1:
        raise TenfoldError(f"--time-budget {seconds:g}: one step takes {step:.2f} s here")
    return steps
