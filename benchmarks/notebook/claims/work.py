"""The measurements behind the claims, in units that each add one row."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, matches
from benchmarks.core.training import train_network
from benchmarks.notebook.runs import run_tenfold
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.data.split import split
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import device_name, resolve
from tenfold.training.network import build, parameters

SPLIT_SEEDS = 1000
NO_AUGMENTATION = ["augmentation.rotation=0", "augmentation.zoom=0", "augmentation.shift=0"]
SGD = ["optimiser.name=sgd", "optimiser.learning_rate=0.01"]
# Short trainings: how each differs from the notebook's recipe, and the claims that need it.
VARIANTS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "sgd": (SGD, ("sgd",)),
    "sgd-momentum": ([*SGD, "optimiser.momentum=0.9"], ("momentum",)),
    "pixels-255": ([], ("pixels",)),
    "mirrored": ([], ("flips",)),
    "split-random": (["split=random"], ("split",)),
    "split-stratified": (["split=stratified"], ("split",)),
}
BASE_CLAIMS = (
    "augmentation",
    "gain",
    "two-epochs",
    "sgd",
    "momentum",
    "pixels",
    "above",
    "overfit",
    "four-nine",
    "flips",
    "cpu",
)


@dataclass(frozen=True)
class Effort:
    """How much to measure: seeds, epochs of the short trainings, threads (0: every core).

    `settings` change the recipe of every training, for a trial of the benchmark itself.
    """

    seeds: int = 2
    epochs: int = 5
    threads: int = 0
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A unit of work: the file its row goes to, and how to tell that the row is there."""

    name: str
    claims: tuple[str, ...]
    file: str
    is_done: Callable[[list[Row]], bool]
    measure: Callable[[], Row]


def units(effort: Effort, runs: Path) -> list[Unit]:
    """List all of the work, shorter units first.

    Args:
        effort: how much.
        runs: where the folders of full runs are kept.
    """
    facts = [
        Unit(name, (name,), "claims", partial(_has, kind=name), measure)
        for name, measure in (("counts", counts), ("parameters", weights), ("shares", shares))
    ]
    facts[-1] = Unit("shares", ("split",), "claims", facts[-1].is_done, shares)
    if torch.cuda.is_available():
        facts.append(Unit("gpu", ("gpu",), "claims", partial(_has, kind="gpu"), gpu))
    short = [_short(variant, seed, effort) for seed in range(effort.seeds) for variant in VARIANTS]
    full = [
        _full(name, settings, claims, seed, effort, runs)
        for seed in range(effort.seeds)
        for name, settings, claims in (
            ("notebook", [], BASE_CLAIMS),
            ("notebook-no-augmentation", NO_AUGMENTATION, ("augmentation", "gain")),
        )
    ]
    return facts + short + full


def _has(rows: list[Row], **key: object) -> bool:
    return any(matches(row, **key) for row in rows)


def _short(variant: str, seed: int, effort: Effort) -> Unit:
    extra = list(effort.settings)

    def is_done(rows: list[Row]) -> bool:
        key = {"kind": "training", "variant": variant, "seed": seed, "settings": extra}
        return any(
            matches(row, **key) and (row["diverged"] or len(row["history"]) >= effort.epochs)
            for row in rows
        )

    measure = partial(train_variant, variant, seed, effort)
    return Unit(f"{variant}, seed {seed}", VARIANTS[variant][1], "claims", is_done, measure)


def _full(
    name: str, settings: list[str], claims: tuple[str, ...], seed: int, effort: Effort, runs: Path
) -> Unit:
    every = [*settings, *effort.settings]
    done = partial(_has, kind="tenfold", seed=seed, settings=every)
    suffix = "-".join(["", *effort.settings]).replace("/", "_")  # a trial is no full run
    out = runs / f"benchmark-{name}{suffix}-{seed}"
    measure = partial(run_tenfold, seed, out, every, effort.threads)
    return Unit(f"{name}, seed {seed}, full", claims, "notebook", done, measure)


