"""Change training pictures as hands, pens and cameras might: batched operations on the device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.run.recipe import Augmentation

BLOCK = 7  # pixels: JPEG's blocks are 8, and 28 is 4 times 7


def augment(
    images: Tensor, how: Augmentation, generator: torch.Generator, share: Tensor | None = None
) -> Tensor:
    """Move each picture by amounts of its own, then change its pen, its edges and its light.

    What is drawn for a picture's movement is where each of its pixels is fetched from: the place in
    the new picture, zoomed, shifted, sheared and then turned about the centre, as Keras's generator
    does it, then bent; read off the old picture bilinearly. There is no mirror: a mirrored digit is
    no digit. What is zero is neither drawn nor computed.

    Args:
        images: float [n, 1, h, w] in 0-1.
        how: the ranges; each amount is uniform within its own.
        generator: the source of the draws, on the same device.
        share: of the pictures to change, 0-1, one number on the same device; None: all of them.

    Returns:
        float [n, 1, h, w] in 0-1; `images` itself where every range is zero and `share` None.
    """
    before = images
    if how.rotation or how.zoom or how.shift or how.shear or how.stretch or how.elastic:
        images = _moved(images, how, generator)
    if how.stroke_width:
        images = _pen_changed(
            images, _draw(images, generator) * 2 * how.stroke_width - how.stroke_width
        )
    for step in STEPS:
        images = step(images, how, generator)
    if share is None:
        return images
    return torch.where(_draw(images, generator) < share, images, before)


def _moved(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    matrices = _transforms(len(images), how, generator, images.device)
    if how.stretch:
        matrices[:, :, 0] /= _broader(images, how, generator)
    rows, columns = _places(images)
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
    if how.elastic:
        side = images.shape[-1]
        coarse = torch.randn(len(images), 2, 6, 6, generator=generator, device=images.device)
        bend = functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
        grid = grid + bend.permute(0, 2, 3, 1) * (how.elastic * 2 / side)
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


def _broader(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw by how much each digit is stretched towards its height, [n, 1], at most 3 times.

    One of more than 3.5 times its width is a bar, and stays one: broadened, it is a filled
    rectangle, and a network that has learned it for a 1 takes trousers for a 1.
    """
    inked = images > 0.3
    height, width = inked.any(3).sum((1, 2)), inked.any(2).sum((1, 2)).clamp(min=1)
    slim = height / width
    most = torch.where(slim > 3.5, 1, slim.clamp(1, 3)).view(-1, 1, 1, 1) - 1
    chosen = _draw(images, generator) < how.stretch
    return (1 + most * _draw(images, generator).sqrt() * chosen).view(-1, 1)


