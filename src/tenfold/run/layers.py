"""The layers of a recipe's network: what each takes, and how they may follow one another."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tenfold.errors import TenfoldError

Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Layer(Struct, frozen=True, forbid_unknown_fields=True, tag_field="layer"):
    """One step of the network; the first takes pictures [n, 1, 28, 28] in 0-1."""


class Crop(Layer, frozen=True, tag="crop"):
    """Keep the middle `size` x `size` pixels."""

    size: Count


class Conv(Layer, frozen=True, tag="conv"):
    """Convolve with `filters` filters of `kernel_size` x `kernel_size`."""

    filters: Count
    kernel_size: Count
    stride: Count = 1
    padding: Literal["same", "valid"] = "same"
    bias: bool = True


class Whiten(Layer, frozen=True, tag="whiten"):
    """Convolve with the main directions of the pictures' own patches, and their opposites.

    The first layer but for a crop; it is found from the training pictures and learns nothing.
    """

    filters: Annotated[int, Meta(ge=2, multiple_of=2)]
    kernel_size: Count
    stride: Count = 1


class BatchNorm(Layer, frozen=True, tag="batch_norm"):
    """Normalise each channel; `momentum` is the newest batch's weight in the running mean."""

    momentum: Annotated[float, Meta(gt=0, le=1)] = 0.1


class Relu(Layer, frozen=True, tag="relu"):
    """max(x, 0)."""


class Gelu(Layer, frozen=True, tag="gelu"):
    """x times the standard normal's cumulative probability of x, in the tanh approximation."""


class MaxPool(Layer, frozen=True, tag="max_pool"):
    """Take the largest value of each `pool_size` x `pool_size` window; windows do not overlap."""

    pool_size: Count = 2


class Dropout(Layer, frozen=True, tag="dropout"):
    """Silence this share of the values while training."""

    rate: Share


class Flatten(Layer, frozen=True, tag="flatten"):
    """Lay channels, rows and columns out in one row."""


class Dense(Layer, frozen=True, tag="dense"):
    """Connect every value to each of `units` units."""

    units: Count


class Output(Layer, frozen=True, tag="output"):
    """Connect every value to one unit a class; their softmax is the answer. Always the last."""

    scale: Positive = 1.0


AnyLayer = (
    Crop | Conv | Whiten | BatchNorm | Relu | Gelu | MaxPool | Dropout | Flatten | Dense | Output
)


def check_network(where: str, layers: tuple[AnyLayer, ...]) -> None:
    """Check that the layers can follow one another and end in the one output.

    Args:
        where: the recipe, as errors name it.
        layers: the network, first layer first.

    Raises:
        TenfoldError: names the first layer at fault, counted from 1.
    """
    outputs = [index for index, layer in enumerate(layers) if isinstance(layer, Output)]
    if outputs != [len(layers) - 1]:
        raise TenfoldError(f"recipe {where}: the network must end in its one 'output' layer")
    flat = False
    for number, layer in enumerate(layers, 1):
        kind = type(layer).__struct_config__.tag
        if flat and isinstance(layer, Crop | Conv | Whiten | MaxPool | BatchNorm | Flatten):
            raise TenfoldError(f"recipe {where}: layer {number} ({kind}) comes after 'flatten'")
        if not flat and isinstance(layer, Dense | Output):
            raise TenfoldError(f"recipe {where}: layer {number} ({kind}) needs 'flatten' before it")
        if isinstance(layer, Whiten):
            if not all(isinstance(before, Crop) for before in layers[: number - 1]):
                raise TenfoldError(
                    f"recipe {where}: layer {number} (whiten) must be the first, or behind a crop"
                )
            if layer.filters > 2 * layer.kernel_size**2:
                raise TenfoldError(
                    f"recipe {where}: layer {number} (whiten): patches of {layer.kernel_size} x "
                    f"{layer.kernel_size} have at most {2 * layer.kernel_size**2} filters. "
                    f"Received: {layer.filters}"
                )
        same = isinstance(layer, Whiten) or (isinstance(layer, Conv) and layer.padding == "same")
        if isinstance(layer, Conv | Whiten) and same and layer.kernel_size % 2 == 0:
            raise TenfoldError(
                f"recipe {where}: layer {number} ({kind}): 'same' padding needs an odd size. "
                f"Received: {layer.kernel_size}"
            )
        flat = flat or isinstance(layer, Flatten)
