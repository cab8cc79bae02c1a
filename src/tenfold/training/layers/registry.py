"""What a layer registers: how it is built, exported, restored and stacked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from tenfold.run import layers as specs
from tenfold.training.onnx_graph import Graph, Scope

Shape = tuple[int, ...]  # of one image's values, without the batch: [c, h, w], or [n] once flat
Spec = TypeVar("Spec", bound=specs.Layer)
Module = TypeVar("Module", bound=nn.Module)
Constants = Mapping[str, Tensor]  # of an ONNX graph, by their names


@dataclass(frozen=True)
class LayerType:
    """One kind of layer.

    Args:
        build: makes the module from the recipe's layer, the shape of what comes in and the number
            of classes. Raises ValueError where they do not fit.
        export: adds the trained module to an ONNX graph: graph, module, the name of what comes in,
            scope; returns the name of what goes out.
        stack: joins the modules of several networks into one that computes them side by side, on
            values [n, members * channels, h, w]; its weights are theirs along the first axis. None
            where that cannot be done: such networks train one after another.
        restore: takes the weights of a built module from what `export` wrote: module, constants,
            `Scope.weights`. Raises KeyError where one is absent, RuntimeError where its shape
            differs.
    """

    build: Callable[[Any, Shape, int], nn.Module]
    export: Callable[[Graph, Any, str, Scope], str]
    stack: Callable[[Sequence[Any]], nn.Module] | None
    restore: Callable[[Any, Constants, str], None]


def nothing_to_restore(module: nn.Module, constants: Constants, scope: str) -> None:
    """Take nothing: the module has no weights."""


_TYPES: dict[type[specs.Layer], LayerType] = {}


def register(
    spec: type[Spec],
    build: Callable[[Spec, Shape, int], Module],
    export: Callable[[Graph, Module, str, Scope], str],
    stack: Callable[[Sequence[Module]], nn.Module] | None,
    restore: Callable[[Module, Constants, str], None] = nothing_to_restore,
) -> None:
    """Register a kind of layer under its type in `tenfold.run.layers`."""
    _TYPES[spec] = LayerType(build, export, stack, restore)


def layer_type(layer: specs.Layer) -> LayerType:
    """Look up what a recipe's layer has registered."""
    return _TYPES[type(layer)]


def unstackable(layers: Sequence[specs.Layer]) -> str | None:
    """Name the first layer that cannot be stacked, as `layer 3 (lstm)`; None where all can."""
    for number, layer in enumerate(layers, 1):
        if layer_type(layer).stack is None:
            name = getattr(layer, "module", type(layer).__struct_config__.tag)
            return f"layer {number} ({name})"
    return None
