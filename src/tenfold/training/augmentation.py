"""Move training pictures as a pen might have: one batched operation on the device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.run.recipe import Augmentation


def augment(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Rotate, shear, zoom and shift each picture by amounts of its own.

    What is drawn for a picture is where each of its pixels is fetched from: the place in the new
    picture, zoomed, shifted, sheared and then turned about the centre, as Keras's generator does
    it, read off the old picture bilinearly. There is no mirror: a mirrored digit is no digit.

    Args:
        images: float [n, 1, h, w] in 0-1.
        how: the ranges; each amount is uniform within its own.
        generator: the source of the draws, on the same device.

    Returns:
        float [n, 1, h, w] in 0-1; `images` itself where every range is zero.
    """
    if not (how.rotation or how.zoom or how.shift or how.shear):
        return images
    grid = functional.affine_grid(
        _transforms(len(images), how, generator, images.device),
        list(images.shape),
        align_corners=False,
    )
    border = "border" if how.fill == "nearest" else "zeros"
    moved = functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode=border, align_corners=False
    )
    return moved.to(images.dtype)


def _transforms(
    count: int, how: Augmentation, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draw affine matrices [n, 2, 3] from places in the new picture to places in the old."""
    draws = torch.rand(6, count, generator=generator, device=device) * 2 - 1
    angle = draws[0] * math.radians(how.rotation)
    zoom_x = 1 + draws[1] * how.zoom
    zoom_y = 1 + draws[2] * how.zoom if how.zoom_axes == "each" else zoom_x
    # a shift by a share of the side is twice that in the grid's units, which run from -1 to 1
    shift_x, shift_y = draws[3] * 2 * how.shift, draws[4] * 2 * how.shift
    slope = torch.tan(draws[5] * math.radians(how.shear))
    cos, sin = torch.cos(angle), torch.sin(angle)
    # rotation x shear, applied to (zoomed place + shift)
    a, b = cos, cos * slope - sin
    c, d = sin, sin * slope + cos
    return torch.stack(
        [
            torch.stack([a * zoom_x, b * zoom_y, a * shift_x + b * shift_y], dim=1),
            torch.stack([c * zoom_x, d * zoom_y, c * shift_x + d * shift_y], dim=1),
        ],
        dim=1,
    )
