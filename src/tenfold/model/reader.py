"""Read the digits of photos and strokes: find the ink, segment it, predict each digit."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from pathlib import Path

import numpy as np

from tenfold.errors import TenfoldError
from tenfold.ink.image import AnyImage
from tenfold.ink.page import FoundDigit, Page, find_digits, find_stroked_digits
from tenfold.ink.region import Region
from tenfold.ink.strokes import Strokes
from tenfold.model.file import Model, Predictions, open_model
from tenfold.model.reading import Alternative, Digit, Outcome, Reading

__all__ = ["SHIPPED", "Digit", "Outcome", "Reader", "Reading", "Source"]

SHIPPED = Path(__file__).parent / "assets" / "reader.onnx"
ALTERNATIVES = 3


@dataclass(frozen=True)
class Source:
    """An image that is opened when its turn comes.

    Args:
        name: what the user would call it.
        image: returns what `Reader.read` takes; raises TenfoldError where there is nothing.
    """

    name: str
    image: Callable[[], AnyImage]


class Reader:
    """Reads digits from photos, scans and strokes.

    Args:
        model: a run folder or model file; the shipped model by default.
        min_confidence: rejects predictions with a probability below this (0-1), in addition to
            those that the model itself rejects.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where the model cannot be read, or `min_confidence` is not 0-1.
    """

    def __init__(
        self,
        model: str | PathLike[str] = SHIPPED,
        min_confidence: float = 0.0,
        threads: int | None = None,
    ) -> None:
        if not isinstance(min_confidence, Real) or not 0 <= min_confidence <= 1:
            raise TenfoldError(f"min_confidence: must be 0-1. Received: {min_confidence!r}")
        self.model: Model = open_model(os.path.expanduser(model), threads)
        self.min_confidence: float = min_confidence

    def read(
        self,
        image: AnyImage,
        single: bool = False,
        name: str = "image",
        region: Region | None = None,
    ) -> Reading:
        """Read the digits of an image.

        Args:
            image: a path, the bytes of a file, a Pillow image, or an array [h, w(, 1, 3 or 4)] of
                bool, uint8, uint16 or floats in 0-1; dark on bright or bright on dark.
            single: treat all ink as one digit.
            name: its name in error messages; a path has its own.
            region: read only this rectangle: x, y, width and height in pixels of the upright
                image, or in fractions of its sides where none of the four is above 1. Boxes stay
                in pixels of the whole image.

        Raises:
            TenfoldError: where the image cannot be read, or the region is empty or reaches beyond
                it.
        """
        return self._predict([find_digits(image, single, name, region)])[0]

    def read_strokes(self, strokes: Strokes, single: bool = False) -> Reading:
        """Read digits from strokes.

        Args:
            strokes: a list of points (x, y) for each time the pen was down, y downwards, in pixels
                or, where no coordinate is above 1, in fractions of the area. A stroke that extends
                over less than 4 pixels (0.005 of the area) is a point: rejected alone, and ignored
                beside writing.
            single: treat all strokes as one digit.

        Raises:
            TenfoldError: where a stroke is not a list of points.
        """
        return self._predict([find_stroked_digits(strokes, single)])[0]

    def read_many(
        self,
        images: Iterable[AnyImage | Source],
        single: bool = False,
        batch_size: int = 64,
        region: Region | None = None,
    ) -> Iterator[Outcome]:
        """Read many images, predicting the digits of `batch_size` images at once.

        An image that cannot be read does not stop the others. No more than `batch_size` readings
        are in memory at once, and one image.

        Args:
            images: each as in `read`, or a Source, which opens the image when its turn comes.
            single: treat all ink of an image as one digit.
            batch_size: images per call of the model.
            region: read only this rectangle of each (see `read`).

        Returns:
            The outcomes in the order of the images, each with the image's name: its path, its
            source's name, or its number from 1, as "image 3".

        Raises:
            TenfoldError: where `images` is a single path, or `batch_size` is not a whole number
                of at least 1.
        """
        if isinstance(images, str | bytes | PathLike):
            raise TenfoldError(f"images: must be a list of images. Received: {images!r:.100}")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise TenfoldError(f"batch_size: must be at least 1. Received: {batch_size!r}")
        return self._read_batches(images, single, batch_size, region)

    def _read_batches(
        self,
        images: Iterable[AnyImage | Source],
        single: bool,
        batch_size: int,
        region: Region | None,
    ) -> Iterator[Outcome]:
        found: list[tuple[str, Page | TenfoldError]] = []
        for number, image in enumerate(images, 1):
            found.append(_find(image, number, single, region))
            del image  # while its digits are predicted
            if len(found) == batch_size:
                yield from self._outcomes(found)
                found = []
        yield from self._outcomes(found)

    def _outcomes(self, found: list[tuple[str, Page | TenfoldError]]) -> list[Outcome]:
        readings = iter(self._predict([page for _, page in found if isinstance(page, Page)]))
        return [
            Outcome(name, next(readings)) if isinstance(page, Page) else Outcome(name, None, page)
            for name, page in found
        ]

    def _predict(self, pages: list[Page]) -> list[Reading]:
        if not pages:
            return []
        predictions = self.model.predict(np.concatenate([page.images for page in pages]))
        readings, start = [], 0
        for page in pages:
            digits = [
                self._digit(found, predictions, start + index)
                for index, found in enumerate(page.digits)
            ]
            readings.append(Reading(digits, page))
            start += len(digits)
        return readings

    def _digit(self, found: FoundDigit, predictions: Predictions, index: int) -> Digit:
        probabilities = predictions.probabilities[index]
        order = np.argsort(-probabilities, kind="stable")[: ALTERNATIVES + 1].tolist()
        best, *others = (
            Alternative(self.model.classes[label], float(probabilities[label])) for label in order
        )
        accepted = bool(predictions.accepted[index]) and not found.is_point
        return Digit(
            best.label,
            best.probability,
            accepted and best.probability >= self.min_confidence,
            tuple(others),
            tuple(probabilities.tolist()),
            found.box,
            found.row,
            found.image,
            found.notes,
        )


def _find(
    image: AnyImage | Source, number: int, single: bool, region: Region | None
) -> tuple[str, Page | TenfoldError]:
    """Find an image's digits; return its name and them, or its name and what went wrong."""
    name = f"image {number}"
    if isinstance(image, Source):
        name = image.name
    elif isinstance(image, str | PathLike):
        name = str(image)
    try:
        opened = image.image() if isinstance(image, Source) else image
        return name, find_digits(opened, single, name, region)
    except TenfoldError as error:
        return name, error
