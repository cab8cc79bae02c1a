"""Read the digits of pictures: find the ink, ask the model, say how sure it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

from tenfold.data.dataset import Images
from tenfold.ink.page import Box, Page, find_digits, find_stroked_digits
from tenfold.ink.picture import AnyPicture
from tenfold.ink.strokes import Strokes
from tenfold.model.file import Model, open_model

SHIPPED = Path(__file__).parent / "assets" / "reader.onnx"
ALTERNATIVES = 3


@dataclass(frozen=True)
class Alternative:
    """Another answer: a class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, repr=False)
class Digit:
    """One digit that was read.

    Args:
        label: the most probable class, also where it is not accepted.
        probability: of `label`, 0-1.
        accepted: whether the reader stands by it; False for what is probably no digit.
        alternatives: the next classes, most probable first.
        probabilities: of every class, in the model's order.
        box: where it stands on the upright picture, in pixels.
        row: which row of writing, from 0.
        image: uint8 [28, 28], what the model saw: ink 255 on 0.
        notes: what was done to the picture, one phrase each.
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
        state = "" if self.accepted else ", refused"
        return f"Digit({self.label!r}, {self.probability:.3f}{state}, {self.box})"

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the picture as plain values, ready for JSON."""
        return {
            "label": self.label,
            "probability": round(self.probability, 6),
            "accepted": self.accepted,
            "alternatives": [
                {"label": other.label, "probability": round(other.probability, 6)}
                for other in self.alternatives
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
    """The digits of one picture, in reading order; `str()` gives the rows as read.

    Args:
        digits: what was read.
        page: what was found on the picture.
    """

    page: Page

    def __new__(cls, digits: Iterable[Digit], page: Page) -> Self:
        """Join what was found and what was read."""
        reading = super().__new__(cls, digits)
        reading.page = page
        return reading

    @property
    def rows(self) -> list[str]:
        """Each row as a string, `?` where the reader refuses."""
        rows: dict[int, str] = {}
        for digit in self:
            rows[digit.row] = rows.get(digit.row, "") + (digit.label if digit.accepted else "?")
        return list(rows.values())

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the pictures as plain values, ready for JSON."""
        return {
            "rows": self.rows,
            "digits": [digit.to_dict() for digit in self],
            "width": self.page.size[0],
            "height": self.page.size[1],
        }

    def __str__(self) -> str:
        return "\n".join(self.rows)

    def _repr_html_(self) -> str:
        from tenfold.model.show import reading_html

        return reading_html(self)


class Reader:
    """Reads digits from pictures and strokes.

    Args:
        model: a run folder or model file; the shipped model by default.
        min_confidence: refuse answers less probable than this (0-1), beside what the model refuses.
        threads: how many threads to answer with; 0 for every core.

    Raises:
        TenfoldError: where the model cannot be read.
    """

    def __init__(
        self,
        model: str | PathLike[str] = SHIPPED,
        min_confidence: float = 0.0,
        threads: int = 0,
    ) -> None:
        self.model: Model = open_model(model, threads)
        self.min_confidence = min_confidence

    def read(self, picture: AnyPicture, single: bool = False, name: str = "picture") -> Reading:
        """Read the digits of a picture.

        Args:
            picture: a path, the bytes of a file, a Pillow image, or an array [h, w(, 1, 3 or 4)] of
                bool, uint8, uint16 or floats in 0-1; dark on bright or bright on dark.
            single: take all ink for one digit.
            name: what errors call it; a path goes by its own name.

        Raises:
            TenfoldError: where the picture cannot be read.
        """
        return self._answer([find_digits(picture, single, name)])[0]

    def read_strokes(self, strokes: Strokes, single: bool = False) -> Reading:
        """Read digits from strokes: a list of points x, y for each time the pen was down.

        Raises:
            TenfoldError: where a stroke is no list of points.
        """
        return self._answer([find_stroked_digits(strokes, single)])[0]

    def read_many(
        self, pictures: Iterable[AnyPicture], single: bool = False, batch_size: int = 64
    ) -> Iterator[Reading]:
        """Read many pictures, answering the digits of `batch_size` pictures at once.

        Raises:
            TenfoldError: where a picture cannot be read.
        """
        pages: list[Page] = []
        for picture in pictures:
            pages.append(find_digits(picture, single))
            if len(pages) == batch_size:
                yield from self._answer(pages)
                pages = []
        yield from self._answer(pages)

    def _answer(self, pages: list[Page]) -> list[Reading]:
        import numpy as np

        if not pages:
            return []
        answers = self.model.predict(np.concatenate([page.images for page in pages]))
        readings, place = [], 0
        for page in pages:
            digits = []
            for found in page.digits:
                probabilities = answers.probabilities[place]
                order = np.argsort(-probabilities, kind="stable")[: ALTERNATIVES + 1].tolist()
                best, *others = (
                    Alternative(self.model.classes[index], float(probabilities[index]))
                    for index in order
                )
                accepted = bool(answers.accepted[place])
                digits.append(
                    Digit(
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
                )
                place += 1
            readings.append(Reading(digits, page))
        return readings
