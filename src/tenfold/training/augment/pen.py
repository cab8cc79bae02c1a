"""Pens and forms: stroke width, outlines, ruled lines, shaded bands."""

import torch
from torch import Tensor

from tenfold.run.augmentation import Augmentation
from tenfold.training.augment.draws import dilate, draw_uniform, signed_distance


def change_stroke_width(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Widen strokes by up to a pixel on either side, or narrow them.

    Narrowing leaves at least 40 % of the ink, so that a thin stroke fades and does not break.
    """
    if not config.stroke_width:
        return images
    by = draw_uniform(images, generator) * 2 * config.stroke_width - config.stroke_width
    more = dilate(images) - images
    less = images - 1 + dilate(1 - images)
    most = 0.6 * images.sum((1, 2, 3), keepdim=True) / less.sum((1, 2, 3), keepdim=True).clamp(1e-6)
    return (images + by.clamp(min=0) * more - torch.minimum((-by).clamp(min=0), most) * less).clamp(
        0, 1
    )


def outline_strokes(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Leave the outline of the strokes alone, as of shaded or chiselled digits."""
    if not config.outline:
        return images
    chosen = draw_uniform(images, generator) < config.outline
    # On either side of the edge, so that a thin stroke keeps something within.
    side = draw_uniform(images, generator)
    outer = dilate(images) - images
    inner = images - 1 + dilate(1 - images)
    return torch.where(chosen, (2 * torch.lerp(outer, inner, side)).clamp(0, 1), images)


def add_line(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw a line across, as of ruled paper, or one that strikes the digit through."""
    if not config.line:
        return images
    dark = draw_uniform(images, generator) * (draw_uniform(images, generator) < config.line)
    away = (
        signed_distance(images, generator) - (draw_uniform(images, generator) * 1.6 - 0.8)
    ).abs()
    width = draw_uniform(images, generator) * 1.0 + 0.3  # half of it, in pixels
    line = (width + 0.5 - away * images.shape[-1] / 2).clamp(0, 1)
    return torch.maximum(images, line * dark)


def invert_band(images: Tensor, config: Augmentation, generator: torch.Generator) -> Tensor:
    """Let ink and paper change places in a band across, as where a form is shaded."""
    if not config.band:
        return images
    chosen = draw_uniform(images, generator) < config.band
    half = (0.5 + 2.5 * draw_uniform(images, generator) ** 2) * 2 / images.shape[-1]
    away = signed_distance(images, generator, straight=0.5) - (
        draw_uniform(images, generator) * 1.4 - 0.7
    )
    return torch.where((away.abs() < half) & chosen, 1 - images, images)
