"""Residual blocks, and squeeze-and-excitation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.run import layers as specs
from tenfold.training.layers.convolution import (
    export_conv,
    fold_batch_norm,
    restore_conv,
    restore_folded,
    stack_conv,
    stack_norm,
)
from tenfold.training.layers.registry import Constants, Shape, register
from tenfold.training.layers.tiled_conv import TiledConv2d
from tenfold.training.onnx_graph import Graph, Scope


class SqueezeExcite(nn.Module):
    """Multiply each channel by a factor in 0-1 that two small layers make of all channels' means.

    Source: J. Hu et al., "Squeeze-and-Excitation Networks" (2018). The layers are convolutions of
    one pixel, so that those of several networks are the groups of one.
    """

    def __init__(self, squeeze: nn.Conv2d, excite: nn.Conv2d) -> None:
        super().__init__()
        self.squeeze, self.excite = squeeze, excite

    def forward(self, values: Tensor) -> Tensor:
        """Weigh the channels of values [n, c, h, w]."""
        hidden = functional.relu(self.squeeze(values.mean((2, 3), keepdim=True)))
        factors: Tensor = self.excite(hidden).sigmoid()
        return values * factors


class Residual(nn.Module):
    """Add two convolutions, each with a batch norm, to what comes in; ReLU in between and after.

    Source: K. He et al., "Deep Residual Learning for Image Recognition" (2016).

    Args:
        convs: the two convolutions, without bias.
        norms: the batch norm behind each.
        shortcut: the convolution of 1 x 1 and the batch norm that what comes in goes through; None
            where it is added as it is.
        gate: squeeze-and-excitation of what is added, or None.
        scale: [c], a factor on each channel of what is added (H. Touvron et al., "Going deeper with
            Image Transformers", 2021), or None.
    """

    def __init__(
        self,
        convs: Sequence[nn.Conv2d],
        norms: Sequence[nn.BatchNorm2d],
        shortcut: tuple[nn.Conv2d, nn.BatchNorm2d] | None = None,
        gate: SqueezeExcite | None = None,
        scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)
        self.shortcut = nn.ModuleList(shortcut) if shortcut else None
        self.gate = gate
        self.scale = None if scale is None else nn.Parameter(scale)

    def forward(self, values: Tensor) -> Tensor:
        """Map values [n, in, h, w] to [n, out, h / stride, w / stride]."""
        hidden = functional.relu(self.norms[0](self.convs[0](values)), inplace=True)
        branch = self.norms[1](self.convs[1](hidden))
        if self.gate is not None:
            branch = self.gate(branch)
        if self.scale is not None:
            branch = branch * self.scale.view(1, -1, 1, 1)
        if self.shortcut is not None:
            values = self.shortcut[1](self.shortcut[0](values))
        return functional.relu(branch + values)

    @property
    def shortcut_parts(self) -> tuple[nn.Conv2d, nn.BatchNorm2d] | None:
        """The convolution and the batch norm that what comes in goes through."""
        return None if self.shortcut is None else (self.shortcut[0], self.shortcut[1])  # type: ignore[return-value]


def _gate(channels: int, reduction: int) -> SqueezeExcite:
    hidden = max(1, channels // reduction)
    return SqueezeExcite(nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1))


def _build_gate(layer: specs.SqueezeExcite, shape: Shape, classes: int) -> SqueezeExcite:
    return _gate(shape[0], layer.reduction)


def _build_residual(layer: specs.Residual, shape: Shape, classes: int) -> Residual:
    size, filters = layer.kernel_size, layer.filters
    convs = [
        TiledConv2d(channels, filters, size, stride, size // 2, bias=False)
        for channels, stride in ((shape[0], layer.stride), (filters, 1))
    ]
    norms = [nn.BatchNorm2d(filters, momentum=layer.momentum) for _ in convs]
    shortcut = None
    if layer.stride > 1 or filters != shape[0]:
        conv = nn.Conv2d(shape[0], filters, 1, layer.stride, bias=False)
        shortcut = conv, nn.BatchNorm2d(filters, momentum=layer.momentum)
    gate = _gate(filters, layer.squeeze_excite) if layer.squeeze_excite else None
    scale = torch.full((filters,), layer.layer_scale) if layer.layer_scale else None
    return Residual(convs, norms, shortcut, gate, scale)


def _export_gate(graph: Graph, module: SqueezeExcite, value: str, scope: Scope) -> str:
    means = graph.add("GlobalAveragePool", [value], f"{scope.node}_means")
    hidden = export_conv(graph, module.squeeze, means, scope.within("squeeze"))
    rectified = graph.add("Relu", [hidden], f"{scope.node}_hidden")
    weights = export_conv(graph, module.excite, rectified, scope.within("excite"))
    factors = graph.add("Sigmoid", [weights], f"{scope.node}_factors")
    return graph.add("Mul", [value, factors], f"{scope.node}_weighed")


def _export_residual(graph: Graph, module: Residual, value: str, scope: Scope) -> str:
    folded = [
        fold_batch_norm(conv, norm)  # type: ignore[arg-type]  # as they were given
        for conv, norm in zip(module.convs, module.norms, strict=True)
    ]
    hidden = export_conv(graph, folded[0], value, scope.within("first"))
    rectified = graph.add("Relu", [hidden], f"{scope.node}_hidden")
    branch = export_conv(graph, folded[1], rectified, scope.within("second"))
    if module.gate is not None:
        branch = _export_gate(graph, module.gate, branch, scope.within("gate"))
    if module.scale is not None:
        factor = graph.constant(f"scale_{scope.weights}", module.scale[:, None, None])
        branch = graph.add("Mul", [branch, factor], f"{scope.node}_scaled")
    if (parts := module.shortcut_parts) is not None:
        value = export_conv(graph, fold_batch_norm(*parts), value, scope.within("shortcut"))
    total = graph.add("Add", [branch, value], f"{scope.node}_sum")
    return graph.add("Relu", [total], f"{scope.node}_relu")


def _stack_gate(modules: Sequence[SqueezeExcite]) -> SqueezeExcite:
    return SqueezeExcite(
        stack_conv([module.squeeze for module in modules]),
        stack_conv([module.excite for module in modules]),
    )


def _stack_residual(modules: Sequence[Residual]) -> Residual:
    first = modules[0]
    shortcut = gate = scale = None
    if first.shortcut_parts:
        convs, norms = zip(*(module.shortcut_parts or () for module in modules), strict=True)
        shortcut = stack_conv(convs), stack_norm(norms)
    if first.gate:
        gate = _stack_gate([module.gate for module in modules if module.gate])
    if first.scale is not None:
        scale = torch.cat([module.scale.detach() for module in modules if module.scale is not None])
    return Residual(
        [stack_conv(convs) for convs in zip(*(module.convs for module in modules), strict=True)],
        [stack_norm(norms) for norms in zip(*(module.norms for module in modules), strict=True)],
        shortcut,
        gate,
        scale,
    )


def _restore_gate(module: SqueezeExcite, constants: Constants, scope: str) -> None:
    restore_conv(module.squeeze, constants, f"{scope}_squeeze")
    restore_conv(module.excite, constants, f"{scope}_excite")


@torch.no_grad()
def _restore_residual(module: Residual, constants: Constants, scope: str) -> None:
    parts = ("first", "second")
    for name, conv, norm in zip(parts, module.convs, module.norms, strict=True):
        restore_folded(conv, norm, constants, f"{scope}_{name}")  # type: ignore[arg-type]
    if module.gate is not None:
        _restore_gate(module.gate, constants, f"{scope}_gate")
    if module.scale is not None:
        module.scale.copy_(constants[f"scale_{scope}"].flatten())
    if module.shortcut_parts is not None:
        restore_folded(*module.shortcut_parts, constants, f"{scope}_shortcut")


register(specs.SqueezeExcite, _build_gate, _export_gate, _stack_gate, _restore_gate)
register(specs.Residual, _build_residual, _export_residual, _stack_residual, _restore_residual)
