"""What was read on an image: its digits, its rows, its preview; or why it could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.ink.page import Box, FoundMark, Page

if TYPE_CHECKING:
    from PIL import Image


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
            "box": _box_to_dict(self.box),
            "row": self.row,
            "notes": list(self.notes),
        }


class Reading(tuple[Digit, ...]):
    """The digits of one image, in reading order; `str()` gives its text.

    Args:
        digits: the predicted digits.
        page: what was found on the image.
        with_marks: whether the text has the marks and gaps between the digits.
    """

    page: Page
    with_marks: bool

    def __new__(cls, digits: Iterable[Digit], page: Page, with_marks: bool = False) -> Self:
        """Join what was found on the image and its digits."""
        reading = super().__new__(cls, digits)
        reading.page = page
        reading.with_marks = with_marks
        return reading

    @property
    def marks(self) -> tuple[FoundMark, ...]:
        """Points, commas, signs and gaps between the digits, in reading order."""
        return self.page.marks

    @property
    def rows(self) -> list[str]:
        """Each row as a string, `?` where the prediction is rejected; marks where asked for."""
        rows: dict[int, str] = {}
        marks = list(self.marks) if self.with_marks else []
        for place, digit in enumerate(self):
            text = ""
            while marks and marks[0].before <= place:
                mark = marks.pop(0)
                if mark.row == digit.row:
                    text += mark.text
                else:
                    rows[mark.row] = rows.get(mark.row, "") + mark.text
            text += digit.label if digit.accepted else "?"
            rows[digit.row] = rows.get(digit.row, "") + text
        for mark in marks:
            rows[mark.row] = rows.get(mark.row, "") + mark.text
        return [rows[row] for row in sorted(rows)]

    @property
    def row_probabilities(self) -> list[float]:
        """How probably each whole row is right, 0-1; 0 where one of its digits is rejected."""
        rows: dict[int, float] = {}
        for digit in self:
            sure = digit.probability if digit.accepted else 0.0
            rows[digit.row] = rows.get(digit.row, 1.0) * sure
        return [rows[row] for row in sorted(rows)]

    @property
    def probability(self) -> float:
        """How probably all of it is right, 0-1; 0 where a digit is rejected or none was found."""
        return float(np.prod(self.row_probabilities)) if self else 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the image as a whole, and what was found and is not in the text."""
        return self.page.notes

    @property
    def text(self) -> str:
        """The rows joined by newlines, `?` where the prediction is rejected."""
        return "\n".join(self.rows)

    def plot(self) -> "Image.Image":
        """Draw the image with boxes and predictions, and each digit as the model saw it.

        Returns:
            A Pillow image, which Jupyter shows.
        """
        from tenfold.model.reading_preview import draw_preview

        return draw_preview(self)

    def save(self, path: str | PathLike[str], overwrite: bool = False) -> None:
        """Write what `plot` draws as PNG.

        Args:
            path: where it goes; it must end in .png.
            overwrite: replace an existing file.

        Raises:
            TenfoldError: where the file exists already or cannot be written.
        """
        from tenfold.model.reading_preview import check_preview_path, save_preview

        save_preview(self, check_preview_path(path, overwrite))

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images as plain values, ready for JSON."""
        return {
            "rows": self.rows,
            "probability": round(self.probability, 6),
            "row_probabilities": [round(value, 6) for value in self.row_probabilities],
            "digits": [digit.to_dict() for digit in self],
            "marks": [_mark_to_dict(mark) for mark in self.marks],
            "notes": list(self.notes),
            "width": self.page.size[0],
            "height": self.page.size[1],
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from tenfold.model.reading_html import reading_html

        return reading_html(self)


def _mark_to_dict(mark: FoundMark) -> dict[str, Any]:
    return {
        "label": mark.label,
        "probability": round(mark.probability, 6),
        "box": _box_to_dict(mark.box),
        "row": mark.row,
        "before": mark.before,
        "accepted": mark.accepted,
    }


def _box_to_dict(box: Box) -> dict[str, int]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one image of many: a reading, or the error that says why there is none.

    Args:
        name: the image's: its path, or its number.
        reading: None where the image could not be read.
        error: None where it was read.
    """

    name: str
    reading: Reading | None
    error: TenfoldError | None = None

    def result(self) -> Reading:
        """Return the reading.

        Raises:
            TenfoldError: where the image could not be read.
        """
        if self.reading is None:
            raise self.error or TenfoldError(f"{self.name}: could not be read")
        return self.reading
