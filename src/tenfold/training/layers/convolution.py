"""Convolutions and batch normalisation."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.run import layers as specs
from tenfold.training.layers.registry import Constants, Module, Shape, register
from tenfold.training.layers.tiled_conv import TiledConv2d
from tenfold.training.onnx_graph import Graph, Scope

LEAST_CONTRAST = 0.05  # standard deviation of a patch that has ink to learn from
FAINT = 1e-2  # added to the variance of a direction, so that the faintest are not all noise


class Whitening(nn.Conv2d):
    """Convolve with the main directions of the images' patches, each at unit variance.

    A direction and its opposite are a filter each, so that a ReLU behind loses nothing. Nothing is
    learned, which saves the gradients of this layer and, with it, of the next one: 2.2 ms
    of a step of 22. After K. Jordan's airbench.
    """

    def __init__(self, channels: int, filters: int, size: int, stride: int) -> None:
        super().__init__(channels, filters, size, stride, size // 2, bias=False)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Find the filters from images [n, c, h, w]."""
        patches = functional.unfold(images, self.kernel_size).transpose(1, 2).flatten(0, 1)
        inked = patches[patches.std(1) > LEAST_CONTRAST]
        variances, directions = torch.linalg.eigh((inked if len(inked) > 1 else patches).T.cov())
        scaled = (directions / (variances.clamp(min=0) + FAINT).sqrt()).T.flip(0)
        half = scaled[: len(self.weight) // 2].reshape(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([half, -half]))


def fold_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Make one convolution of a trained convolution and the batch norm behind it, in float64."""
    scale, offset = scale_and_offset(norm)
    bias = torch.zeros(len(scale)).double() if conv.bias is None else conv.bias.double().cpu()
    weight = conv.weight.detach().double().cpu() * scale[:, None, None, None]
    # A copy, as `nn.utils.skip_init` imports torch.fx: 0.3 s of every process that trains.
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(weight.float())
    folded.bias = nn.Parameter((bias.detach() * scale + offset).float())
    return folded


def scale_and_offset(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return a trained batch norm as factor and offset, float64 [channels] each."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight.detach().double().cpu() / (variance.double().cpu() + norm.eps).sqrt()
    return scale, norm.bias.detach().double().cpu() - mean.double().cpu() * scale


def _build_conv(layer: specs.Conv, shape: Shape, classes: int) -> TiledConv2d:
    padding = layer.kernel_size // 2 if layer.padding == "same" else 0
    return TiledConv2d(
        shape[0], layer.filters, layer.kernel_size, layer.stride, padding, bias=layer.bias
    )


def _build_whiten(layer: specs.Whiten, shape: Shape, classes: int) -> Whitening:
    return Whitening(shape[0], layer.filters, layer.kernel_size, layer.stride)


def _build_norm(layer: specs.BatchNorm, shape: Shape, classes: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(shape[0], momentum=layer.momentum)


def export_conv(graph: Graph, module: nn.Conv2d, value: str, scope: Scope) -> str:
    """Add a convolution to a graph; return the name of what goes out."""
    bias = torch.zeros(module.out_channels) if module.bias is None else module.bias
    inputs = [
        value,
        graph.constant(f"weight_{scope.weights}", module.weight.contiguous()),
        graph.constant(f"bias_{scope.weights}", bias),
    ]
    return graph.add(
        "Conv",
        inputs,
        f"{scope.node}_conv",
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        pads=[int(module.padding[0])] * 4,
    )


def _export_norm(graph: Graph, module: nn.BatchNorm2d, value: str, scope: Scope) -> str:
    scale, offset = (part.float()[:, None, None] for part in scale_and_offset(module))
    factor = graph.constant(f"scale_{scope.weights}", scale)
    product = graph.add("Mul", [value, factor], f"{scope.node}_scaled")
    shift = graph.constant(f"shift_{scope.weights}", offset)
    return graph.add("Add", [product, shift], f"{scope.node}_norm")


@torch.no_grad()
def restore_conv(module: nn.Conv2d, constants: Constants, scope: str) -> None:
    """Take the weights of a convolution that no batch norm was folded into."""
    module.weight.copy_(constants[f"weight_{scope}"])
    if module.bias is not None:
        module.bias.copy_(constants[f"bias_{scope}"])


@torch.no_grad()
def _restore_norm(module: nn.BatchNorm2d, constants: Constants, scope: str) -> None:
    _set_factor_and_offset(
        module, constants[f"scale_{scope}"].flatten(), constants[f"shift_{scope}"].flatten()
    )


@torch.no_grad()
def restore_folded(conv: nn.Conv2d, norm: nn.BatchNorm2d, constants: Constants, scope: str) -> None:
    """Restore a convolution that a batch norm was folded into: its bias becomes the batch norm's.

    Args:
        conv: the convolution.
        norm: the batch norm behind it.
        constants: of the graph.
        scope: the convolution's `Scope.weights`.
    """
    conv.weight.copy_(constants[f"weight_{scope}"])
    if conv.bias is not None:
        conv.bias.zero_()
    bias = constants[f"bias_{scope}"]
    _set_factor_and_offset(norm, torch.ones_like(bias), bias)


@torch.no_grad()
def _set_factor_and_offset(norm: nn.BatchNorm2d, factor: Tensor, offset: Tensor) -> None:
    """Make a batch norm compute `factor * values + offset` in evaluation mode."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.copy_(factor)
    norm.bias.copy_(offset)


def stack_conv(modules: Sequence[nn.Conv2d]) -> nn.Conv2d:
    """Join convolutions as the groups of one."""
    first = modules[0]
    stacked = nn.Conv2d(
        first.in_channels * len(modules),
        first.out_channels * len(modules),
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        groups=len(modules),
        bias=first.bias is not None,
    )
    stacked.requires_grad_(first.weight.requires_grad)
    return _with_states(stacked, modules)


def stack_norm(modules: Sequence[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    """Join batch norms as one over all their channels."""
    first = modules[0]
    channels = first.num_features * len(modules)
    return _with_states(nn.BatchNorm2d(channels, momentum=first.momentum), modules)


def _with_states(stacked: Module, modules: Sequence[nn.Module]) -> Module:
    """Load the states of all modules into one, joined along their first axis."""
    states = [module.state_dict() for module in modules]
    joined = {
        name: torch.cat([state[name] for state in states]) if value.ndim else value
        for name, value in states[0].items()
    }
    stacked.load_state_dict(joined)
    return stacked


register(specs.Conv, _build_conv, export_conv, stack_conv, restore_conv)
register(specs.Whiten, _build_whiten, export_conv, stack_conv, restore_conv)
register(specs.BatchNorm, _build_norm, _export_norm, stack_norm, _restore_norm)
