"""Examples of what augmentation makes of images."""

import torch

from tenfold.data.dataset import Images
from tenfold.run.augmentation import Augmentation
from tenfold.training.augment import augment
from tenfold.training.inference import to_float
from tenfold.training.own.augmentation import make_augmentation


def augmented_examples(
    images: Images, config: Augmentation, versions: int, seed: int = 0
) -> Images:
    """Augment each image several times.

    Args:
        images: uint8 [n, 28, 28].
        config: the recipe's augmentation.
        versions: how many times.
        seed: of the draws.

    Returns:
        uint8 [n, 1 + versions, 28, 28], the image itself first.
    """
    generator = torch.Generator().manual_seed(seed)
    floats = to_float(torch.tensor(images))
    own = make_augmentation(config.own)
    columns = [floats, *(augment(floats, config, generator, own=own) for _ in range(versions))]
    whole: Images = torch.cat(columns, dim=1).clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    return whole
