"""Layers that treat every value alike: activations and dropout."""

import copy
from collections.abc import Sequence

from torch import nn

from tenfold.run import layers as specs
from tenfold.training.layers.registry import register
from tenfold.training.onnx_graph import Graph, Scope


def same(modules: Sequence[nn.Module]) -> nn.Module:
    """Stack modules without weights that compute each channel by itself: one does for all."""
    return copy.deepcopy(modules[0])


def _export_relu(graph: Graph, module: nn.ReLU, value: str, scope: Scope) -> str:
    return graph.add("Relu", [value], f"{scope.node}_relu")


def _export_gelu(graph: Graph, module: nn.GELU, value: str, scope: Scope) -> str:
    return graph.add("Gelu", [value], f"{scope.node}_gelu", approximate="tanh")


def _export_dropout(graph: Graph, module: nn.Dropout, value: str, scope: Scope) -> str:
    return value  # the identity once a network is trained


register(specs.Relu, lambda *_: nn.ReLU(inplace=True), _export_relu, same)
register(specs.Gelu, lambda *_: nn.GELU(approximate="tanh"), _export_gelu, same)
register(specs.Dropout, lambda layer, *_: nn.Dropout(layer.rate), _export_dropout, same)
