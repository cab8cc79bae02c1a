"""A layer of somebody's own: any torch module."""

import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tenfold.errors import TenfoldError
from tenfold.run import layers as specs
from tenfold.run.own_code import import_object, own_error
from tenfold.training.layers.registry import Constants, Shape, register
from tenfold.training.onnx_graph import Graph, Scope
from tenfold.training.own.traced import trace

# Every module that a factory has made: one that is given twice would be trained twice.
_made: weakref.WeakSet[nn.Module] = weakref.WeakSet()


class OwnModule(nn.Module):
    """Somebody's module within a network.

    Args:
        inner: the module.
        name: what it was made by, as `my_net:Block`.
        shape: of one image's values that come in.

    Attributes:
        channels_last: whether it takes values and weights in the memory order of the layers around
            it; where it does not, it gets contiguous values, and its weights stay as they are.
    """

    def __init__(self, inner: nn.Module, name: str, shape: Shape) -> None:
        super().__init__()
        self.inner, self.name, self.shape = inner, name, shape
        self.channels_last = False

    def forward(self, values: Tensor) -> Any:
        """Compute what the module computes of values [n, *shape]."""
        if not self.channels_last:
            values = values.contiguous()
        return self.inner(values)


def lay_out(network: nn.Module, device: torch.device) -> None:
    """Move a network to a device, channels last but for modules that cannot have it so."""
    network.to(device)
    for layer in network.children():
        if not isinstance(layer, OwnModule) or layer.channels_last:
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _build(layer: specs.Module, shape: Shape, classes: int) -> OwnModule:
    factory = import_object(layer.module)
    offered = {"input_shape": shape, "classes": classes}
    try:
        inner = factory(**(_wanted(factory, offered) | layer.arguments))
    except TenfoldError:
        raise
    except Exception as error:
        raise own_error([layer.module], error) from error
    if not isinstance(inner, nn.Module):
        raise TenfoldError(
            f"{layer.module}: must make a torch nn.Module. Received: {type(inner).__name__}"
        )
    if inner in _made:
        raise TenfoldError(
            f"{layer.module}: gave a module that it had given before; it must make a new one in "
            "each call, or networks would share their weights"
        )
    _made.add(inner)
    module = OwnModule(inner, layer.module, shape)
    _check_output(module, shape)
    if len(shape) == 3:
        module.channels_last = _takes_channels_last(module, shape)
    return module


def _wanted(factory: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what a factory has a parameter for."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # of an extension
        return {}
    return {name: value for name, value in offered.items() if name in parameters}


@torch.no_grad()
def _check_output(module: OwnModule, shape: Shape) -> None:
    """Compute two blank images; makes the weights of lazy modules."""
    try:
        output = module.eval()(torch.zeros(2, *shape))
    except Exception as error:
        what = f"fails on values [2, {', '.join(map(str, shape))}]"
        raise own_error([module.name], error, what) from error
    if not isinstance(output, Tensor):
        raise TenfoldError(
            f"{module.name}: must return one tensor. Received: {type(output).__name__}"
        )
    if output.dtype != torch.float32 or output.ndim not in (2, 4) or len(output) != 2:
        raise TenfoldError(
            f"{module.name}: must return float32 [2, channels, height, width] or [2, units] for "
            f"values [2, {', '.join(map(str, shape))}]. Received: "
            f"{str(output.dtype).removeprefix('torch.')} {list(output.shape)}"
        )


@torch.no_grad()
def _takes_channels_last(module: OwnModule, shape: Shape) -> bool:
    values = torch.zeros(2, *shape).contiguous(memory_format=torch.channels_last)
    try:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        module.inner(values)
    except Exception:  # `view` on what does not lie so, weights of five axes: whatever it is
        module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return False
    return True


def _export(graph: Graph, module: OwnModule, value: str, scope: Scope) -> str:
    found = graph.traced.get(id(module))
    if found is None:
        found = graph.traced[id(module)] = trace(module.inner, module.shape, module.name)
    return graph.splice(found, value, scope, f"{scope.node}_module")


def _restore(module: OwnModule, constants: Constants, scope: str) -> None:
    raise KeyError(f"those of {module.name} are in no form that it can take back")


register(specs.Module, _build, _export, None, _restore)
