import subprocess
import sys

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.inference import to_float
from tenfold.training.network import (
    Whitening,
    build,
    multiply_adds,
    multiply_adds_of_training,
    whiten,
)
from tenfold.training.trainer import Trainer

LAYERS = (
    'network=[{layer="crop",size=20},{layer="whiten",filters=12,kernel_size=5},{layer="relu"},'
    '{layer="flatten"},{layer="output"}]'
)


def whitening(trainer: Trainer) -> Whitening:
    (found,) = (layer for layer in trainer.network.modules() if isinstance(layer, Whitening))
    return found


def test_whitened_patches_are_uncorrelated_and_of_unit_variance(digits: Dataset) -> None:
    layer = Whitening(1, 12, 5, 1)
    pictures = to_float(torch.tensor(digits.images))
    whiten(torch.nn.Sequential(layer, torch.nn.ReLU()), pictures)
    patches = torch.nn.functional.unfold(pictures, 5).transpose(1, 2).flatten(0, 1)
    inked = patches[patches.std(1) > 0.05]
    answers = inked @ layer.weight[:6].flatten(1).T
    assert torch.allclose(torch.corrcoef(answers.T), torch.eye(6), atol=0.05)
    assert torch.allclose(answers.std(0), torch.ones(6), atol=0.1)
    assert torch.equal(layer.weight[6:], -layer.weight[:6])


def test_a_whitening_learns_nothing(digits: Dataset) -> None:
    recipe = resolve(load_recipe("quick", [LAYERS, "epochs=1", "batch_size=64"]))
    trainer = Trainer(recipe, digits.subset(np.arange(256)))
    before = whitening(trainer).weight.clone()
    trainer.run()
    assert torch.equal(whitening(trainer).weight, before)
    assert before.abs().sum() > 0


def test_a_whitening_of_pictures_without_ink_is_finite() -> None:
    layer = Whitening(1, 8, 3, 1)
    layer.fit(torch.zeros(4, 1, 28, 28))
    assert layer.weight.isfinite().all()


def test_a_backward_pass_costs_what_learns_and_what_flows_back() -> None:
    whitened = build(load_recipe("quick", [LAYERS]), 10)
    first, last = 12 * 25 * 20 * 20, 12 * 20 * 20 * 10
    assert multiply_adds(whitened) == first + last
    assert multiply_adds_of_training(whitened) == first + 2 * last
    layers = LAYERS.replace('"whiten"', '"conv"')
    learned = build(load_recipe("quick", [layers]), 10)
    assert multiply_adds_of_training(learned) == 2 * first + 3 * last


def test_training_does_without_torchs_compiler() -> None:
    code = (
        "import sys, numpy, tenfold\n"
        "from tenfold.run.recipe import load_recipe\n"
        "from tenfold.training.backend import resolve\n"
        "from tenfold.training.trainer import Trainer\n"
        "digits = tenfold.load('mnist').subset(numpy.arange(128))\n"
        "Trainer(resolve(load_recipe('quick', ['epochs=1', 'batch_size=64'])), digits).run()\n"
        "print([name for name in ('torch._dynamo', 'scipy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
