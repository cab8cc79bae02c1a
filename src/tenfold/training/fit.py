"""The one way to a trained network."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.cascade import first_stage_recipe
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, change
from tenfold.run.records import EpochRecord
from tenfold.training import state
from tenfold.training.callbacks import Callback
from tenfold.training.grouped_ensemble import GroupedEnsemble
from tenfold.training.network import Network, build
from tenfold.training.onnx_export import export_onnx
from tenfold.training.profiling import PhaseTimer
from tenfold.training.trainer import Trainer

TRIAL_STEPS = 10
EXPORTED_IMAGES = 8  # on which an untrained network is compared with its export


@dataclass(frozen=True, eq=False)
class Fitted:
    """What is left of training.

    Args:
        networks: trained, one a member, on the CPU.
        first_stage: the small network of a cascade, on the CPU; None where the recipe has none.
        history: a record an epoch; of several members their mean.
        steps: optimiser steps taken.
        samples_seen: training images seen by each network, repetitions counted.
        seconds: of the training loop, of all members together.
        capture_seconds: of capturing CUDA graphs, apart from `seconds`.
        interrupted: whether training ended before its schedule did.
        stopped: whether a callback asked for the end.
    """

    networks: list[Network]
    first_stage: Network | None
    history: list[EpochRecord]
    steps: int
    samples_seen: int
    seconds: float
    capture_seconds: float
    interrupted: bool
    stopped: bool


def fit(
    recipe: Recipe,
    train_set: Dataset,
    val_set: Dataset | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | None = None,
    members: int = 1,
    timer: PhaseTimer | None = None,
    number: tuple[int, int] = (1, 1),
) -> Fitted:
    """Train networks of a recipe to the end of its schedule, or until Ctrl-C or a callback ends it.

    The caller's random state of torch is left as it is.

    Args:
        recipe: a resolved recipe (see `backend.resolve`).
        train_set: what to train on.
        val_set: scored after each epoch, or None.
        callbacks: told how training goes.
        checkpoint: the file that keeps the full state after each epoch; training resumes from what
            is there, and a finished one takes no step.
        members: how many networks to train at once, with seeds from the recipe's on.
        timer: measures the phases of training.
        number: which network of the run it is, from 1, and of how many; callbacks are told.

    Raises:
        TenfoldError: where recipe and images do not fit together, a layer does not fit, the loss is
            no longer finite, or the checkpoint is damaged or is not of this training.
        KeyboardInterrupt: on Ctrl-C before the first step.
    """
    with torch.random.fork_rng(devices=[]):
        trainer = Trainer(recipe, train_set, val_set, checkpoint, members, timer, number)
        trainer.train(callbacks)
    progress, first_stage = trainer.progress, trainer.first_stage
    return Fitted(
        networks=[network.cpu() for network in trainer.trained_networks()],
        first_stage=first_stage.network.cpu() if first_stage else None,
        history=progress.history,
        steps=progress.step,
        samples_seen=progress.step * trainer.step.batch_size,
        seconds=progress.seconds,
        capture_seconds=progress.capture_seconds,
        interrupted=trainer.interrupted,
        stopped=trainer.stopped,
    )


def check_fit(
    recipe: Recipe,
    train_set: Dataset,
    val_set: Dataset | None = None,
    members: int = 1,
    exported: bool = True,
) -> None:
    """Raise TenfoldError where a layer does not fit or cannot be exported, or a set is missing.

    An untrained network is exported and compared, so that nothing is trained in vain.

    Args:
        recipe: a resolved recipe.
        train_set, val_set, members: as `fit` takes them.
        exported: whether to export; for one seed of several that is enough.
    """
    with torch.random.fork_rng(devices=[]):
        trainer = Trainer(recipe, train_set, val_set, members=members)
    if not exported:
        return
    few = train_set.subset(np.arange(min(len(train_set), EXPORTED_IMAGES)))
    uncalibrated = change(recipe, reject_fraction=0)
    first_stage = trainer.first_stage.network if trainer.first_stage else None
    export_onnx(trainer.networks[:1], uncalibrated, few, None, few.images, first_stage=first_stage)


def load_networks(run: RunFolder) -> list[Network]:
    """Load the networks of a run from its checkpoints, as they stand; nothing is trained.

    Returns:
        One network, or one a fold or member, on the CPU.

    Raises:
        TenfoldError: where a checkpoint is absent or damaged.
    """
    recipe, classes = run.recipe(), len(run.environment().classes)
    loaded: list[Network] = []
    for folder, count in run.checkpoint_folders(recipe):
        checkpoint = state.load(folder.existing("checkpoint.safetensors"))
        networks = [build(recipe, classes) for _ in range(count)]
        if count == 1:
            checkpoint.restore_result(networks[0])
        else:
            ensemble = GroupedEnsemble(networks)
            checkpoint.restore_result(ensemble)
            ensemble.copy_to(networks)
        loaded += networks
    return loaded


def load_first_stage(run: RunFolder) -> Network | None:
    """Load the small network of a run's cascade from its checkpoint; None where it has none.

    Raises:
        TenfoldError: where the checkpoint is absent or damaged.
    """
    recipe = run.recipe()
    if not recipe.cascade.filters:
        return None
    folder, _ = run.checkpoint_folders(recipe)[0]
    checkpoint = state.load(folder.existing("checkpoint.safetensors"))
    network = build(first_stage_recipe(recipe), len(run.environment().classes))
    checkpoint.restore_first_stage(network)
    return network


def steps_within(recipe: Recipe, train_set: Dataset, seconds: float, members: int = 1) -> int:
    """Measure, on throwaway networks, how many steps this machine takes in `seconds`.

    Args:
        recipe: a resolved recipe.
        train_set: what to train on.
        seconds: how long.
        members: how many networks are trained at once.

    Raises:
        TenfoldError: where not even one step fits.
    """
    trial = change(recipe, schedule={"name": "constant"}, reject_fraction=0)
    trainer = Trainer(trial, train_set, members=members)
    trainer.step.capture()
    times = []
    for _ in range(TRIAL_STEPS):
        started = time.perf_counter()
        trainer.train_step(trainer.step.batch_indices.clone())
        trainer.backend.synchronize()
        times.append(time.perf_counter() - started)
    del times[:2]  # the first steps choose kernels and allocate
    step = sorted(times)[len(times) // 2]
    steps = int(seconds / step)
    if steps < 1:
        raise TenfoldError(f"--time-budget {seconds:g}: one step takes {step:.2f} s here")
    return steps
