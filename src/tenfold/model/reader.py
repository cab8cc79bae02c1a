"""Read the digits of photos and strokes: find the ink, segment it, predict each digit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

from tenfold.data.dataset import Images
from tenfold.ink.image import AnyImage
from tenfold.ink.page import Box, Page, find_digits, find_stroked_digits
from tenfold.ink.strokes import Strokes
from tenfold.model.file import Model, open_model

SHIPPED = Path(__file__).parent / "assets" / "reader.onnx"
ALTERNATIVES = 3


@dataclass(frozen=True)
class Alternative:
    """Another candidate: a class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, repr=False)
class Digit:
    """One digit that was read.

    Args:
        label: the most probable class, also where it is not accepted.
        probability: of `label`, 0-1.
        accepted: False where the prediction is rejected: it is probably not a digit.
        alternatives: the next classes, most probable first.
        probabilities: of every class, in the model's order.
        box: its bounding box in the upright image, in pixels.
        row: the row of writing that it is in, from 0.
        image: uint8 [28, 28], the model input: ink 255 on 0.
        notes: the preprocessing steps, one phrase each.
    """

    label: str
    probability: float
    accepted: bool
    alternatives: tuple[Alternative, ...]
    probabilities: tuple[float, ...]
    box: Box
    row: int
    image: Images
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        state = "" if self.accepted else ", rejected"
        return f"Digit({self.label!r}, {self.probability:.3f}{state}, {self.box})"

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the image as plain values, ready for JSON."""
        return {
            "label": self.label,
            "probability": round(self.probability, 6),
            "accepted": self.accepted,
            "alternatives": [
                {"label": one.label, "probability": round(one.probability, 6)}
                for one in self.alternatives
            ],
            "box": {
                "x": self.box.x,
                "y": self.box.y,
                "width": self.box.width,
                "height": self.box.height,
            },
            "row": self.row,
            "notes": list(self.notes),
        }


class Reading(tuple[Digit, ...]):
    """The digits of one image, in reading order; `str()` gives the rows as text.

    Args:
        digits: the predicted digits.
        page: the segmented image.
    """

    page: Page

    def __new__(cls, digits: Iterable[Digit], page: Page) -> Self:
        """Join the segmented image and its digits."""
        reading = super().__new__(cls, digits)
        reading.page = page
        return reading

    @property
    def rows(self) -> list[str]:
        """Each row as a string, `?` where the prediction is rejected."""
        rows: dict[int, str] = {}
        for digit in self:
            rows[digit.row] = rows.get(digit.row, "") + (digit.label if digit.accepted else "?")
        return list(rows.values())

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images as plain values, ready for JSON."""
        return {
            "rows": self.rows,
            "digits": [digit.to_dict() for digit in self],
            "width": self.page.size[0],
            "height": self.page.size[1],
        }

    def __str__(self) -> str:
        return "\n".join(self.rows)

    def _repr_html_(self) -> str:
        from tenfold.model.reading_html import reading_html

        return reading_html(self)


class Reader:
    """Reads digits from photos, scans and strokes.

    Args:
        model: a run folder or model file; the shipped model by default.
        min_confidence: rejects predictions with a probability below this (0-1), in addition to
            those that the model itself rejects.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where the model cannot be read.
    """

    def __init__(
        self,
        model: str | PathLike[str] = SHIPPED,
        min_confidence: float = 0.0,
        threads: int | None = None,
    ) -> None:
        self.model: Model = open_model(model, threads)
        self.min_confidence = min_confidence

    def read(self, image: AnyImage, single: bool = False, name: str = "image") -> Reading:
        """Read the digits of an image.

        Args:
            image: a path, the bytes of a file, a Pillow image, or an array [h, w(, 1, 3 or 4)] of
                bool, uint8, uint16 or floats in 0-1; dark on bright or bright on dark.
            single: treat all ink as one digit.
            name: its name in error messages; a path has its own.

        Raises:
            TenfoldError: where the image cannot be read.
        """
        return self._predict([find_digits(image, single, name)])[0]

    def read_strokes(self, strokes: Strokes, single: bool = False) -> Reading:
        """Read digits from strokes.

        Args:
            strokes: a list of points (x, y) for each time the pen was down, y downwards.
            single: treat all strokes as one digit.

        Raises:
            TenfoldError: where a stroke is not a list of points.
        """
        return self._predict([find_stroked_digits(strokes, single)])[0]

    def read_many(
        self, images: Iterable[AnyImage], single: bool = False, batch_size: int = 64
    ) -> Iterator[Reading]:
        """Read many images, predicting the digits of `batch_size` images at once.

        Args:
            images: each as in `read`.
            single: treat all ink of an image as one digit.
            batch_size: images per call of the model.

        Raises:
            TenfoldError: where an image cannot be read.
        """
        pages: list[Page] = []
        for image in images:
            pages.append(find_digits(image, single))
            if len(pages) == batch_size:
                yield from self._predict(pages)
                pages = []
        yield from self._predict(pages)

    def _predict(self, pages: list[Page]) -> list[Reading]:
        import numpy as np

        if not pages:
            return []
        predictions = self.model.predict(np.concatenate([page.images for page in pages]))
        readings, index = [], 0
        for page in pages:
            digits = []
            for crop in page.digits:
                probabilities = predictions.probabilities[index]
                order = np.argsort(-probabilities, kind="stable")[: ALTERNATIVES + 1].tolist()
                best, *others = (
                    Alternative(self.model.classes[label], float(probabilities[label]))
                    for label in order
                )
                accepted = bool(predictions.accepted[index])
                digits.append(
                    Digit(
                        best.label,
                        best.probability,
                        accepted and best.probability >= self.min_confidence,
                        tuple(others),
                        tuple(probabilities.tolist()),
                        crop.box,
                        crop.row,
                        crop.image,
                        crop.notes,
                    )
                )
                index += 1
            readings.append(Reading(digits, page))
        return readings
