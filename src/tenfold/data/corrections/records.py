"""What a correction is: of which input, by which model, and what it should have been."""

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tenfold.data.dataset import Images

Kind = Literal["digit", "line"]
View = tuple[float, float, float, float]  # x, y, width and height, in the unit of boxes
InputKind = Literal["strokes", "picture"]


class Area(NamedTuple):
    """A rectangle, in pixels of the upright picture or in the unit of the strokes."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class CorrectedInput:
    """What was read: strokes, or a picture.

    Args:
        kind: what it is.
        content: the strokes as JSON, or the bytes of the picture's file.
        preview: a small JPEG of it.
        view: what of it the preview shows.
        single: whether all of it was read as one digit.
        region: the part of it that was read, as the user named it; None for all.
        page: of a PDF, from 1; 0 for what is none.
    """

    kind: InputKind
    content: bytes
    preview: bytes
    view: View
    single: bool = False
    region: str | None = None
    page: int = 0

    @property
    def sha256(self) -> str:
        """Of all that decides what is read."""
        digest = hashlib.sha256(f"{self.kind} {self.single} {self.region} {self.page}\0".encode())
        digest.update(self.content)
        return digest.hexdigest()


@dataclass(frozen=True)
class KeptInput:
    """What is known of an input without what is in it; as `CorrectedInput` has it.

    Args:
        id: its number.
        kind: what it is.
        view: what of it the preview shows.
        single: whether all of it was read as one digit.
        region: the part of it that was read.
        page: of a PDF.
    """

    id: int
    kind: InputKind
    view: View
    single: bool
    region: str | None
    page: int


@dataclass(frozen=True)
class AnsweredBy:
    """The model that was wrong.

    Args:
        name: `digits` for the shipped one, else its file's name without the ending.
        digest: the sha256 of the file.
        classes: the names of its classes.
    """

    name: str
    digest: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Correction:
    """What one digit, or one line of them, is, and what the model took it for.

    Args:
        label: the class, or, of a line, the text; None for what is no digit.
        answer: what was read, the most probable class also where it was rejected.
        accepted: whether the answer was.
        probability: of the answer, 0-1.
        box: where it is.
        image: uint8 [28, 28], as the model saw it; None for a line, of which another number of
            digits was found than there are.
        kind: a digit, or a line without images.
    """

    label: str | None
    answer: str
    accepted: bool
    probability: float
    box: Area
    image: Images | None
    kind: Kind = "digit"


@dataclass(frozen=True)
class KeptCorrection:
    """A correction that was kept.

    Args:
        id: its number; later ones are higher.
        created: when, in UTC, as ISO 8601.
        source: the strokes or the picture that it is from.
        model: the model that was wrong.
        correction: what was corrected.
    """

    id: int
    created: str
    source: KeptInput
    model: AnsweredBy
    correction: Correction


@dataclass(frozen=True)
class Search:
    """Which corrections to find; what is None is not asked for.

    Args:
        label: what they are; `NOT_A_DIGIT` for what is none.
        answer: what was read.
        kind: digits, or lines.
        model: the name of the model.
        since: the earliest time, UTC, ISO 8601.
        until: the time that they must be before.
        before: the id that theirs must be below, to go on from the last of a list.
    """

    label: str | None = None
    answer: str | None = None
    kind: Kind | None = None
    model: str | None = None
    since: str | None = None
    until: str | None = None
    before: int | None = None
