"""What a prediction rests on: how it moves when a part of the image is erased."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Images
from tenfold.evaluation.top_errors import TopError
from tenfold.model.file import Model

PATCH = 5  # pixels: a stroke is about 3 wide, so that a patch takes a whole piece of one
PROBABILITY_FLOOR = 1e-30  # what float32 rounds to 0 has no logarithm

Maps = NDArray[np.float32]


def occlusion_maps(model: Model, images: Images, errors: Sequence[TopError]) -> Maps:
    """Erase a patch around each pixel of an image by turns, and see which way the answer moves.

    A pixel's value is by how much erasing its patch lowers the logarithm of the ratio of the
    predicted class's probability to the label's: above 0 where the prediction rests on what is
    there, below 0 where it speaks for the label, and 0 where there is nothing to erase. A
    difference of probabilities would not do: of an error of 99.9 % confidence nearly every patch
    leaves 99 %.

    Args:
        model: the model file that made the errors.
        images: uint8 [n, 28, 28], the images of the errors.
        errors: n of them.

    Returns:
        float32 [n, 28, 28]; at most 784 predictions are made for each.
    """
    maps = np.zeros((len(images), SIDE, SIDE), np.float32)
    patches = _patches()
    for place, (image, error) in enumerate(zip(images, errors, strict=True)):
        changed = patches[:, image > 0].any(axis=1)
        erased = np.where(patches[changed], np.uint8(0), image)
        probabilities = model.predict(np.concatenate([image[None], erased]), 1 + SIDE**2)
        log = np.log(np.maximum(probabilities.probabilities, PROBABILITY_FLOOR))
        odds = log[:, error.prediction] - log[:, error.label]
        maps[place].reshape(-1)[changed] = odds[0] - odds[1:]
    return maps


def _patches() -> NDArray[np.bool_]:
    """Return where each of the 784 patches is, bool [784, 28, 28]."""
    pixels = np.arange(SIDE)
    near = np.abs(pixels[:, None] - pixels) <= PATCH // 2
    patches: NDArray[np.bool_] = (near[:, None, :, None] & near[None, :, None, :]).reshape(
        SIDE**2, SIDE, SIDE
    )
    return patches
