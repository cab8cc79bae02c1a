"""Take networks back from a model file: its weights, as `onnx_export` wrote them.

The recipe in the file lists the layers, and each of them takes its weights from the constants that
it exported under its name. A batch norm was folded into the convolution before it, whose bias
becomes its offset: what it once divided by is not in the file, so it can learn as a factor and an
offset only, in evaluation mode.
"""

import re

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.internals import whole_network
from tenfold.run.recipe import Recipe, parse_recipe
from tenfold.training.inference import predict_probabilities
from tenfold.training.layers import layer_type
from tenfold.training.layers.convolution import restore_folded
from tenfold.training.layers.registry import Constants
from tenfold.training.network import Network, build

MEMBER = re.compile(r"(?:weight|scale)_m(\d+)_\d+")
AGREEMENT = 0.98  # of the images are to get the probabilities of the file, within `TOLERANCE`
TOLERANCE = 5e-3


def restore_networks(model: Model, images: Images) -> list[Network]:
    """Build the networks of a model file anew, with its weights, on the CPU.

    Of a cascade they are the whole network; its first stage is left out.

    Args:
        model: the file.
        images: uint8 [n, 28, 28], on which the networks' predictions are compared with the file's.

    Returns:
        The networks, one a member, in evaluation mode.

    Raises:
        TenfoldError: where the file is quantised, its networks are not those of its recipe, or they
            do not predict as it does.
    """
    recipe = parse_recipe(model.recipe_toml, model.name)
    constants = _constants(model)
    members = 1 + max(
        (int(found[1]) for found in map(MEMBER.fullmatch, constants) if found), default=0
    )
    with torch.random.fork_rng(devices=[]):
        networks = [build(recipe, len(model.classes)) for _ in range(members)]
    try:
        for number, network in enumerate(networks):
            _restore(network, constants, f"m{number}_" if number else "")
    except (KeyError, RuntimeError) as error:
        raise TenfoldError(
            f"{model.name}: its weights are not those of the network in its recipe "
            f"({' '.join(str(error).split())}); name the run, or another model file"
        ) from None
    _check(model, networks, recipe, images)
    return [network.eval() for network in networks]


def _constants(model: Model) -> Constants:
    graph = onnx.load_model_from_string(model.content).graph
    if any(node.op_type == "DequantizeLinear" for node in graph.node):
        raise TenfoldError(
            f"{model.name}: is quantised to 8 bits, and cannot learn; name the run or the model "
            "file that it was made from, and quantise the result"
        )
    return {
        one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer
    }


def _restore(network: Network, constants: Constants, member: str) -> None:
    before: tuple[int, nn.Module] | None = None
    for index, (layer, module) in enumerate(zip(network.layers, network, strict=True)):
        name = f"{member}{index}"
        if (
            isinstance(module, nn.BatchNorm2d)
            and before is not None
            and isinstance(before[1], nn.Conv2d)
        ):
            restore_folded(before[1], module, constants, f"{member}{before[0]}")
        else:
            layer_type(layer).restore(module, constants, name)
        before = index, module


def _check(model: Model, networks: list[Network], recipe: Recipe, images: Images) -> None:
    """Raise TenfoldError where networks do not predict as the file that they are from."""
    expected = whole_network(model).predict(images).probabilities
    shift, temperature = recipe.test_time_shift, model.confidence.temperature
    received = predict_probabilities(networks, images, shift, temperature)
    gap = abs(expected - received).max(axis=1)
    # an image about as unsure as is looked at again may be by one and not by the other
    if (gap <= TOLERANCE).mean() < AGREEMENT:
        raise TenfoldError(
            f"{model.name}: the network of its recipe, with its weights, predicts otherwise, by up "
            f"to {gap.max():.2g}; name the run, or another model file"
        )
