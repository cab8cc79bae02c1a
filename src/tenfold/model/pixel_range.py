"""What a model wants for the pixels: the value of the background, and that of ink."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
ENDS = re.compile(rf"({NUMBER})\.\.({NUMBER})")
MEAN_AND_STD = re.compile(rf"({NUMBER})/({NUMBER})")
HOW = (
    "pixels are BACKGROUND..INK, as 0..1, 0..255, -1..1 or 1..0 (dark ink on a bright ground), or "
    "MEAN/STD, as 0.1307/0.3081, of pixels in 0-1"
)


@dataclass(frozen=True)
class PixelRange:
    """The values that a model was trained with; all between are in proportion.

    Args:
        background: of a pixel without ink, 0 in a Dataset.
        ink: of a pixel full of ink, 255 in a Dataset.
        text: how it was written.
    """

    background: float
    ink: float
    text: str

    @classmethod
    def parse(cls, text: str, name: str) -> "PixelRange":
        """Read `0..1`, or `0.1307/0.3081`, mean and standard deviation as torchvision has them.

        Raises:
            TenfoldError: where it is neither; `name` is the model's.
        """
        if found := ENDS.fullmatch(text):
            background, ink = map(float, found.groups())
        elif found := MEAN_AND_STD.fullmatch(text):
            mean, std = map(float, found.groups())
            background, ink = (-mean / std, (1 - mean) / std) if std > 0 else (0.0, 0.0)
        else:
            raise TenfoldError(f"{name}: {HOW}. Received: {text[:60]!r}")
        if background == ink or max(abs(background), abs(ink)) > 1e6:
            raise TenfoldError(f"{name}: {HOW}; both must differ. Received: {text[:60]!r}")
        return cls(background, ink, text)

    def fits(self, dtype: np.dtype[Any]) -> bool:
        """Whether a dtype of whole numbers has both ends; of floats every one has."""
        if not np.issubdtype(dtype, np.integer):
            return True
        info = np.iinfo(dtype)
        ends = (self.background, self.ink)
        return all(end == round(end) and info.min <= end <= info.max for end in ends)

    def apply(self, images: Images, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Convert images, uint8 [n, 28, 28], to what the model takes, of that dtype."""
        if (self.background, self.ink) == (0, 255):
            return images.astype(dtype)
        values = np.linspace(self.background, self.ink, 256, dtype=np.float64)
        if np.issubdtype(dtype, np.integer):
            values = values.round()
        table: NDArray[Any] = values.astype(dtype)
        return table[images]

    def __str__(self) -> str:
        return self.text


def usual_ranges(dtype: np.dtype[Any]) -> list[PixelRange]:
    """Give the ranges that are in use: torchvision's, Keras's, scikit-learn's, and inverted."""
    texts = ["0..255", "255..0"]
    if not np.issubdtype(dtype, np.integer):
        texts = ["0..1", "0..255", "-1..1", "0.1307/0.3081", "1..0", "255..0", "1..-1"]
    return [PixelRange.parse(text, "") for text in texts]
