"""Cameras: contrast, uneven light, blur, noise, JPEG compression."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.run.augmentation import Augmentation
from tenfold.training.augment.draws import draw_amounts, draw_uniform, pixel_grid

BLOCK = 7  # pixels: JPEG's blocks are 8, and 28 is 4 times 7


def change_light(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Take contrast away and lay uneven light over what remains."""
    if config.contrast:
        images = images * (1 - draw_amounts(images, config.contrast, config, generator))
    if config.background:
        size = list(images.shape[-2:])
        most = draw_amounts(images, config.background, config, generator)
        coarse = torch.rand(len(images), 1, 4, 4, generator=generator, device=images.device)
        light = most * functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
        images = light + (1 - light) * images
    return images


def blur(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Blur along rows and columns, by amounts of their own: out of focus, or a moved camera."""
    if not config.blur:
        return images
    wide = draw_amounts(images, config.blur, config, generator)
    kernels = []
    for narrow in (draw_uniform(images, generator), draw_uniform(images, generator)):
        rows, columns = pixel_grid(images)
        steps = (rows - columns) * images.shape[-1] / 2
        weight = torch.exp(-(steps**2) / (2 * (wide * narrow).clamp(min=0.05) ** 2))
        kernels.append(weight / weight.sum(-1, keepdim=True))
    blurred: Tensor = kernels[0] @ images @ kernels[1].transpose(-1, -2)
    return blurred.clamp(0, 1)


def add_noise(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Add noise to every pixel, and turn some black or white."""
    if config.noise:
        strength = draw_amounts(images, config.noise, config, generator)
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = (images + strength * noise).clamp(0, 1)
    if config.specks:
        share = draw_amounts(images, config.specks, config, generator)
        hit = torch.rand(images.shape, generator=generator, device=images.device) < share
        grey = torch.rand(images.shape, generator=generator, device=images.device)
        images = torch.where(hit, grey.round(), images)
    return images


def compress(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Round the cosine transform of each block, the fine detail most, as JPEG does."""
    if not config.jpeg:
        return images
    side = images.shape[-1]
    line = torch.arange(BLOCK, device=images.device)
    waves = torch.cos(math.pi / BLOCK * (line + 0.5) * line.view(-1, 1)) * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)
    transform = torch.kron(torch.eye(-(-side // BLOCK), device=images.device), waves)[:, :side]
    fine = 1 + line.repeat(len(transform) // BLOCK)
    step = draw_amounts(images, config.jpeg, config, generator).clamp(min=1e-4)
    step = step * (fine.view(-1, 1) + fine) / 4
    seen = torch.round(transform @ images @ transform.T / step) * step
    back: Tensor = transform.T @ seen @ transform
    return back.clamp(0, 1)
