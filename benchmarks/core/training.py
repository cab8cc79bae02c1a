"""Training within this process, of networks that a run folder cannot describe."""

from dataclasses import dataclass
from typing import Any

import msgspec
from torch import nn

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe
from tenfold.training.network import Network
from tenfold.training.trainer import Trainer


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Args:
        network: on the CPU.
        history: a row an epoch.
        seconds: of the training loop.
        diverged: whether the loss stopped being finite; `history` ends before that epoch.
    """

    network: Network
    history: list[dict[str, Any]]
    seconds: float
    diverged: bool = False


def train_network(
    recipe: Recipe,
    train_set: Dataset,
    val_set: Dataset | None = None,
    first_layer: nn.Module | None = None,
) -> Trained:
    """Train a resolved recipe, with another layer before its network, through divergence too.

    Args:
        recipe: what `tenfold.training.backend.resolve` returned.
        train_set: images to train on.
        val_set: images to score after each epoch, or None.
        first_layer: a layer without weights to put in front of the network, or None.

    Raises:
        KeyboardInterrupt: where training was interrupted.
    """
    trainer = Trainer(recipe, train_set, val_set)
    if first_layer is not None:
        trainer.networks[0].insert(0, first_layer)
    diverged = False
    try:
        trainer.train()
    except TenfoldError:
        diverged = True
    if trainer.interrupted:
        raise KeyboardInterrupt
    progress = trainer.progress
    history = [msgspec.to_builtins(record) for record in progress.history]
    return Trained(trainer.trained_networks()[0].cpu(), history, progress.seconds, diverged)
