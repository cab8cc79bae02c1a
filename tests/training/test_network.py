import subprocess
import sys

import numpy as np
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run import layers as specs
from tenfold.run.recipe import load_recipe
from tenfold.training.backend import resolve
from tenfold.training.inference import to_float
from tenfold.training.layers.convolution import Whitening
from tenfold.training.network import (
    Network,
    build,
    multiply_adds,
    multiply_adds_of_training,
    parameters,
    summarise,
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


def test_whitened_patches_are_uncorrelated_and_of_unit_variance(train_set: Dataset) -> None:
    layer = Whitening(1, 12, 5, 1)
    images = to_float(torch.tensor(train_set.images))
    network = Network([specs.Whiten(12, 5), specs.Relu()], [layer, torch.nn.ReLU()])
    whiten(network, images)
    patches = torch.nn.functional.unfold(images, 5).transpose(1, 2).flatten(0, 1)
    inked = patches[patches.std(1) > 0.05]
    outputs = inked @ layer.weight[:6].flatten(1).T
    assert torch.allclose(torch.corrcoef(outputs.T), torch.eye(6), atol=0.05)
    assert torch.allclose(outputs.std(0), torch.ones(6), atol=0.1)
    assert torch.equal(layer.weight[6:], -layer.weight[:6])


def test_a_whitening_layer_learns_nothing(train_set: Dataset) -> None:
    recipe = resolve(load_recipe("quick", [LAYERS, "epochs=1", "batch_size=64"]))
    trainer = Trainer(recipe, train_set.subset(np.arange(256)))
    before = whitening(trainer).weight.clone()
    trainer.train()
    assert trainer.progress.step == 4
    assert torch.equal(whitening(trainer).weight, before)
    assert before.abs().sum() > 0


def test_a_whitening_layer_fitted_to_images_without_ink_is_finite() -> None:
    layer = Whitening(1, 8, 3, 1)
    layer.fit(torch.zeros(4, 1, 28, 28))
    assert layer.weight.isfinite().all()


def test_a_backward_pass_costs_what_learns_and_what_flows_back() -> None:
    whitened = build(load_recipe("quick", [LAYERS]), 10)
    first, last = 12 * 25 * 20 * 20, 12 * 20 * 20 * 10
    assert multiply_adds(whitened) == first + last
    assert multiply_adds_of_training(whitened) == first + 2 * last
    layers = LAYERS.replace('"whiten"', '"conv"')
    trainable = build(load_recipe("quick", [layers]), 10)
    assert multiply_adds_of_training(trainable) == 2 * first + 3 * last


def test_training_does_without_torchs_compiler() -> None:
    code = (
        "import sys, numpy, tenfold\n"
        "from tenfold.run.recipe import load_recipe\n"
        "from tenfold.training.backend import resolve\n"
        "from tenfold.training.fit import fit\n"
        "train_set = tenfold.load('mnist').subset(numpy.arange(128))\n"
        "fitted = fit(resolve(load_recipe('quick', ['epochs=1', 'batch_size=64'])), train_set)\n"
        "modules = [name for name in ('torch._dynamo', 'scipy') if name in sys.modules]\n"
        "print(fitted.steps, modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"


def test_the_summary_has_the_cost_of_every_layer() -> None:
    recipe = load_recipe("quick")
    network = build(recipe, 10)
    summary = summarise(recipe)
    assert len(summary.layers) == len(recipe.network)
    assert summary.trainable == parameters(network)
    assert summary.parameters == sum(weight.numel() for weight in network.parameters())
    assert summary.multiply_adds == multiply_adds(network)
    whiten, conv, output = (summary.layers[index] for index in (1, 3, -1))
    assert (whiten.parameters, whiten.trainable) == (32 * 5 * 5, 0)
    assert (conv.number, conv.name) == (4, "conv filters=64 kernel_size=3 bias=false")
    assert (conv.output_shape, conv.shape) == ((64, 12, 12), "64x12x12")
    assert conv.multiply_adds == 32 * 64 * 3 * 3 * 12 * 12
    assert (output.output_shape, output.parameters) == ((10,), 128 * 3 * 3 * 10 + 10)
    assert summarise(recipe, 26).layers[-1].output_shape == (26,)


def test_a_summary_of_several_networks_says_so_and_draws_no_random_number() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    text = str(summarise(load_recipe("quick", ["members=3"])))
    assert torch.equal(torch.rand(1), expected)
    assert text.endswith("multiply-adds per image\n3 such networks are trained")
    assert max(map(len, text.splitlines())) <= 80


def test_a_layer_that_does_not_fit_is_named_by_the_summary_too() -> None:
    with pytest.raises(TenfoldError, match="layer 1 does not fit behind"):
        summarise(load_recipe("notebook", ["network.1.padding=valid", "network.1.kernel_size=99"]))
