"""What was read on an image: its digits, its rows, its preview; or why it could not be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from tenfold.data.dataset import Images
from tenfold.errors import TenfoldError
from tenfold.ink.page import Box, Page

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
    """The digits of one image, in reading order; `str()` gives its text.

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
            "digits": [digit.to_dict() for digit in self],
            "width": self.page.size[0],
            "height": self.page.size[1],
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from tenfold.model.reading_html import reading_html

        return reading_html(self)


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
