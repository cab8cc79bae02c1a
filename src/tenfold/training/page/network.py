"""The page network: fully convolutional, from grey to where characters are and which."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.model.page_network import CLASSES

WIDTHS = (24, 48, 88, 128)  # channels at a half, a quarter, an eighth and a sixteenth of the side
DECODED = 64  # channels before the outputs
OUTPUTS = 2 + len(CLASSES) + 4


class _Convolution(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)  # an identity, to begin with
        self.norm: nn.Module = norm

    def forward(self, value: Tensor) -> Tensor:
        """Change what is given by a little."""
        return functional.relu(value + self.norm(self.second(self.first(value))))


class PageNetwork(nn.Module):
    """Finds characters at one scale.

    Its input is float [n, 1, h, w], h and w multiples of 16, of locally normalised contrast; its
    output float [n, 24, h / 4, w / 4]: logits of whether the middle of a character and of a mark is
    there, logits of the classes, and logarithms of the distances from there to the left, upper,
    right and lower edge of its box, in places of the output.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = WIDTHS
        self.quarter = nn.Sequential(
            _Convolution(1, half, stride=2),
            _Convolution(half, quarter, stride=2),
            _Convolution(quarter, quarter),
        )
        self.eighth = nn.Sequential(
            _Convolution(quarter, eighth, stride=2), Residual(eighth), Residual(eighth)
        )
        self.sixteenth = nn.Sequential(
            _Convolution(eighth, sixteenth, stride=2), Residual(sixteenth), Residual(sixteenth)
        )
        self.from_sixteenth = _Convolution(sixteenth, eighth, 1)
        self.at_eighth = _Convolution(eighth, eighth)
        self.from_eighth = _Convolution(eighth, DECODED, 1)
        self.beside = _Convolution(quarter, DECODED, 1)
        self.at_quarter = _Convolution(DECODED, DECODED)
        self.hidden = _Convolution(DECODED, 2 * DECODED, 1)
        self.outputs = nn.Conv2d(2 * DECODED, OUTPUTS, 1)
        bias = self.outputs.bias
        assert bias is not None
        with torch.no_grad():
            bias[:2] = -4.0  # nearly every place is empty
            bias[-4:] = 1.1  # and a digit reaches three places to each side

    def forward(self, image: Tensor) -> Tensor:
        """Find characters; see the class."""
        quarter = self.quarter(image)
        eighth = self.eighth(quarter)
        context = self.from_sixteenth(self.sixteenth(eighth))
        eighth = self.at_eighth(eighth + functional.interpolate(context, scale_factor=2))
        above = functional.interpolate(self.from_eighth(eighth), scale_factor=2)
        decoded = self.at_quarter(self.beside(quarter) + above)
        found: Tensor = self.outputs(self.hidden(decoded))
        return found
