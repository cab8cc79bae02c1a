"""Dense layers, and the output."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tenfold.run import layers as specs
from tenfold.training.layers.registry import Constants, Shape, register
from tenfold.training.onnx_graph import Graph, Scope


class ScaledLinear(nn.Linear):
    """A dense layer whose outputs are multiplied by a constant."""

    def __init__(self, inputs: int, outputs: int, scale: float = 1.0) -> None:
        super().__init__(inputs, outputs)
        self.scale = scale

    def forward(self, values: Tensor) -> Tensor:
        """Map values [n, inputs] to [n, outputs]."""
        outputs = super().forward(values)
        return outputs if self.scale == 1 else outputs * self.scale


class GroupedLinear(nn.Module):
    """Dense layers side by side: values [n, members * in] to [n, members * out]."""

    def __init__(self, layers: Sequence[ScaledLinear]) -> None:
        super().__init__()
        self.members, self.scale = len(layers), layers[0].scale
        self.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))

    def forward(self, values: Tensor) -> Tensor:
        """Map values [n, members * in], each member's by its own layer."""
        inputs = values.view(len(values), self.members, -1).transpose(0, 1)
        weight = self.weight.view(self.members, -1, inputs.shape[2])
        bias = self.bias.view(self.members, 1, -1)
        outputs = torch.baddbmm(bias, inputs, weight.transpose(1, 2)).transpose(0, 1).flatten(1)
        return outputs if self.scale == 1 else outputs * self.scale


def _build_dense(layer: specs.Dense, shape: Shape, classes: int) -> ScaledLinear:
    return ScaledLinear(shape[0], layer.units)


def _build_output(layer: specs.Output, shape: Shape, classes: int) -> ScaledLinear:
    return ScaledLinear(shape[0], classes, layer.scale)


def _export(graph: Graph, module: ScaledLinear, value: str, scope: Scope) -> str:
    weight = graph.constant(f"weight_{scope.weights}", module.weight)
    bias = graph.constant(f"bias_{scope.weights}", module.bias)
    output = graph.add("Gemm", [value, weight, bias], f"{scope.node}_dense", transB=1)
    if module.scale == 1:
        return output
    factor = graph.constant(f"factor_{scope.weights}", np.float32(module.scale))
    return graph.add("Mul", [output, factor], f"{scope.node}_scale")


@torch.no_grad()
def _restore(module: ScaledLinear, constants: Constants, scope: str) -> None:
    module.weight.copy_(constants[f"weight_{scope}"])
    module.bias.copy_(constants[f"bias_{scope}"])


register(specs.Dense, _build_dense, _export, GroupedLinear, _restore)
register(specs.Output, _build_output, _export, GroupedLinear, _restore)
