"""Geometry: images moved, turned, stretched and bent, cut off, with a neighbour."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.run.augmentation import Augmentation
from tenfold.training.augment.draws import draw_amounts, draw_uniform, pixel_grid, signed_distance


def move(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Zoom, shift, shear, rotate, stretch and bend each image, in one bilinear resampling.

    What is drawn for an image is where each of its pixels is fetched from: the place in the new
    image, zoomed, shifted, sheared and then rotated about the centre, as Keras's generator does it,
    then bent.
    """
    ranges = (config.rotation, config.zoom, config.shift, config.shear, config.stretch)
    if not (any(ranges) or config.elastic):
        return images
    matrices = _affine_matrices(len(images), config, generator, images.device)
    if config.stretch:
        matrices[:, :, 0] /= _stretch_factors(images, config, generator)
    rows, columns = pixel_grid(images)
    # As `functional.affine_grid`, whose product of matrices takes three times as long.
    grid = torch.stack(
        [
            matrices[:, axis, 0, None, None] * columns[0]
            + matrices[:, axis, 1, None, None] * rows[0]
            + matrices[:, axis, 2, None, None]
            for axis in (0, 1)
        ],
        dim=3,
    )
    if config.elastic:
        side = images.shape[-1]
        coarse = torch.randn(len(images), 2, 6, 6, generator=generator, device=images.device)
        bend = functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
        grid = grid + bend.permute(0, 2, 3, 1) * (config.elastic * 2 / side)
    border = "border" if config.fill == "nearest" else "zeros"
    moved = functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode=border, align_corners=False
    )
    return moved.to(images.dtype)


def _affine_matrices(
    count: int, config: Augmentation, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draw affine matrices [n, 2, 3] from places in the new image to places in the old."""
    draws = torch.rand(6, count, generator=generator, device=device) * 2 - 1
    angle = draws[0] * math.radians(config.rotation)
    zoom_x = 1 + draws[1] * config.zoom
    zoom_y = 1 + draws[2] * config.zoom if config.zoom_axes == "each" else zoom_x
    # a shift by a share of the side is twice that in the grid's units, which run from -1 to 1
    shift_x, shift_y = draws[3] * 2 * config.shift, draws[4] * 2 * config.shift
    slope = torch.tan(draws[5] * math.radians(config.shear))
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


def _stretch_factors(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw by how much each digit is stretched towards its height, [n, 1], at most 3 times.

    One of more than 3.5 times its width is a bar, and stays one: broadened, it is a filled
    rectangle, and a network that has learned it for a 1 takes trousers for a 1.
    """
    inked = images > 0.3
    height, width = inked.any(3).sum((1, 2)), inked.any(2).sum((1, 2)).clamp(min=1)
    slim = height / width
    most = torch.where(slim > 3.5, 1, slim.clamp(1, 3)).view(-1, 1, 1, 1) - 1
    chosen = draw_uniform(images, generator) < config.stretch
    return (1 + most * draw_uniform(images, generator).sqrt() * chosen).view(-1, 1)


def crop_edge(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Cut the digit off along a line, as a box or the edge of a scan does."""
    if not config.crop_edge:
        return images
    # a digit of 20 pixels reaches to 20 / 28 of the way from the middle to the border
    edge = 20 / 28 * (1 - draw_amounts(images, config.crop_edge, config, generator))
    uncut = edge >= 20 / 28
    return images * ((signed_distance(images, generator) < edge) | uncut)


def add_neighbour(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Let part of another image of the batch stand at the left or the right."""
    if not config.neighbour:
        return images
    chosen = draw_uniform(images, generator) < config.neighbour
    by = (draw_uniform(images, generator) * 0.4 + 1.05).view(-1)  # of half a side
    by = torch.where(draw_uniform(images, generator).view(-1) < 0.5, by, -by)
    still = torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)
    still[:, 0, 2] = by
    grid = functional.affine_grid(still, list(images.shape), align_corners=False)
    others = functional.grid_sample(images.roll(1, 0), grid, align_corners=False)
    return torch.maximum(images, others * chosen)
