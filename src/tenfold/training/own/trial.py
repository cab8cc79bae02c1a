"""Try the code that a recipe names, on a few images, before anything is trained by it."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.own_code import code_names, own_error, unavailable
from tenfold.run.recipe import Recipe, change
from tenfold.training.inference import to_float
from tenfold.training.layers.module import OwnModule
from tenfold.training.own.augmentation import check_augmentation
from tenfold.training.trainer import Trainer

IMAGES = 32  # of which each step takes half


def try_own_code(
    recipe: Recipe, train_set: Dataset, precision: str = "auto"
) -> tuple[Recipe, tuple[str, ...]]:
    """Take a few steps of a recipe that names somebody's own code; of others, none.

    What such code cannot do is switched off and said: bfloat16, channels last, CUDA graphs,
    members at once. Whether a training that is resumed is the one that was not stopped is found
    out, on the CPU, by resuming one.

    Args:
        recipe: a resolved recipe.
        train_set: what is to be trained on.
        precision: what was asked for, before the recipe was resolved.

    Returns:
        The recipe, with a precision that its code computes in, and what there is to say.

    Raises:
        TenfoldError: where the code was not allowed, cannot be imported, fails, or cannot be
            trained.
    """
    names = code_names(recipe)
    if not names:
        return recipe, ()
    if reason := unavailable(recipe):
        raise TenfoldError(f"recipe {recipe.name}: {reason}")
    few = train_set.subset(np.arange(min(len(train_set), IMAGES)))
    few = replace(few, weights=None)  # of so few, all may be without
    with torch.random.fork_rng(devices=[]):
        try:
            return recipe, _notes(recipe, few)
        except TenfoldError as error:
            if recipe.precision != "bfloat16":
                raise
            wider = change(recipe, precision="float32")
            try:
                notes = _notes(wider, few)
            except TenfoldError:  # then bfloat16 is not to blame
                raise error from None
            if precision != "auto":
                raise TenfoldError(
                    f"{error}; in float32 it can be trained: give --set precision=float32"
                ) from error
            return wider, (f"{error}: training in float32, not in bfloat16", *notes)


def _notes(recipe: Recipe, few: Dataset) -> tuple[str, ...]:
    small = change(
        recipe,
        batch_size=max(1, min(recipe.batch_size, len(few) // 2)),
        schedule={"name": "constant"},
        reject_fraction=0,
        class_weight={},
        steps=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.safetensors"
        try:
            first = Trainer(small, few)
            if recipe.augmentation.own is not None:
                check_augmentation(recipe.augmentation.own, to_float(first.step.images))
            _take_step(first, 1)
            first.save(file)
            _take_step(first, 2)
            second = Trainer(small, few)
            second.restore(file)
            _take_step(second, 2)
        except TenfoldError:
            raise
        except Exception as error:  # in code that torch runs, as of a gradient
            raise own_error(code_names(recipe), error, "cannot be trained") from error
    return (*_switched_off(recipe, first), *_without_gradient(first), *_differs(first, second))


def _take_step(trainer: Trainer, number: int) -> None:
    trainer.network.train()
    trainer.step.seed(number)
    size = trainer.step.batch_size
    start = (number - 1) * size % max(1, len(trainer.train_set) - size + 1)
    trainer.train_step(torch.arange(start, start + size, device=trainer.backend.device))


def _switched_off(recipe: Recipe, trainer: Trainer) -> list[str]:
    contiguous = [
        module.name
        for module in trainer.network.children()
        if isinstance(module, OwnModule) and len(module.shape) == 3 and not module.channels_last
    ]
    notes = [
        f"{name}: does not compute channels last; it gets contiguous values"
        for name in dict.fromkeys(contiguous)
    ]
    if recipe.device == "cuda":
        names = ", ".join(code_names(recipe))
        notes.append(f"{names}: steps are not captured as CUDA graphs")
        if recipe.members > 1:
            notes.append(f"{names}: members train one after another")
    return notes


def _without_gradient(trainer: Trainer) -> list[str]:
    weights = [(name, one) for name, one in trainer.network.named_parameters() if one.requires_grad]
    lost = [name for name, one in weights if one.grad is None]
    if not lost:
        return []
    return [
        f"no gradient reaches {len(lost)} of the network's {len(weights)} weights, as {lost[0]}: "
        "they will not be trained"
    ]


def _differs(first: Trainer, second: Trainer) -> list[str]:
    if first.backend.device.type != "cpu":  # elsewhere sums may come in any order
        return []
    states = first.network.state_dict(), second.network.state_dict()
    if all(torch.equal(value, states[1][name]) for name, value in states[0].items()):
        return []
    names = ", ".join(code_names(first.recipe))
    return [
        f"{names}: a run that is stopped and resumed will end with other weights: something that "
        "changes from step to step is not in the checkpoint; keep it in buffers, or in the "
        "optimiser's state, and draw from torch's generators"
    ]
