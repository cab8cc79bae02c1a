"""Augmentation: training images changed as hands, pens and cameras might, on the device."""

import torch
from torch import Tensor

from tenfold.run.augmentation import Augmentation
from tenfold.training.augment import camera, geometry, pen
from tenfold.training.augment.draws import draw_uniform
from tenfold.training.own.augmentation import Augment

# In this order; what a recipe sets to zero is neither drawn nor computed.
TRANSFORMS = (
    geometry.move,
    pen.change_stroke_width,
    geometry.crop_edge,
    pen.outline_strokes,
    geometry.add_neighbour,
    pen.add_line,
    pen.invert_band,
    camera.change_light,
    camera.blur,
    camera.add_noise,
    camera.compress,
)


def augment(
    images: Tensor,
    config: Augmentation,
    generator: torch.Generator,
    fraction: Tensor | None = None,
    own: Augment | None = None,
) -> Tensor:
    """Change each image by amounts of its own.

    There is no mirror: a mirrored digit is not a digit.

    Args:
        images: float [n, 1, h, w] in 0-1.
        config: the ranges; each amount is uniform within its own.
        generator: the source of the draws, on the same device.
        fraction: of the images to change, 0-1, one number on the same device; None: all of them.
        own: what `make_augmentation` makes of `config.own`, which comes last.

    Returns:
        float [n, 1, h, w] in 0-1; `images` itself where every range is zero and `fraction` None.
    """
    before = images
    for transform in TRANSFORMS:
        images = transform(images, config, generator)
    if own is not None:
        images = own(images, generator)
    if fraction is None:
        return images
    return torch.where(draw_uniform(images, generator) < fraction, images, before)
