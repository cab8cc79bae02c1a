"""A convolution whose weights' gradient is a product of matrices, where that is quicker."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.run import environment

PARTS = 4  # of the sum over pictures and places: 1.1 ms for 1.6 in one on 64 x 576 of 9,216


class Convolution(nn.Conv2d):
    """nn.Conv2d, but for how a processor with AMX finds the gradient of few pixels' weights.

    oneDNN's own kernel fills its tiles with one row of a picture. Of 64 to 64 filters of 3 x 3 on
    256 pictures it takes 1.9 ms for 6 x 6 pixels, where the same product of matrices takes 1.1,
    and 2.0 ms for 0.4 to 128 filters on 3 x 3; from 12 x 12 on it is the quicker one.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images [n, c, h, w]."""
        if self.groups > 1 or not by_product(images):
            return super().forward(images)
        found: Tensor = _ByProduct.apply(  # type: ignore[no-untyped-call]
            images.to(torch.bfloat16), self.weight, self.stride[0], int(self.padding[0])
        )
        return found if self.bias is None else found + self.bias.to(found.dtype).view(1, -1, 1, 1)


def by_product(images: Tensor) -> bool:
    """Tell whether the gradient for weights over images [n, c, h, w] is best found by a product."""
    return (
        images.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and torch.is_grad_enabled()
        and images.shape[1] > 1
        and images.shape[2] * images.shape[3] < 100
        and environment.cpu_has_amx()
    )


class _ByProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        weight = weight.to(images.dtype)
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(images, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        images, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_images = None
        if ctx.needs_input_grad[0]:
            of_images = torch.ops.aten.convolution_backward(
                gradient,
                images,
                weight,
                None,
                [ctx.stride] * 2,
                [ctx.padding] * 2,
                [1, 1],
                False,
                [0, 0],
                1,
                [True, False, False],
            )[0]
        of_weight = _of_weight(images, gradient, weight.shape[2], ctx.stride, ctx.padding)
        return of_images, of_weight, None, None


def _of_weight(images: Tensor, gradient: Tensor, size: int, stride: int, padding: int) -> Tensor:
    """Sum, over pictures and places, what each weight met times the gradient of what came of it."""
    filters = gradient.shape[1]
    met = _windows(images, size, stride, padding)
    wanted = gradient.permute(0, 2, 3, 1).reshape(-1, filters)
    parts = PARTS if len(met) % PARTS == 0 else 1
    sums = torch.bmm(
        wanted.view(parts, -1, filters).transpose(1, 2), met.view(parts, -1, met.shape[1])
    ).sum(0, dtype=torch.float32)
    return sums.view(filters, size, size, -1).permute(0, 3, 1, 2)


def _windows(images: Tensor, size: int, stride: int, padding: int) -> Tensor:
    """Lay out what each place of the result sees, [n h w, size size c]."""
    around = functional.pad(images.permute(0, 2, 3, 1), (0, 0, *[padding] * 4))
    count, height, width, channels = around.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    picture, row, column, _ = around.stride()
    seen = around.as_strided(
        (count, rows, columns, size, size, channels),
        (picture, row * stride, column * stride, row, column, 1),
    )
    return seen.reshape(count * rows * columns, size * size * channels)
