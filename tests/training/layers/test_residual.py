"""Residual blocks, gates and pools are what their papers and torch say."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.run import layers as specs
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.layers import layer_type
from tenfold.training.layers.residual import Residual, SqueezeExcite
from tenfold.training.network import build, multiply_adds, summarise
from tenfold.training.onnx_export import export_onnx
from tenfold.training.onnx_restore import restore_networks

BLOCKS = (
    'network=[{layer="crop",size=20},{layer="conv",filters=8,kernel_size=5,stride=2},'
    '{layer="residual",filters=8,squeeze_excite=4},{layer="avg_pool"},'
    '{layer="residual",filters=12,stride=2,layer_scale=0.5},{layer="squeeze_excite"},'
    '{layer="POOL"},{layer="output"}]'
)


def recipe(pool: str, *settings: str) -> Recipe:
    settings = (BLOCKS.replace("POOL", pool), "batch_size=64", "epochs=2", *settings)
    return resolve(load_recipe("quick", settings))


@pytest.mark.parametrize("pool", ["global_avg_pool", "global_max_pool"])
def test_they_train_and_predict_alike_in_the_model_file(
    pool: str, small_set: Dataset, test_set: Dataset
) -> None:
    fitted = fit(recipe(pool, "optimiser.name=adam", "schedule.name=cosine"), small_set)
    assert fitted.history[-1].loss < fitted.history[0].loss
    exported = export_onnx(fitted.networks, recipe(pool), small_set, None, test_set.images)
    assert (exported.parity.n, exported.parity.same_labels) == (500, 500)
    assert exported.parity.largest_difference < 1e-4
    (restored,) = restore_networks(Model(exported.content, 1), test_set.images[:50])
    images = torch.tensor(test_set.images).unsqueeze(1) / 255
    with torch.no_grad():
        expected = fitted.networks[0].eval()(images)
        torch.testing.assert_close(restored(images), expected, atol=1e-4, rtol=1e-4)


def test_a_block_is_torchs_layers_added_to_what_comes_in() -> None:
    torch.manual_seed(0)
    block = layer_type(specs.Residual(6, stride=2)).build(
        specs.Residual(6, stride=2), (4, 8, 8), 10
    )
    assert isinstance(block, Residual)
    block.eval()
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()  # type: ignore[union-attr]
            norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    images = torch.randn(3, 4, 8, 8)
    parts = block.shortcut_parts
    assert parts is not None
    hidden = functional.relu(
        block.norms[0](functional.conv2d(images, block.convs[0].weight, None, 2, 1))  # type: ignore[arg-type]
    )
    branch = block.norms[1](functional.conv2d(hidden, block.convs[1].weight, None, 1, 1))  # type: ignore[arg-type]
    beside = parts[1](functional.conv2d(images, parts[0].weight, None, 2))
    torch.testing.assert_close(block(images), functional.relu(branch + beside))
    assert layer_type(specs.Residual(4)).build(specs.Residual(4), (4, 8, 8), 10).shortcut is None


def test_a_gate_weighs_each_channel_by_all_means() -> None:
    torch.manual_seed(0)
    gate = layer_type(specs.SqueezeExcite(4)).build(specs.SqueezeExcite(4), (8, 5, 5), 10)
    assert isinstance(gate, SqueezeExcite)
    assert gate.squeeze.bias is not None
    assert gate.excite.bias is not None
    images = torch.randn(3, 8, 5, 5)
    hidden = functional.relu(
        images.mean((2, 3)) @ gate.squeeze.weight[:, :, 0, 0].T + gate.squeeze.bias
    )
    factors = (hidden @ gate.excite.weight[:, :, 0, 0].T + gate.excite.bias).sigmoid()
    torch.testing.assert_close(gate(images), images * factors[:, :, None, None])


def test_a_layer_scale_is_learned_from_its_first_value() -> None:
    spec = specs.Residual(6, layer_scale=0.1)
    block = layer_type(spec).build(spec, (6, 8, 8), 10)
    assert isinstance(block, Residual)
    assert block.scale is not None
    assert block.scale.requires_grad
    torch.testing.assert_close(block.scale.detach(), torch.full((6,), 0.1))


def test_a_block_costs_the_convolutions_within() -> None:
    spec = recipe("global_avg_pool")
    block = summarise(spec).layers[4]
    assert block.name == "residual filters=12 stride=2 layer_scale=0.5"
    assert (block.shape, block.layer) == ("12x3x3", "residual")
    assert block.multiply_adds == 9 * (12 * 8 * 9 + 12 * 12 * 9 + 12 * 8)
    assert summarise(spec).multiply_adds == multiply_adds(build(spec, 10))


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(TenfoldError, match=r"layer 3 \(residual\): .*odd kernel_size. Received: 4"):
        recipe("flatten", "network.3.kernel_size=4")
    with pytest.raises(TenfoldError, match=r"layer 7 \(flatten\) comes after .* a global pool"):
        recipe("flatten", "network.6.layer=global_max_pool")