def _draw(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a number in 0-1 for each picture, [n, 1, 1, 1]."""
    return torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)


def _amounts(images: Tensor, most: float, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw an amount up to `most` for the share `chance` of the pictures and 0 for the others."""
    chosen = _draw(images, generator) < how.probability
    return _draw(images, generator) * most * chosen


def _pen_changed(images: Tensor, by: Tensor) -> Tensor:
    """Widen strokes by up to a pixel on either side, or narrow them, [n, 1, 1, 1] each.

    Narrowing leaves at least 40 % of the ink, so that a thin stroke fades and does not break.
    """
    more = _widened(images) - images
    less = images - 1 + _widened(1 - images)
    most = 0.6 * images.sum((1, 2, 3), keepdim=True) / less.sum((1, 2, 3), keepdim=True).clamp(1e-6)
    return (images + by.clamp(min=0) * more - torch.minimum((-by).clamp(min=0), most) * less).clamp(
        0, 1
    )


def _widened(images: Tensor) -> Tensor:
    across = functional.max_pool2d(images, (1, 3), 1, (0, 1))
    return torch.maximum(across, functional.max_pool2d(images, (3, 1), 1, (1, 0)))


def _hollowed(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Leave the outline of the strokes alone, as of shaded or chiselled digits."""
    if not how.outline:
        return images
    chosen = _draw(images, generator) < how.outline
    # On either side of the edge, so that a thin stroke keeps something within.
    side = _draw(images, generator)
    outer = _widened(images) - images
    inner = images - 1 + _widened(1 - images)
    return torch.where(chosen, (2 * torch.lerp(outer, inner, side)).clamp(0, 1), images)


def _banded(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Let ink and paper change places in a band across, as where a form is shaded."""
    if not how.band:
        return images
    chosen = _draw(images, generator) < how.band
    half = (0.5 + 2.5 * _draw(images, generator) ** 2) * 2 / images.shape[-1]
    away = _distance(images, generator, straight=0.5) - (_draw(images, generator) * 1.4 - 0.7)
    return torch.where((away.abs() < half) & chosen, 1 - images, images)


def _places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Give the places of rows [1, 1, h, 1] and columns [1, 1, 1, w], from -1 to 1."""
    side = images.shape[-1]
    line = (torch.arange(side, device=images.device, dtype=images.dtype) + 0.5) * 2 / side - 1
    return line.view(1, 1, -1, 1), line.view(1, 1, 1, -1)


def _distance(images: Tensor, generator: torch.Generator, straight: float = 0.0) -> Tensor:
    """Draw a direction for each picture; give each pixel's signed distance along it from 0.

    The share `straight` of the directions is level or upright.
    """
    angle = _draw(images, generator) * 2 * math.pi
    if straight:
        quarters = (angle * 2 / math.pi).round() * math.pi / 2
        angle = torch.where(_draw(images, generator) < straight, quarters, angle)
    rows, columns = _places(images)
    return columns * angle.cos() + rows * angle.sin()


def _cut_off(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    if not how.crop_edge:
        return images
    # a digit of 20 pixels reaches to 20 / 28 of the way from the middle to the border
    edge = 20 / 28 * (1 - _amounts(images, how.crop_edge, how, generator))
    uncut = edge >= 20 / 28
    return images * ((_distance(images, generator) < edge) | uncut)


def _with_neighbours(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Let part of another picture of the batch stand at the left or the right."""
    if not how.neighbour:
        return images
    chosen = _draw(images, generator) < how.neighbour
    by = (_draw(images, generator) * 0.4 + 1.05).view(-1)  # of half a side
    by = torch.where(_draw(images, generator).view(-1) < 0.5, by, -by)
    still = torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)
    still[:, 0, 2] = by
    grid = functional.affine_grid(still, list(images.shape), align_corners=False)
    others = functional.grid_sample(images.roll(1, 0), grid, align_corners=False)
    return torch.maximum(images, others * chosen)


def _with_lines(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw a line across, as of ruled paper, or one that strikes the digit through."""
    if not how.line:
        return images
    dark = _draw(images, generator) * (_draw(images, generator) < how.line)
    away = (_distance(images, generator) - (_draw(images, generator) * 1.6 - 0.8)).abs()
    width = _draw(images, generator) * 1.0 + 0.3  # half of it, in pixels
    line = (width + 0.5 - away * images.shape[-1] / 2).clamp(0, 1)
    return torch.maximum(images, line * dark)


def _lit(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Take contrast away and lay uneven light over what remains."""
    if how.contrast:
        images = images * (1 - _amounts(images, how.contrast, how, generator))
    if how.background:
        size = list(images.shape[-2:])
        most = _amounts(images, how.background, how, generator)
        coarse = torch.rand(len(images), 1, 4, 4, generator=generator, device=images.device)
        light = most * functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
        images = light + (1 - light) * images
    return images


def _blurred(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Blur along rows and columns, by amounts of their own: out of focus, or a moved camera."""
    if not how.blur:
        return images
    wide = _amounts(images, how.blur, how, generator)
    kernels = []
    for narrow in (_draw(images, generator), _draw(images, generator)):
        rows, columns = _places(images)
        steps = (rows - columns) * images.shape[-1] / 2
        weight = torch.exp(-(steps**2) / (2 * (wide * narrow).clamp(min=0.05) ** 2))
        kernels.append(weight / weight.sum(-1, keepdim=True))
    blurred: Tensor = kernels[0] @ images @ kernels[1].transpose(-1, -2)
    return blurred.clamp(0, 1)


def _noisy(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Add noise to every pixel, and turn some black or white."""
    if how.noise:
        strength = _amounts(images, how.noise, how, generator)
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = (images + strength * noise).clamp(0, 1)
    if how.specks:
        share = _amounts(images, how.specks, how, generator)
        hit = torch.rand(images.shape, generator=generator, device=images.device) < share
        grey = torch.rand(images.shape, generator=generator, device=images.device)
        images = torch.where(hit, grey.round(), images)
    return images


def _compressed(images: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Round the cosine transform of each block, the fine detail most, as JPEG does."""
    if not how.jpeg:
        return images
    side = images.shape[-1]
    line = torch.arange(BLOCK, device=images.device)
    waves = torch.cos(math.pi / BLOCK * (line + 0.5) * line.view(-1, 1)) * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)
    transform = torch.kron(torch.eye(-(-side // BLOCK), device=images.device), waves)[:, :side]
    fine = 1 + line.repeat(len(transform) // BLOCK)
    step = _amounts(images, how.jpeg, how, generator).clamp(min=1e-4)
    step = step * (fine.view(-1, 1) + fine) / 4
    seen = torch.round(transform @ images @ transform.T / step) * step
    back: Tensor = transform.T @ seen @ transform
    return back.clamp(0, 1)


STEPS = (
    _cut_off,
    _hollowed,
    _with_neighbours,
    _with_lines,
    _banded,
    _lit,
    _blurred,
    _noisy,
    _compressed,
)
