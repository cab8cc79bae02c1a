"""Show what the network is given to see: pictures and what augmentation makes of them."""

import torch

from tenfold.data.dataset import Images
from tenfold.run.recipe import Augmentation
from tenfold.training.augment.transforms import augment
from tenfold.training.inference import to_float


def augmented_examples(images: Images, how: Augmentation, versions: int, seed: int = 0) -> Images:
    """Augment each picture several times.

    Args:
        images: uint8 [n, 28, 28].
        how: the recipe's augmentation.
        versions: how many times.
        seed: of the draws.

    Returns:
        uint8 [n, 1 + versions, 28, 28], the picture itself first.
    """
    generator = torch.Generator().manual_seed(seed)
    pictures = to_float(torch.tensor(images))
    columns = [pictures, *(augment(pictures, how, generator) for _ in range(versions))]
    whole: Images = torch.cat(columns, dim=1).mul(255).round().to(torch.uint8).numpy()
    return whole
