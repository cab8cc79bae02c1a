"""From a recipe's list of layers to a network, its first weights and its cost."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError
from tenfold.run.cascade import first_stage_recipe
from tenfold.run.layers import AnyLayer
from tenfold.run.network_summary import LayerSummary, NetworkSummary
from tenfold.run.recipe import Recipe, non_defaults
from tenfold.training.layers import layer_type
from tenfold.training.layers.convolution import Whitening
from tenfold.training.layers.module import OwnModule
from tenfold.training.layers.residual import SqueezeExcite
from tenfold.training.layers.spatial import CentreCrop


class Network(nn.Sequential):
    """A module for each layer of a recipe, in order: images float [n, 1, 28, 28] to logits.

    Args:
        layers: as the recipe has them.
        modules: what they were built to.
    """

    def __init__(self, layers: Sequence[AnyLayer], modules: Sequence[nn.Module]) -> None:
        super().__init__(*modules)
        self.layers = tuple(layers)


def build(recipe: Recipe, classes: int) -> Network:
    """Build the network, from images float [n, 1, 28, 28] in 0-1 to logits [n, classes].

    The first weights are drawn from torch's global generator.

    Raises:
        TenfoldError: where a layer does not fit behind the one before it.
    """
    shape: tuple[int, ...] = (1, SIDE, SIDE)
    modules: list[nn.Module] = []
    for number, layer in enumerate(recipe.network, 1):
        what = f"recipe {recipe.name}: layer {number}"
        try:
            _check_shape(layer, shape)
            module = layer_type(layer).build(layer, shape, classes)
            shape = tuple(module.eval()(torch.zeros(1, *shape)).shape[1:])
        except TenfoldError as error:
            raise TenfoldError(f"{what}: {error}") from error
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise TenfoldError(f"{what} does not fit behind {list(shape)}: {reason}") from None
        modules.append(module)
    if shape != (classes,):
        raise TenfoldError(
            f"recipe {recipe.name}: the last layer must give logits [n, {classes}], one for each "
            f"class. Received: [n, {', '.join(map(str, shape))}]"
        )
    network = Network(recipe.network, modules)
    initialise(network, recipe.initialisation)
    network.train()
    return network


def _check_shape(layer: AnyLayer, shape: tuple[int, ...]) -> None:
    """Raise ValueError where a layer does not take what comes in, as somebody's own layer made it.

    A dense layer would take the columns of a map for its inputs.
    """
    axes = {"maps": 3, "vectors": 1}.get(layer.takes)
    if axes is not None and len(shape) != axes:
        raise ValueError(f"it takes {layer.takes}, [{'c, h, w' if axes == 3 else 'c'}]")


def whiten(network: Network, images: Tensor) -> None:
    """Fit the filters of a whitening layer, if there is one, to images float [n, 1, 28, 28]."""
    for module in network:
        if isinstance(module, Whitening):
            module.fit(images)
        if not isinstance(module, CentreCrop):
            return
        images = module(images)


def initialise(network: nn.Module, kind: str) -> None:
    """Draw the first weights in place.

    `glorot` is Keras's default: uniform within sqrt(6 / (fan in + fan out)), biases zero. `he` is
    normal with variance 2 / fan in, biases zero. `dirac` is `he` with as many filters of each
    convolution as it has input channels (all but the first convolution) set to pass their channel
    on unchanged, after K. Jordan's airbench.
    """
    gates = _within(network, SqueezeExcite)
    own = _within(network, OwnModule)  # which has first weights of its own
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear) or isinstance(module, Whitening):
            continue
        if module in own:
            continue
        if kind == "glorot":
            nn.init.xavier_uniform_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        passes_on = isinstance(module, nn.Conv2d) and module.in_channels > 1 and module not in gates
        if kind == "dirac" and passes_on:
            nn.init.dirac_(module.weight.data[: module.in_channels])


def _within(network: nn.Module, kind: type[nn.Module]) -> set[nn.Module]:
    """Find what is within modules of a kind."""
    found = (module for module in network.modules() if isinstance(module, kind))
    return {part for module in found for part in module.modules()}


def parameters(network: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def multiply_adds(network: Network) -> int:
    """Count the multiply-adds that one image costs in convolutions and dense layers."""
    return sum(cost for _, cost in _outputs(network))


def multiply_adds_of_training(network: Network) -> int:
    """Count those of one image's forward and backward pass.

    Backward it is once for the gradient of the weights, where they learn, and once for that of what
    comes in, where anything before learns.
    """
    total, learned = 0, False
    for module, (_, cost) in zip(network, _outputs(network), strict=True):
        learns = any(weight.requires_grad for weight in module.parameters())
        total += cost * (1 + learns + learned)
        learned = learned or learns
    return total


def summarise(recipe: Recipe, classes: int = 10) -> NetworkSummary:
    """Summarise the network of a recipe; the random state of torch is left as it is.

    Raises:
        TenfoldError: where a layer does not fit behind the one before it.
    """
    with torch.random.fork_rng(devices=[]):
        network = build(recipe, classes)
    layers: list[LayerSummary] = []
    for module, layer, (shape, cost) in zip(
        network, network.layers, _outputs(network), strict=True
    ):
        kind, *settings = non_defaults(layer).items()
        weights = list(module.parameters())
        layers.append(
            LayerSummary(
                number=len(layers) + 1,
                layer=kind[1],
                settings=" ".join(_setting(key, value) for key, value in settings),
                output_shape=shape,
                parameters=sum(weight.numel() for weight in weights),
                trainable=parameters(module),
                multiply_adds=cost,
            )
        )
    first_stage = None
    if recipe.cascade.filters:
        first_stage = summarise(first_stage_recipe(recipe), classes)
    return NetworkSummary(tuple(layers), recipe.networks, first_stage)


def _setting(key: str, value: object) -> str:
    if key == "module":
        return str(value)
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _outputs(network: Network) -> list[tuple[tuple[int, ...], int]]:
    """Give the shape that goes out of each layer, and the multiply-adds that one image costs it."""
    found: list[tuple[tuple[int, ...], int]] = []
    costs: list[int] = []

    def count(part: nn.Module, inputs: object, output: Tensor) -> None:
        assert isinstance(part, nn.Conv2d | nn.Linear)
        width = part.out_channels if isinstance(part, nn.Conv2d) else part.out_features
        costs.append(part.weight.numel() * (output.numel() // width))

    shape: tuple[int, ...] = (1, SIDE, SIDE)
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    parts = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    hooks = [part.register_forward_hook(count) for part in parts]
    try:
        with torch.no_grad():
            for module in network:
                shape = tuple(module(torch.zeros(1, *shape, device=device)).shape[1:])
                found.append((shape, sum(costs)))
                costs.clear()
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return found
