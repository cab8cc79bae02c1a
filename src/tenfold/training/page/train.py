"""Train the page network on synthetic scenes, in pieces that keep what is finished."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tenfold.data.atomic import atomic_write
from tenfold.errors import TenfoldError
from tenfold.model.page_network import normalise_contrast
from tenfold.run import optimisers as specs
from tenfold.training.optimisers import Optimiser, make_optimisers
from tenfold.training.page.glyphs import Glyphs
from tenfold.training.page.network import PageNetwork
from tenfold.training.page.scenes import Scenes
from tenfold.training.page.targets import Targets, loss

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"


@dataclass(frozen=True)
class PageRecipe:
    """How the page network is trained; the schedule is fixed and the last weights are used.

    Args:
        steps: of the optimiser.
        batch_size: scenes a step.
        side: of a scene, in pixels.
        learning_rate: of Muon, which makes each step of a filter orthogonal.
        adamw_learning_rate: of the other weights.
        warmup: share of the steps in which the rates rise; then they fall linearly to 0.
        weight_decay: of all weights.
        seed: decides the scenes and the first weights.
    """

    steps: int = 10_500
    batch_size: int = 8
    side: int = 320
    learning_rate: float = 0.02
    adamw_learning_rate: float = 0.003
    warmup: float = 0.02
    weight_decay: float = 0.02
    seed: int = 0


@dataclass(eq=False)
class _Training:
    """A network and its optimisers after so many steps."""

    recipe: PageRecipe
    network: PageNetwork
    optimisers: list[Optimiser]
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def train_step(self, images: Tensor, targets: Targets) -> None:
        """Take one step of the optimisers."""
        done = self.step / self.recipe.steps
        factor = min(1.0, done / self.recipe.warmup) * (1 - done)
        rates = (self.recipe.learning_rate, self.recipe.adamw_learning_rate)
        for optimiser, rate in zip(self.optimisers, rates, strict=True):
            optimiser.set_rate(rate * factor)
            optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            output = self.network(images.to(memory_format=torch.channels_last))
        value, parts = loss(output, targets)
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        for name, part in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + part

    def tensors(self) -> dict[str, Tensor]:
        """Return all of its state: what is changed in place, too."""
        named = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for which, optimiser in enumerate(self.optimisers):
            for name, values in optimiser.state.items():
                for weight, value in enumerate(values):
                    named[f"optimiser.{which}.{weight}.{name}"] = value
        return named

    def save(self, path: Path) -> None:
        """Write the state; a killed process leaves the last whole file."""
        whole = {name: value.detach().contiguous() for name, value in self.tensors().items()}
        metadata = {"recipe": json.dumps(asdict(self.recipe)), "step": str(self.step)}
        with atomic_write(path) as file:
            file.write(to_bytes(whole, metadata))

    def restore(self, path: Path) -> None:
        """Read the state.

        Raises:
            TenfoldError: where it is of another recipe.
        """
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            if json.loads(metadata["recipe"]) != asdict(self.recipe):
                raise TenfoldError(
                    f"{path}: is of another recipe; name another folder, or remove it"
                )
            with torch.no_grad():
                for name, value in self.tensors().items():
                    value.copy_(file.get_tensor(name))
        self.step = int(metadata["step"])


class _Batches(Dataset[tuple[Tensor, Targets]]):
    """The batch of each step, from its own seed: a killed training goes on as if not killed."""

    def __init__(self, recipe: PageRecipe, scenes: Scenes, first: int) -> None:
        self._recipe, self._scenes, self._first = recipe, scenes, first

    def __len__(self) -> int:
        return self._recipe.steps - self._first

    def __getitem__(self, place: int) -> tuple[Tensor, Targets]:
        torch.set_num_threads(1)
        self._scenes.reseed([self._recipe.seed, 1 + self._first + place])
        made = [self._scenes.make() for _ in range(self._recipe.batch_size)]
        images = [normalise_contrast(scene.image.astype(np.float32)) for scene in made]
        return torch.from_numpy(np.stack(images)[:, None]), Targets.of(made)


def train_page_network(
    folder: Path, recipe: PageRecipe, written: Glyphs, printed: Glyphs, every: int = 200
) -> PageNetwork:
    """Train, or go on where a killed training stopped; return the network with its last weights.

    Scenes are made in a process of their own, beside the steps.

    Args:
        folder: has the checkpoint, and a line of losses for each.
        recipe: what to do.
        written: handwriting to make scenes of.
        printed: print to make scenes of.
        every: steps from checkpoint to checkpoint.

    Raises:
        TenfoldError: where the folder has the checkpoint of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = PageNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    config = specs.Muon(
        learning_rate=recipe.learning_rate,
        adamw_learning_rate=recipe.adamw_learning_rate,
        weight_decay=recipe.weight_decay,
    )
    training = _Training(recipe, network, make_optimisers(network, config, dtype=torch.bfloat16))
    if (folder / CHECKPOINT).exists():
        training.restore(folder / CHECKPOINT)
    network.train()
    scenes = Scenes(written, printed, recipe.side, recipe.seed)
    started = time.perf_counter()
    for images, targets in _loader(_Batches(recipe, scenes, training.step)):
        training.train_step(images, targets)
        if training.step % every == 0 or training.step == recipe.steps:
            training.save(folder / CHECKPOINT)
            _report(folder / LOG, training, (time.perf_counter() - started) / every, every)
            started = time.perf_counter()
    return network.eval()


def _loader(batches: _Batches) -> Iterator[tuple[Tensor, Targets]]:
    return iter(DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4))


def _report(log: Path, training: _Training, seconds: float, every: int) -> None:
    losses = {name: round(total / every, 4) for name, total in training.sums.items()}
    line = json.dumps({"step": training.step, "seconds_a_step": round(seconds, 3)} | losses)
    training.sums.clear()
    with log.open("a") as file:
        file.write(line + "\n")
    print(line, flush=True)
