"""An augmentation of somebody's own."""

from collections.abc import Callable

import torch
from torch import Tensor

from tenfold.errors import TenfoldError
from tenfold.run.augmentation import OwnAugmentation
from tenfold.run.own_code import import_object, own_error

Augment = Callable[[Tensor, torch.Generator], Tensor]


def make_augmentation(config: OwnAugmentation | None) -> Augment | None:
    """Make what changes a batch of images; None where a recipe has nothing of the kind.

    Args:
        config: a class, which is made here, or a function; and what either is called with.

    Raises:
        TenfoldError: where it cannot be made.
    """
    if config is None:
        return None
    made, arguments = import_object(config.module), config.arguments
    if isinstance(made, type):
        try:
            made, arguments = made(**arguments), {}
        except Exception as error:
            raise own_error([config.module], error) from error
        if not callable(made):
            raise TenfoldError(
                f"{config.module}: its objects cannot be called; give it a method "
                "__call__(self, images, generator)"
            )

    @torch.no_grad()
    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        changed = made(images.clone(), generator, **arguments)  # it may write into what it gets
        if not isinstance(changed, Tensor) or not _alike(changed, images):
            raise TenfoldError(
                f"{config.module}: must return images as it gets them, {_shape(images)}. Received: "
                f"{_shape(changed) if isinstance(changed, Tensor) else type(changed).__name__}"
            )
        return changed

    return augment


def check_augmentation(config: OwnAugmentation, images: Tensor) -> None:
    """Check that the same generator gives the same images, so that a run can be resumed.

    Args:
        config: the augmentation.
        images: float [n, 1, 28, 28] in 0-1.

    Raises:
        TenfoldError: where they differ, it fails, or it returns something else.
    """
    augment = make_augmentation(config)
    assert augment is not None
    generator = torch.Generator(images.device)
    found = []
    for _ in range(2):
        torch.manual_seed(1)
        try:
            found.append(augment(images, generator.manual_seed(1)))
        except TenfoldError:
            raise
        except Exception as error:
            raise own_error([config.module], error) from error
    if not torch.equal(*found):
        raise TenfoldError(
            f"{config.module}: makes other images of the same ones, with the generator in the same "
            "state: a run could not be resumed; draw every random number from the generator that "
            "it is called with"
        )


def _alike(changed: Tensor, images: Tensor) -> bool:
    kinds = [(one.shape, one.dtype, one.device) for one in (changed, images)]
    return kinds[0] == kinds[1]


def _shape(images: Tensor) -> str:
    return f"{str(images.dtype).removeprefix('torch.')} {list(images.shape)} on {images.device}"
