"""Networks that are taken back from a model file predict as it does, and can be exported again."""

import numpy as np
import onnx
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.reader import SHIPPED
from tenfold.run.recipe import Recipe, change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.fit import fit
from tenfold.training.network import Network
from tenfold.training.onnx_export import export_onnx
from tenfold.training.onnx_restore import restore_networks
from tenfold.training.quantise import quantise


@pytest.fixture(scope="module")
def file(network: Network, recipe: Recipe, train_set: Dataset) -> Model:
    """The file of a network with a layer of each kind, batch norms folded and not."""
    return Model(export_onnx([network], recipe, train_set, None, train_set.images).content, 1)


def test_a_network_with_each_kind_of_layer_comes_back_as_it_was(
    file: Model, recipe: Recipe, network: Network, train_set: Dataset, test_set: Dataset
) -> None:
    restored = restore_networks(file, train_set.images[:50])
    assert len(restored) == 1
    images = torch.tensor(test_set.images).unsqueeze(1) / 255
    with torch.no_grad():
        ours, theirs = restored[0](images), network.eval()(images)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    again = export_onnx(restored, recipe, train_set, None, train_set.images)
    np.testing.assert_allclose(
        Model(again.content, 1).predict(test_set.images).probabilities,
        file.predict(test_set.images).probabilities,
        atol=1e-4,
    )


@pytest.mark.parametrize("name", ["quick", "best", "notebook"])
def test_the_recipes_of_the_package_come_back(
    name: str, small_set: Dataset, test_set: Dataset
) -> None:
    recipe = resolve(load_recipe(name, ["steps=2", "batch_size=64", "val_fraction=0"]))
    recipe = change(recipe, schedule={"name": "constant"})
    networks = fit(recipe, small_set).networks
    file = Model(export_onnx(networks, recipe, small_set, None, small_set.images[:8]).content, 1)
    images = torch.tensor(test_set.images[:20]).unsqueeze(1) / 255
    with torch.no_grad():
        expected = networks[0].eval()(images)
        received = restore_networks(file, test_set.images[:20])[0](images)
    torch.testing.assert_close(received, expected, atol=1e-3, rtol=1e-3)


def test_every_member_of_a_file_comes_back(
    network: Network, recipe: Recipe, train_set: Dataset, test_set: Dataset
) -> None:
    other = fit(change(recipe, seed=1, epochs=1), train_set).networks[0]
    content = export_onnx([network, other], recipe, train_set, None, train_set.images).content
    restored = restore_networks(Model(content, 1), train_set.images[:50])
    images = torch.tensor(test_set.images).unsqueeze(1) / 255
    with torch.no_grad():
        for ours, theirs in zip(restored, (network, other), strict=True):
            torch.testing.assert_close(ours(images), theirs.eval()(images), atol=1e-4, rtol=1e-4)


def test_the_shipped_model_comes_back(test_set: Dataset) -> None:
    (network,) = restore_networks(Model(SHIPPED, 1), test_set.images[:100])
    with torch.no_grad():
        logits = network(torch.tensor(test_set.images).unsqueeze(1) / 255)
    assert float((logits.argmax(1).numpy() == test_set.require_labels()).mean()) >= 0.99


def test_a_quantised_file_is_refused(file: Model, train_set: Dataset) -> None:
    quantised = Model(quantise(file.content, train_set.images[:50]), 1)
    with pytest.raises(TenfoldError, match="quantised to 8 bits"):
        restore_networks(quantised, train_set.images[:50])


def test_weights_that_are_not_the_recipes_are_refused(file: Model, train_set: Dataset) -> None:
    graph = onnx.load_model_from_string(file.content)
    (weight,) = (one for one in graph.graph.initializer if one.name == "weight_1")
    values = onnx.numpy_helper.to_array(weight).copy()
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "weight_of_another"))
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            if name == "weight_1":
                node.input[place] = "weight_of_another"
    renamed = Model(graph.SerializeToString(), 1)
    with pytest.raises(TenfoldError, match=r"not those of the network in its recipe.*weight_1"):
        restore_networks(renamed, train_set.images[:50])
