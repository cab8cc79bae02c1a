"""From a corrected answer to what is kept of it: the input is read again, by the same model."""

import hashlib
import io
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

from tenfold.child import Child
from tenfold.data.corrections.records import AnsweredBy, Area, Correction, View
from tenfold.data.dataset import SIDE
from tenfold.model.reading import Reading
from tenfold.server.reading import Task, reading_of
from tenfold.server.refusal import Refusal
from tenfold.server.service import ServedModel

NONE = "?"  # in the text of a line: no digit
_PREVIEW_SIDE, _PREVIEW_QUALITY = 480, 80  # pixels of the longer side; at most some 40 kB


class SeenDigit(msgspec.Struct, frozen=True):
    """A digit as the model answered it; the fields are those of `Digit`."""

    label: str
    probability: float
    accepted: bool
    box: tuple[int, int, int, int]
    row: int
    image: bytes


class Seen(msgspec.Struct, frozen=True):
    """What was read of an input.

    Args:
        digits: in reading order.
        rows: the text of each row.
        preview: a small JPEG of the input.
        view: what of it the preview shows, in the unit of boxes.
    """

    digits: list[SeenDigit]
    rows: list[str]
    preview: bytes
    view: View


def see(child: Child, task: Task) -> Seen:
    """Read in a child what is to be corrected.

    Raises:
        TenfoldError: where it cannot be read, or takes too long, or too much memory.
    """
    answer = child.call(f"{__name__}:_see", msgspec.msgpack.encode(task), task.name)
    return msgspec.msgpack.decode(answer, type=Seen)


def _see(payload: bytes) -> bytes:
    reading = reading_of(msgspec.msgpack.decode(payload, type=Task))
    digits = [
        SeenDigit(
            digit.label,
            round(digit.probability, 6),
            digit.accepted,
            (digit.box.x, digit.box.y, digit.box.width, digit.box.height),
            digit.row,
            digit.image.tobytes(),
        )
        for digit in reading
    ]
    return msgspec.msgpack.encode(Seen(digits, reading.rows, *_preview(reading)))


def _preview(reading: Reading) -> tuple[bytes, View]:
    """Shrink the preview of a reading; return it, and what of the input it shows."""
    from PIL import Image

    preview = reading.page.preview
    with Image.open(io.BytesIO(preview.jpeg)) as image:
        view = (*preview.corner, image.width * preview.scale, image.height * preview.scale)
        image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_PREVIEW_QUALITY)
    return file.getvalue(), tuple(round(float(value), 2) for value in view)  # type: ignore[return-value]


def correct_digit(
    seen: Seen, index: int, label: str | None, answer: str | None
) -> list[Correction]:
    """Make the correction of one digit.

    Args:
        seen: what was read.
        index: of the digit, in reading order.
        label: what it is; None: no digit.
        answer: the label that was shown, if that is to be checked.

    Raises:
        Refusal: where there is no such digit, or the model answers otherwise now.
    """
    if index >= len(seen.digits):
        raise _out_of_range("digit", index, len(seen.digits))
    digit = seen.digits[index]
    _check_answer(answer, digit.label)
    return [_correction(digit, label)]


def correct_line(
    seen: Seen, line: int, labels: Sequence[str | None], answer: str | None
) -> list[Correction]:
    """Make the corrections of a line: one for each digit or, where their number is not that of
    the labels, one of the whole line, without images.

    Args:
        seen: what was read.
        line: which line, from 0.
        labels: what its digits are; None: no digit.
        answer: the text that was shown, if that is to be checked.

    Raises:
        Refusal: where there is no such line, or the model answers otherwise now.
    """
    if line >= len(seen.rows):
        raise _out_of_range("line", line, len(seen.rows))
    read = seen.rows[line]
    _check_answer(answer, read)
    row = sorted({digit.row for digit in seen.digits})[line]  # a row of marks alone is no line
    digits = [digit for digit in seen.digits if digit.row == row]
    if len(digits) == len(labels):
        return [_correction(digit, label) for digit, label in zip(digits, labels, strict=True)]
    is_short = all(label is None or len(label) == 1 for label in labels)
    text = ("" if is_short else " ").join(NONE if label is None else label for label in labels)
    return [
        Correction(
            text,
            read,
            all(digit.accepted for digit in digits),
            float(np.prod([digit.probability for digit in digits])),
            _union([digit.box for digit in digits]),
            None,
            "line",
        )
    ]


def check_labels(labels: Sequence[str | None], model: ServedModel) -> None:
    """Raise Refusal where a label is no class of a model's."""
    classes = model.model.classes
    for label in labels:
        if label is not None and label not in classes:
            shown = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
            raise Refusal(
                422,
                "malformed",
                f"label: must be a class of the model {model.name!r} ({shown}), or null for what "
                f"is no digit. Received: {label[:50]!r}",
            )


@lru_cache(64)
def answered_by(model: ServedModel) -> AnsweredBy:
    """Return what is kept of a model."""
    digest = hashlib.sha256(model.model.content).hexdigest()
    return AnsweredBy(model.name, digest, model.model.classes)


def _correction(digit: SeenDigit, label: str | None) -> Correction:
    image = np.frombuffer(digit.image, np.uint8).reshape(SIDE, SIDE)
    box = Area(*digit.box)
    return Correction(label, digit.label, digit.accepted, digit.probability, box, image)


def _union(boxes: Sequence[tuple[int, int, int, int]]) -> Area:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
    return Area(left, top, right - left, bottom - top)


def _out_of_range(what: str, index: int, count: int) -> Refusal:
    return Refusal(
        422,
        "malformed",
        f"{what}: counts from 0, and {count} {what}{'s were' if count != 1 else ' was'} read. "
        f"Received: {index}",
    )


def _check_answer(shown: str | None, answer: str) -> None:
    if shown is not None and shown != answer:
        raise Refusal(
            409,
            "unreadable",
            "answer: the model answers otherwise now; read it again, and correct that answer",
        )
