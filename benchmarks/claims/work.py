"""The work behind the claims, in parts that each leave one row."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import results
from benchmarks.notebook_runs import run_tenfold
from benchmarks.results import Row
from tenfold.data.source import load
from tenfold.data.split import split
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import device_name, resolve
from tenfold.training.network import Scale, build, parameters
from tenfold.training.trainer import Trainer

SPLIT_SEEDS = 1000
UNMOVED = ["augmentation.rotation=0", "augmentation.zoom=0", "augmentation.shift=0"]
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
    "figures",
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
    """A part of the work: the file its row goes to, and how to tell that the row is there."""

    name: str
    claims: tuple[str, ...]
    file: str
    is_done: Callable[[list[Row]], bool]
    measure: Callable[[], Row]


def units(effort: Effort, runs: Path) -> list[Unit]:
    """List all of the work, shorter parts first.

    Args:
        effort: how much.
        runs: where the folders of whole runs are kept.
    """
    facts = [
        Unit(name, (name,), "claims", partial(results.has, kind=name), measure)
        for name, measure in (("counts", counts), ("parameters", weights), ("shares", shares))
    ]
    facts[-1] = Unit("shares", ("split",), "claims", facts[-1].is_done, shares)
    if torch.cuda.is_available():
        facts.append(Unit("gpu", ("gpu",), "claims", partial(results.has, kind="gpu"), gpu))
    short = [_short(variant, seed, effort) for seed in range(effort.seeds) for variant in VARIANTS]
    whole = [
        _whole(name, settings, claims, seed, effort, runs)
        for seed in range(effort.seeds)
        for name, settings, claims in (
            ("notebook", [], BASE_CLAIMS),
            ("notebook-unmoved", UNMOVED, ("augmentation", "figures")),
        )
    ]
    return facts + short + whole


def _short(variant: str, seed: int, effort: Effort) -> Unit:
    extra = list(effort.settings)

    def is_done(rows: list[Row]) -> bool:
        key = {"kind": "training", "variant": variant, "seed": seed, "settings": extra}
        return any(
            results.has([row], **key) and (row["diverged"] or len(row["history"]) >= effort.epochs)
            for row in rows
        )

    measure = partial(train_variant, variant, seed, effort)
    return Unit(f"{variant}, seed {seed}", VARIANTS[variant][1], "claims", is_done, measure)


def _whole(
    name: str, settings: list[str], claims: tuple[str, ...], seed: int, effort: Effort, runs: Path
) -> Unit:
    every = [*settings, *effort.settings]
    done = partial(results.has, kind="tenfold", seed=seed, settings=every)
    tried = "-".join(["", *effort.settings]).replace("/", "_")  # a trial never passes for the run
    out = runs / f"benchmark-{name}{tried}-{seed}"
    measure = partial(run_tenfold, seed, out, every, effort.threads)
    return Unit(f"{name}, seed {seed}, whole", claims, "notebook", done, measure)


def counts() -> Row:
    """Count each digit of Kaggle's training table."""
    digits = load("kaggle")
    found = dict(zip(digits.classes, digits.class_counts.tolist(), strict=True))
    return {"kind": "counts", "counts": found, "n": len(digits), **results.stamp()}


def weights() -> Row:
    """Count the weights of the notebook's network."""
    found = parameters(build(load_recipe("notebook"), 10))
    return {"kind": "parameters", "parameters": found, **results.stamp()}


def shares() -> Row:
    """Part Kaggle's pictures 1,000 times, and see how far a class's share is from its own.

    The figure of a split is the largest gap, over the ten classes, between the class's share of
    the validation part and of the whole, in percentage points.
    """
    digits = load("kaggle")
    own = digits.class_counts / len(digits)
    row: Row = {"kind": "shares", "n": SPLIT_SEEDS}
    for kind in ("random", "stratified"):
        gaps = []
        for seed in range(SPLIT_SEEDS):
            held = digits.require_labels()[split(digits, 0.1, kind, seed).validation]
            share = np.bincount(held, minlength=len(own)) / len(held)
            gaps.append(float(np.abs(share - own).max() * 100))
        spread = (np.mean(gaps), np.percentile(gaps, 97.5), np.max(gaps))
        names = ("mean", "percentile_97_5", "max")
        row[kind] = {name: float(value) for name, value in zip(names, spread, strict=True)}
    return row | results.stamp()


class MirroredTrainer(Trainer):
    """Mirror each training picture left to right with probability 1/2, anew each epoch."""

    def epoch(self) -> None:
        """Mirror half of the pictures, then train on them."""
        draw = torch.Generator().manual_seed(self.recipe.seed * 100_003 + self.step)
        chosen = (torch.rand(len(self.images), generator=draw) < 0.5).to(self.device)
        self.images[chosen] = self.images[chosen].flip(-1)
        super().epoch()


def train_variant(variant: str, seed: int, effort: Effort) -> Row:
    """Train the notebook's recipe, changed in one thing, for a few epochs; keep the history."""
    recipe = _recipe([*VARIANTS[variant][0], *effort.settings], seed, effort.epochs, effort.threads)
    trainer = _trainer(MirroredTrainer if variant == "mirrored" else Trainer, recipe)
    if variant == "pixels-255":  # the weights stay; the picture comes in 255 times larger
        trainer.networks[0].insert(0, Scale(255.0))
    diverged = False
    try:
        trainer.run()
    except TenfoldError:
        diverged = True
    if trainer.interrupted:
        raise KeyboardInterrupt
    assert trainer.validation
    return {
        "kind": "training",
        "variant": variant,
        "seed": seed,
        "settings": list(effort.settings),
        "history": trainer.history,
        "diverged": diverged,
        "n": len(trainer.validation),
        "seconds": round(trainer.seconds, 1),
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": device_name(recipe.device),
        **results.stamp(),
    }


def gpu() -> Row:
    """Time a second epoch on the processor and on the GPU, validation included."""
    row: Row = {"kind": "gpu", "gpu": torch.cuda.get_device_name()}
    for device in ("cuda", "cpu"):
        recipe = change(load_recipe("notebook"), device=device, precision="float32", epochs=2)
        trainer = _trainer(Trainer, resolve(recipe))
        trainer.epoch()  # chooses kernels and allocates
        began = time.perf_counter()
        trainer.epoch()  # ends in reading the loss, so that the device has finished
        row[f"{device}_seconds"] = time.perf_counter() - began
    return row | {"threads": trainer.recipe.threads, **results.stamp()}


def _recipe(settings: list[str], seed: int, epochs: int, threads: int) -> Recipe:
    recipe = load_recipe("notebook", settings)
    return resolve(change(recipe, seed=seed, epochs=epochs, threads=threads or recipe.threads))


def _trainer(kind: type[Trainer], recipe: Recipe) -> Trainer:
    digits = load("kaggle")
    parts = split(digits, recipe.val_fraction, recipe.split, recipe.seed)
    return kind(recipe, digits.subset(parts.train), digits.subset(parts.validation))
