"""What a layer registers decides whether it can be exported and stacked."""

from collections.abc import Iterator

import msgspec
import pytest
from torch import nn

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run import layers as specs
from tenfold.run.recipe import Recipe, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.layers import layer_type, register, registry, unstackable
from tenfold.training.onnx_export import export_onnx
from tenfold.training.onnx_graph import Graph, Scope

BUILT_IN: list[specs.AnyLayer] = [
    specs.Crop(24),
    specs.Conv(8, 3),
    specs.Whiten(8, 3),
    specs.BatchNorm(),
    specs.Relu(),
    specs.Gelu(),
    specs.MaxPool(),
    specs.AvgPool(),
    specs.Residual(16),
    specs.SqueezeExcite(),
    specs.GlobalAvgPool(),
    specs.GlobalMaxPool(),
    specs.Dropout(0.1),
    specs.Flatten(),
    specs.Dense(16),
    specs.Output(),
]


class Softplus(specs.Layer, frozen=True, tag="softplus"):
    """log(1 + exp(x)): a layer that Tenfold does not have."""


def _export_softplus(graph: Graph, module: nn.Softplus, value: str, scope: Scope) -> str:
    return graph.add("Softplus", [value], f"{scope.node}_softplus")


@pytest.fixture
def recipe() -> Iterator[Recipe]:
    """A recipe whose third layer is registered here, and cannot be stacked."""
    register(Softplus, lambda *_: nn.Softplus(), _export_softplus, None)
    plain = resolve(load_recipe("quick", ["batch_size=64", "steps=20"]))
    layers = (specs.Crop(20), specs.Conv(8, 5, 2), Softplus(), specs.Flatten(), specs.Output())
    yield msgspec.structs.replace(plain, network=layers)
    del registry._TYPES[Softplus]


def test_the_examples_are_all_layers_of_a_recipe() -> None:
    own = specs.Module  # somebody's own cannot be stacked
    assert {type(layer) for layer in BUILT_IN} | {own} == set(specs.AnyLayer.__args__)


@pytest.mark.parametrize("layer", BUILT_IN, ids=lambda layer: type(layer).__name__)
def test_every_layer_of_a_recipe_is_registered_and_can_be_stacked(layer: specs.AnyLayer) -> None:
    assert layer_type(layer).stack is not None
    assert unstackable([layer]) is None


def test_parallel_members_are_refused_where_a_layer_cannot_be_stacked(recipe: Recipe) -> None:
    assert unstackable(recipe.network) == "layer 3 (softplus)"
    together = msgspec.structs.replace(recipe, members=2, parallel_members=2)
    with pytest.raises(TenfoldError, match=r"layer 3 \(softplus\) .* Received: 2") as caught:
        resolve(together)
    assert "--set parallel_members=1" in str(caught.value)


def test_a_layer_that_is_registered_trains_and_predicts_from_the_model_file(
    recipe: Recipe, small_set: Dataset, test_set: Dataset
) -> None:
    fitted = fit(recipe, small_set)
    parity = export_onnx(fitted.networks, recipe, small_set, None, test_set.images).parity
    assert (parity.n, parity.same_labels) == (500, 500)
    assert parity.largest_difference < 1e-4
    assert fitted.history[-1].loss < fitted.history[0].loss
