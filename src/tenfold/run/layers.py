"""The layers of a recipe's network: what each takes, and how they may follow one another."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from tenfold.errors import TenfoldError

MAX_THREADS = 1024  # 100,000 of them take 16 GB before anything is computed

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
# A Python object of somebody's own, and what it is called with: see `run/recipe_parts.py`.
ObjectName = Annotated[str, Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$", max_length=200)]
Arguments = dict[str, Any]


def doc(text: str) -> Meta:
    """Describe a key of a recipe; `tenfold.run.recipe_reference` lists the descriptions."""
    return Meta(description=text)


class Layer(Struct, frozen=True, forbid_unknown_fields=True, tag_field="layer"):
    """A layer of the network; the first takes images [n, 1, 28, 28] in 0-1."""

    takes: ClassVar[Literal["maps", "vectors", "any"]] = "any"  # [n, c, h, w], or [n, c] once flat
    flattens: ClassVar[bool] = False  # makes vectors of maps

    def fault(self, before: "Sequence[Layer]") -> str | None:
        """Say why it cannot stand behind the layers `before`; None where it can."""
        return None


class Crop(Layer, frozen=True, tag="crop"):
    """Crop the centre of the image."""

    takes: ClassVar = "maps"

    size: Annotated[Count, doc("height and width that remain, in pixels")]


class Conv(Layer, frozen=True, tag="conv"):
    """2D convolution."""

    takes: ClassVar = "maps"

    filters: Annotated[Count, doc("number of output channels")]
    kernel_size: Annotated[Count, doc("height and width of the kernel; odd with `same` padding")]
    stride: Annotated[Count, doc("stride in both directions")] = 1
    padding: Annotated[
        Literal["same", "valid"], doc("zero padding that keeps the size at stride 1, or none")
    ] = "same"
    bias: Annotated[bool, doc("add a bias to each channel")] = True

    def fault(self, before: Sequence[Layer]) -> str | None:
        """Say why it cannot stand behind the layers `before`; None where it can."""
        return _even(self.kernel_size) if self.padding == "same" else None


class Whiten(Layer, frozen=True, tag="whiten"):
    """Fixed whitening convolution: principal components of image patches, and their negatives.

    Must be the first layer, or follow only crops. It is computed from the training images and has
    no trainable parameters.
    """

    takes: ClassVar = "maps"

    filters: Annotated[
        int,
        Meta(ge=2, multiple_of=2),
        doc("number of output channels; at most twice `kernel_size` squared"),
    ]
    kernel_size: Annotated[Count, doc("height and width of the patches; odd")]
    stride: Annotated[Count, doc("stride in both directions")] = 1

    def fault(self, before: Sequence[Layer]) -> str | None:
        """Say why it cannot stand behind the layers `before`; None where it can."""
        most = 2 * self.kernel_size**2
        if not all(isinstance(layer, Crop) for layer in before):
            return "must be the first, or behind a crop"
        if self.filters > most:
            return (
                f"patches of {self.kernel_size} x {self.kernel_size} have at most {most} filters. "
                f"Received: {self.filters}"
            )
        return _even(self.kernel_size)


class BatchNorm(Layer, frozen=True, tag="batch_norm"):
    """Batch normalisation of each channel."""

    takes: ClassVar = "maps"

    momentum: Annotated[
        float, Meta(gt=0, le=1), doc("weight of the newest batch in the running mean and variance")
    ] = 0.1


class Relu(Layer, frozen=True, tag="relu"):
    """Rectified linear unit, max(x, 0)."""


class Gelu(Layer, frozen=True, tag="gelu"):
    """Gaussian error linear unit, in the tanh approximation."""


class MaxPool(Layer, frozen=True, tag="max_pool"):
    """Max pooling over windows that do not overlap."""

    takes: ClassVar = "maps"

    pool_size: Annotated[Count, doc("height, width and stride of the window")] = 2


class AvgPool(Layer, frozen=True, tag="avg_pool"):
    """Average pooling over windows that do not overlap."""

    takes: ClassVar = "maps"

    pool_size: Annotated[Count, doc("height, width and stride of the window")] = 2


class GlobalAvgPool(Layer, frozen=True, tag="global_avg_pool"):
    """Global average pooling: the mean of each channel, as one vector."""

    takes: ClassVar = "maps"
    flattens: ClassVar = True


class GlobalMaxPool(Layer, frozen=True, tag="global_max_pool"):
    """Global max pooling: the maximum of each channel, as one vector."""

    takes: ClassVar = "maps"
    flattens: ClassVar = True


class SqueezeExcite(Layer, frozen=True, tag="squeeze_excite"):
    """Squeeze-and-excitation: weigh each channel by a small network that sees all their means."""

    takes: ClassVar = "maps"

    reduction: Annotated[Count, doc("channels per hidden unit of the small network")] = 4


class Residual(Layer, frozen=True, tag="residual"):
    """Residual block: two convolutions with batch norms, added to what comes in; ReLU after both.

    Where size or number of channels change, what comes in goes through a convolution of 1 x 1 and a
    batch norm.
    """

    takes: ClassVar = "maps"

    filters: Annotated[Count, doc("number of output channels")]
    kernel_size: Annotated[Count, doc("height and width of both kernels; odd")] = 3
    stride: Annotated[Count, doc("stride of the first convolution, in both directions")] = 1
    momentum: Annotated[
        float, Meta(gt=0, le=1), doc("weight of the newest batch in the batch norms' statistics")
    ] = 0.1
    squeeze_excite: Annotated[
        int,
        Meta(ge=0, le=1_000_000),
        doc("reduction of a squeeze-and-excitation on what is added; 0: none"),
    ] = 0
    layer_scale: Annotated[
        NotNegative,
        doc("initial value of a learned factor on each channel of what is added; 0: none"),
    ] = 0.0

    def fault(self, before: Sequence[Layer]) -> str | None:
        """Say why it cannot stand behind the layers `before`; None where it can."""
        return (
            None
            if self.kernel_size % 2
            else f"needs an odd kernel_size. Received: {self.kernel_size}"
        )


class Dropout(Layer, frozen=True, tag="dropout"):
    """Dropout: zero values at random during training."""

    rate: Annotated[Share, doc("fraction of the values that is zeroed")]


class Flatten(Layer, frozen=True, tag="flatten"):
    """Flatten channels, rows and columns into one vector."""

    takes: ClassVar = "maps"
    flattens: ClassVar = True


class Dense(Layer, frozen=True, tag="dense"):
    """Fully connected layer."""

    takes: ClassVar = "vectors"

    units: Annotated[Count, doc("number of output units")]


class Output(Layer, frozen=True, tag="output"):
    """Fully connected layer with one unit per class, followed by softmax. Always the last layer."""

    takes: ClassVar = "vectors"

    scale: Annotated[Positive, doc("factor on the logits before the softmax")] = 1.0


class Module(Layer, frozen=True, tag="module"):
    """A layer of your own: a class or function that makes a torch `nn.Module`."""

    module: Annotated[ObjectName, doc("where it is, as `my_net:Block`")]
    arguments: Annotated[Arguments, doc("what it is called with: all other keys")] = {}


AnyLayer = (
    Crop
    | Conv
    | Whiten
    | BatchNorm
    | Relu
    | Gelu
    | MaxPool
    | AvgPool
    | Residual
    | SqueezeExcite
    | Dropout
    | GlobalAvgPool
    | GlobalMaxPool
    | Flatten
    | Dense
    | Output
    | Module
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
    last = len(layers) - 1
    ends_in_own = bool(layers) and not outputs and isinstance(layers[-1], Module)
    if outputs != [last] and not ends_in_own:
        raise TenfoldError(
            f"recipe {where}: the network must end in its one 'output' layer, or in a 'module' "
            "that gives the logits"
        )
    shape: Literal["maps", "vectors", "any"] = "maps"
    for number, layer in enumerate(layers, 1):
        what = f"recipe {where}: layer {number} ({type(layer).__struct_config__.tag})"
        if shape == "vectors" and layer.takes == "maps":
            raise TenfoldError(f"{what} comes after 'flatten' or a global pool")
        if shape == "maps" and layer.takes == "vectors":
            raise TenfoldError(f"{what} needs 'flatten' or a global pool before it")
        if fault := layer.fault(layers[: number - 1]):
            raise TenfoldError(f"{what}: {fault}")
        if isinstance(layer, Module):
            shape = "any"  # what it makes is known once it is built
        elif layer.flattens:
            shape = "vectors"


def _even(kernel_size: int) -> str | None:
    if kernel_size % 2:
        return None
    return f"'same' padding needs an odd kernel_size. Received: {kernel_size}"
