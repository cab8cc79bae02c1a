"""A convolution that finds the gradient of its weights faster on small pictures."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.run import environment

LARGEST = 8  # pixels a side; see Convolution


class Convolution(nn.Conv2d):
    """nn.Conv2d, but for the gradient of its weights on small pictures where there is AMX.

    oneDNN's kernel for it fills the processor's tiles with a row of one picture. Laid out as one
    sheet, a pixel of nothing between each two, the pictures of a batch are one large picture with
    the same gradient. Of 256 pictures, sheet and all: 64 filters on 64 of 6 x 6 pixels take 0.8 ms
    for 1.7, 128 on 128 2.6 for 5.2, 128 on 64 of 3 x 3 0.7 for 2.0; of 12 x 12 it does not pay.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images [n, c, h, w]."""
        if not self._is_small(images):
            return super().forward(images)
        weight, padding = self.weight.to(torch.bfloat16), int(self.padding[0])
        found: Tensor = _TiledConvGrad.apply(  # type: ignore[no-untyped-call]
            images.to(torch.bfloat16), weight, padding
        )
        return found if self.bias is None else found + self.bias.to(found.dtype).view(1, -1, 1, 1)

    def _is_small(self, images: Tensor) -> bool:
        return (
            images.device.type == "cpu"
            and torch.is_grad_enabled()
            and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
            and environment.cpu_has_amx()
            and max(images.shape[2:]) <= LARGEST
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
        gradient, padding, of_images = gradients[0], ctx.padding, None
        if ctx.needs_input_grad[0]:
            of_images = _backward(gradient, images, weight, padding, (True, False))[0]
        sheets = _sheet(gradient, padding), _sheet(images, padding)
        return of_images, _backward(*sheets, weight, padding, (False, True))[1], None


def _backward(
    gradient: Tensor, images: Tensor, weight: Tensor, padding: int, wanted: tuple[bool, bool]
) -> Any:
    """Give the gradients of the images and of the weights, those that are wanted."""
    around = [padding] * 2
    return torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], around, [1, 1], False, [0, 0], 1, [*wanted, False]
    )


def _sheet(images: Tensor, gap: int) -> Tensor:
    """Lay images [n, c, h, w] out on one, [1, c, H, W], with so many pixels of 0 behind each."""
    count, channels, height, width = images.shape
    down = max(way for way in range(1, math.isqrt(count) + 1) if count % way == 0)
    across = count // down
    sheet = images.new_zeros(down, height + gap, across, width + gap, channels)
    rows = images.permute(0, 2, 3, 1).view(down, across, height, width, channels)
    sheet[:, :height, :, :width] = rows.transpose(1, 2)
    whole = sheet.view(1, down * (height + gap), across * (width + gap), channels)
    return whole.permute(0, 3, 1, 2)