def counts() -> Row:
    """Count each digit of Kaggle's training table."""
    dataset = load("kaggle")
    found = dict(zip(dataset.classes, dataset.class_counts.tolist(), strict=True))
    return {"kind": "counts", "counts": found, "n": len(dataset), **provenance()}


def weights() -> Row:
    """Count the weights of the notebook's network."""
    found = parameters(build(load_recipe("notebook"), 10))
    return {"kind": "parameters", "parameters": found, **provenance()}


def shares() -> Row:
    """Split Kaggle's images 1,000 times; measure how far class shares are from the whole's.

    The figure of a split is the largest gap, over the ten classes, between the class's share of
    the validation set and of the whole, in percentage points.
    """
    dataset = load("kaggle")
    own = dataset.class_counts / len(dataset)
    row: Row = {"kind": "shares", "n": SPLIT_SEEDS}
    for kind in ("random", "stratified"):
        gaps = []
        for seed in range(SPLIT_SEEDS):
            held = dataset.require_labels()[split(dataset, 0.1, kind, seed).validation]
            share = np.bincount(held, minlength=len(own)) / len(held)
            gaps.append(float(np.abs(share - own).max() * 100))
        spread = (np.mean(gaps), np.percentile(gaps, 97.5), np.max(gaps))
        names = ("mean", "percentile_97_5", "max")
        row[kind] = {name: float(value) for name, value in zip(names, spread, strict=True)}
    return row | provenance()


class RandomMirror(nn.Module):
    """Mirror each image left to right with probability 1/2 during training, anew each time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, images: Tensor) -> Tensor:
        """Mirror half of a batch, float [n, 1, 28, 28]; leave it as it is in evaluation."""
        if not self.training:
            return images
        mirrored = torch.rand(len(images), generator=self.generator) < 0.5
        return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)


class Scale(nn.Module):
    """Multiply pixels by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: Tensor) -> Tensor:
        """Scale images of any shape."""
        return images * self.factor


def train_variant(variant: str, seed: int, effort: Effort) -> Row:
    """Train the notebook's recipe, changed in one thing, for a few epochs; keep the history."""
    recipe = _recipe([*VARIANTS[variant][0], *effort.settings], seed, effort.epochs, effort.threads)
    first_layer = {
        "mirrored": RandomMirror(seed),
        "pixels-255": Scale(255.0),  # the weights stay as they are; pixels come in 255 times larger
    }.get(variant)
    train_set, val_set = _split(recipe)
    trained = train_network(recipe, train_set, val_set, first_layer)
    return {
        "kind": "training",
        "variant": variant,
        "seed": seed,
        "settings": list(effort.settings),
        "history": trained.history,
        "diverged": trained.diverged,
        "n": len(val_set),
        "seconds": round(trained.seconds, 1),
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": device_name(recipe.device),
        **provenance(),
    }


def gpu() -> Row:
    """Time the second epoch on the CPU and on the GPU; the first chooses kernels and allocates."""
    row: Row = {"kind": "gpu", "gpu": torch.cuda.get_device_name()}
    for device in ("cuda", "cpu"):
        recipe = resolve(
            change(load_recipe("notebook"), device=device, precision="float32", epochs=2)
        )
        row[f"{device}_seconds"] = train_network(recipe, *_split(recipe)).history[1]["seconds"]
    return row | {"threads": recipe.threads, **provenance()}


def _recipe(settings: list[str], seed: int, epochs: int, threads: int) -> Recipe:
    recipe = load_recipe("notebook", settings)
    return resolve(change(recipe, seed=seed, epochs=epochs, threads=threads or recipe.threads))


def _split(recipe: Recipe) -> tuple[Dataset, Dataset]:
    dataset = load("kaggle")
    parts = split(dataset, recipe.val_fraction, recipe.split, recipe.seed)
    return dataset.subset(parts.train), dataset.subset(parts.validation)
