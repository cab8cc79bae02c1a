"""From a recipe's list of layers to a network, its first weights and its cost."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.data.dataset import SIDE
from tenfold.errors import TenfoldError
from tenfold.run.layers import (
    AnyLayer,
    BatchNorm,
    Conv,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Gelu,
    MaxPool,
    Output,
    Relu,
    Whiten,
)
from tenfold.run.recipe import Recipe
from tenfold.training.tiled_conv import Convolution

LEAST_CONTRAST = 0.05  # standard deviation of a patch that has ink to learn from
FAINT = 1e-2  # added to the variance of a direction, so that the faintest are not all noise

Network = nn.Sequential  # its layers in order, logits at the end


class CentreCrop(nn.Module):
    """Keep the middle `size` x `size` pixels of pictures [n, c, h, w]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Crop pictures [n, c, h, w] to [n, c, size, size]."""
        start = (images.shape[-1] - self.size) // 2
        stop = start + self.size
        return images[..., start:stop, start:stop]


class Whitening(nn.Conv2d):
    """Convolve with the main directions of pictures' patches, each at unit variance.

    A direction and its opposite are a filter each, so that a ReLU behind loses nothing. Nothing is
    learned, which saves the gradients of this layer and, for its pictures, of the next one: 2.2 ms
    of a step of 22. After K. Jordan's airbench.
    """

    def __init__(self, channels: int, filters: int, size: int, stride: int) -> None:
        super().__init__(channels, filters, size, stride, size // 2, bias=False)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Find the filters from images [n, c, h, w]."""
        patches = functional.unfold(images, self.kernel_size).transpose(1, 2).flatten(0, 1)
        inked = patches[patches.std(1) > LEAST_CONTRAST]
        variances, directions = torch.linalg.eigh((inked if len(inked) > 1 else patches).T.cov())
        scaled = (directions / (variances.clamp(min=0) + FAINT).sqrt()).T.flip(0)
        half = scaled[: len(self.weight) // 2].reshape(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([half, -half]))


def whiten(network: nn.Sequential, images: Tensor) -> None:
    """Find the filters of a network that are not learned, from images float [n, 1, 28, 28]."""
    for module in network:
        if isinstance(module, Whitening):
            module.fit(images)
        if not isinstance(module, CentreCrop):
            return
        images = module(images)


class Flattened(nn.Flatten):
    """Lay [n, c, h, w] out in rows [n, c h w]."""

    def forward(self, values: Tensor) -> Tensor:
        """Flatten values [n, c, h, w]."""
        if values.requires_grad and values.is_contiguous(memory_format=torch.channels_last):
            # As it comes, the gradient lies in another order than everything before it, and the
            # layer behind takes 0.6 ms of a step for 0.05.
            values.register_hook(_channels_last)  # type: ignore[no-untyped-call]
        return super().forward(values)


def _channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


class Scale(nn.Module):
    """Multiply by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        """Multiply values of any shape."""
        return values * self.factor


def build(recipe: Recipe, classes: int) -> nn.Sequential:
    """Build the network, from pictures float [n, 1, 28, 28] in 0-1 to logits [n, classes].

    The modules stand in the order of the recipe's layers, one module a layer. The first weights
    are drawn from torch's global generator.

    Raises:
        TenfoldError: where a layer does not fit behind the one before it.
    """
    shape = (1, SIDE, SIDE)
    modules: list[nn.Module] = []
    for number, layer in enumerate(recipe.network, 1):
        try:
            module = _module(layer, shape, classes)
            shape = tuple(module.eval()(torch.zeros(1, *shape)).shape[1:])
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise TenfoldError(
                f"recipe {recipe.name}: layer {number} does not fit behind {list(shape)}: {reason}"
            ) from None
        modules.append(module)
    network = nn.Sequential(*modules)
    initialise(network, recipe.initialisation)
    return network.train()


def _module(layer: AnyLayer, shape: tuple[int, ...], classes: int) -> nn.Module:
    match layer:
        case Crop(size=size):
            if size > shape[1]:
                raise ValueError(f"cannot crop {shape[1]} pixels to {size}")
            return CentreCrop(size)
        case Conv():
            padding = layer.kernel_size // 2 if layer.padding == "same" else 0
            return Convolution(
                shape[0], layer.filters, layer.kernel_size, layer.stride, padding, bias=layer.bias
            )
        case Whiten(filters=filters, kernel_size=size, stride=stride):
            return Whitening(shape[0], filters, size, stride)
        case BatchNorm(momentum=momentum):
            return nn.BatchNorm2d(shape[0], momentum=momentum)
        case Relu():
            return nn.ReLU(inplace=True)
        case Gelu():
            return nn.GELU(approximate="tanh")
        case MaxPool(pool_size=size):
            return nn.MaxPool2d(size)
        case Dropout(rate=rate):
            return nn.Dropout(rate)
        case Flatten():
            return Flattened()
        case Dense(units=units):
            return nn.Linear(shape[0], units)
        case Output(scale=scale):
            linear = nn.Linear(shape[0], classes)
            return linear if scale == 1 else nn.Sequential(linear, Scale(scale))


def initialise(network: nn.Module, kind: str) -> None:
    """Draw the first weights in place.

    `glorot` is Keras's default: uniform within sqrt(6 / (fan in + fan out)), biases zero. `he` is
    normal with variance 2 / fan in, biases zero. `dirac` is `he` with as many filters of each
    convolution as it has input channels (all but the first convolution) set to pass their channel
    on unchanged, after K. Jordan's airbench.
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear) or isinstance(module, Whitening):
            continue
        if kind == "glorot":
            nn.init.xavier_uniform_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        if kind == "dirac" and isinstance(module, nn.Conv2d) and module.in_channels > 1:
            nn.init.dirac_(module.weight.data[: module.in_channels])


def parameters(network: nn.Module) -> int:
    """Count the weights that are learned."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def multiply_adds(network: nn.Sequential) -> int:
    """Count the multiply-adds that one picture costs in convolutions and dense layers."""
    return sum(cost for cost, _ in _costs(network))


def multiply_adds_of_training(network: nn.Sequential) -> int:
    """Count those of one picture's forward and backward pass.

    Backward it is once for the gradient of the weights, where they learn, and once for that of what
    comes in, where anything before learns.
    """
    return sum(cost * passes for cost, passes in _costs(network))


def _costs(network: nn.Sequential) -> list[tuple[int, int]]:
    """Give each layer's multiply-adds for a picture, and how often training goes through them."""
    found: list[tuple[int, int]] = []
    shape, learned = (1, SIDE, SIDE), False
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    with torch.no_grad():
        for module in network:
            shape = tuple(module(torch.zeros(1, *shape, device=device)).shape[1:])
            for part in module.modules():
                if isinstance(part, nn.Conv2d | nn.Linear):
                    places = shape[1] * shape[2] if isinstance(part, nn.Conv2d) else 1
                    passes = 1 + part.weight.requires_grad + learned
                    found.append((part.weight.numel() * places, passes))
            learned = learned or any(weight.requires_grad for weight in module.parameters())
    network.train(training)
    return found
