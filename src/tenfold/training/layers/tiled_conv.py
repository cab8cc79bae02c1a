"""A convolution whose weight gradient is faster on small images where the CPU has AMX."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.run import environment

MAX_SIDE = 8  # pixels; see TiledConv2d


class TiledConv2d(nn.Conv2d):
    """nn.Conv2d, but for the gradient of its weights on small images where there is AMX.

    oneDNN's kernel for it fills the processor's tiles with a row of one image. Tiled into one large
    image, a pixel of zeros between each two, the images of a batch have the same gradient. With 256
    images, tiling included: 64 filters on 64 of 6 x 6 pixels take 0.8 ms
    for 1.7, 128 on 128 2.6 for 5.2, 128 on 64 of 3 x 3 0.7 for 2.0; of 12 x 12 it does not pay.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images [n, c, h, w]."""
        if not self._use_tiles(images):
            return super().forward(images)
        weight, padding = self.weight.to(torch.bfloat16), int(self.padding[0])
        output: Tensor = _TiledConvGrad.apply(  # type: ignore[no-untyped-call]
            images.to(torch.bfloat16), weight, padding
        )
        return (
            output if self.bias is None else output + self.bias.to(output.dtype).view(1, -1, 1, 1)
        )

    def _use_tiles(self, images: Tensor) -> bool:
        return (
            images.device.type == "cpu"
            and torch.is_grad_enabled()
            and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
            and environment.cpu_has_amx()
            and max(images.shape[2:]) <= MAX_SIDE
            and self.groups == 1
            and self.stride == (1, 1)
            and 2 * int(self.padding[0]) + 1 == self.kernel_size[0]
        )


class _TiledConvGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.padding = padding
        return functional.conv2d(images, weight, None, 1, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        images, weight = ctx.saved_tensors
        gradient, padding, grad_images = gradients[0], ctx.padding, None
        if ctx.needs_input_grad[0]:
            grad_images = _backward(gradient, images, weight, padding, (True, False))[0]
        tiled = _tile(gradient, padding), _tile(images, padding)
        return grad_images, _backward(*tiled, weight, padding, (False, True))[1], None


def _backward(
    gradient: Tensor, images: Tensor, weight: Tensor, padding: int, wanted: tuple[bool, bool]
) -> Any:
    """Give the gradients of the images and of the weights, those that are wanted."""
    around = [padding] * 2
    return torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], around, [1, 1], False, [0, 0], 1, [*wanted, False]
    )


def _tile(images: Tensor, gap: int) -> Tensor:
    """Tile images [n, c, h, w] into one, [1, c, H, W], with `gap` pixels of 0 behind each."""
    count, channels, height, width = images.shape
    down = max(way for way in range(1, math.isqrt(count) + 1) if count % way == 0)
    across = count // down
    canvas = images.new_zeros(down, height + gap, across, width + gap, channels)
    rows = images.permute(0, 2, 3, 1).view(down, across, height, width, channels)
    canvas[:, :height, :, :width] = rows.transpose(1, 2)
    whole = canvas.view(1, down * (height + gap), across * (width + gap), channels)
    return whole.permute(0, 3, 1, 2)
