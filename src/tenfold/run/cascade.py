"""The first stage of a cascade: a very small network that answers the images it is sure of."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from tenfold.run.layers import (
    AnyLayer,
    BatchNorm,
    Conv,
    Crop,
    Flatten,
    MaxPool,
    Output,
    Relu,
    Whiten,
    doc,
)

if TYPE_CHECKING:
    from tenfold.run.recipe import Recipe

KERNEL, STRIDE, MOMENTUM = 5, 2, 0.4  # of the whitening layer and the batch norm, as in `quick`


class Cascade(Struct, frozen=True, forbid_unknown_fields=True):
    """A very small network answers the images that it is sure of, the whole network the others."""

    filters: Annotated[
        int,
        Meta(ge=0, le=50, multiple_of=2),
        doc("filters of the small network's first layer, doubled in each of the next two; 0: none"),
    ] = 0
    max_error: Annotated[
        float,
        Meta(gt=0, le=0.1),
        doc(
            "largest fraction of images that the small network may answer wrongly where the whole "
            "one is right: it decides how sure is sure"
        ),
    ] = 5e-5


def first_stage_recipe(recipe: "Recipe") -> "Recipe":
    """Return the recipe that the first stage is built by: the run's, with the small network."""
    return msgspec.structs.replace(
        recipe,
        network=_layers(recipe),
        initialisation="dirac",
        members=1,
        folds=0,
        cascade=Cascade(),
    )


def _layers(recipe: "Recipe") -> tuple[AnyLayer, ...]:
    """List the layers of the small network; it crops images as the recipe's network does."""
    width = recipe.cascade.filters
    crops = [layer for layer in recipe.network[:1] if isinstance(layer, Crop)]
    return (
        *crops,
        Whiten(filters=width, kernel_size=KERNEL, stride=STRIDE),
        Relu(),
        MaxPool(),
        Conv(filters=2 * width, kernel_size=3, bias=False),
        MaxPool(),
        BatchNorm(momentum=MOMENTUM),
        Relu(),
        Conv(filters=4 * width, kernel_size=3, bias=False),
        BatchNorm(momentum=MOMENTUM),
        Relu(),
        Flatten(),
        Output(),
    )
