"""Layers without weights that choose among pixels or gather them: crop, pools, flatten."""

import torch
from torch import Tensor, nn

from tenfold.run import layers as specs
from tenfold.training.layers.pointwise import same
from tenfold.training.layers.registry import Shape, register
from tenfold.training.onnx_graph import Graph, Scope


class CentreCrop(nn.Module):
    """Keep the middle `size` x `size` pixels of images [n, c, side, side]."""

    def __init__(self, side: int, size: int) -> None:
        super().__init__()
        self.start = (side - size) // 2
        self.stop = self.start + size

    def forward(self, images: Tensor) -> Tensor:
        """Crop images [n, c, side, side] to [n, c, size, size]."""
        return images[..., self.start : self.stop, self.start : self.stop]


class ChannelsLastFlatten(nn.Flatten):
    """Flatten [n, c, h, w] to [n, c h w], with the gradient in the memory order of what came in."""

    def forward(self, values: Tensor) -> Tensor:
        """Flatten values [n, c, h, w]."""
        if values.requires_grad and values.is_contiguous(memory_format=torch.channels_last):
            # As it comes, the gradient lies in another order than everything before it, and the
            # layer behind takes 0.6 ms of a step for 0.05.
            values.register_hook(_channels_last)  # type: ignore[no-untyped-call]
        return super().forward(values)


class GlobalMaxPool(nn.Module):
    """Take the maximum of each channel: [n, c, h, w] to [n, c]."""

    def forward(self, values: Tensor) -> Tensor:
        """Pool values [n, c, h, w]."""
        return values.amax((2, 3))


class GlobalAvgPool(nn.Module):
    """Take the mean of each channel: [n, c, h, w] to [n, c]."""

    def forward(self, values: Tensor) -> Tensor:
        """Pool values [n, c, h, w]."""
        return values.mean((2, 3))


def _channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


def _build_crop(layer: specs.Crop, shape: Shape, classes: int) -> CentreCrop:
    if layer.size > shape[1]:
        raise ValueError(f"cannot crop {shape[1]} pixels to {layer.size}")
    return CentreCrop(shape[1], layer.size)


def _export_crop(graph: Graph, module: CentreCrop, value: str, scope: Scope) -> str:
    window = [graph.integers(edge, edge) for edge in (module.start, module.stop)]
    return graph.add("Slice", [value, *window, graph.integers(2, 3)], f"{scope.node}_crop")


def _export_pool(graph: Graph, module: nn.MaxPool2d, value: str, scope: Scope) -> str:
    window = [int(module.kernel_size)] * 2  # type: ignore[arg-type]  # built from one number
    return graph.add("MaxPool", [value], f"{scope.node}_pool", kernel_shape=window, strides=window)


def _export_avg_pool(graph: Graph, module: nn.AvgPool2d, value: str, scope: Scope) -> str:
    window = [int(module.kernel_size)] * 2  # type: ignore[arg-type]  # built from one number
    name = f"{scope.node}_pool"
    return graph.add("AveragePool", [value], name, kernel_shape=window, strides=window)


def _export_global(graph: Graph, module: nn.Module, value: str, scope: Scope) -> str:
    kind = "GlobalMaxPool" if isinstance(module, GlobalMaxPool) else "GlobalAveragePool"
    pooled = graph.add(kind, [value], f"{scope.node}_global")
    return graph.add("Flatten", [pooled], f"{scope.node}_flat", axis=1)


def _export_flatten(graph: Graph, module: nn.Flatten, value: str, scope: Scope) -> str:
    return graph.add("Flatten", [value], f"{scope.node}_flat", axis=1)


register(specs.Crop, _build_crop, _export_crop, same)
register(specs.MaxPool, lambda layer, *_: nn.MaxPool2d(layer.pool_size), _export_pool, same)
register(specs.AvgPool, lambda layer, *_: nn.AvgPool2d(layer.pool_size), _export_avg_pool, same)
register(specs.GlobalAvgPool, lambda *_: GlobalAvgPool(), _export_global, same)
register(specs.GlobalMaxPool, lambda *_: GlobalMaxPool(), _export_global, same)
register(specs.Flatten, lambda *_: ChannelsLastFlatten(), _export_flatten, same)
