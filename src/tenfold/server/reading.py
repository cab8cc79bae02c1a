"""What the server's child processes do: read one picture, page, form or drawing."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.child import Child
from tenfold.data.display import image_data_uri
from tenfold.errors import TenfoldError
from tenfold.ink import pdf
from tenfold.ink.image import AnyImage
from tenfold.ink.region import Region
from tenfold.model.file import Model, Predictions
from tenfold.model.reader import Reader
from tenfold.model.reading import Digit, Reading
from tenfold.model.template import Template

Strokes = list[list[tuple[float, float]]]
Kind = Literal["picture", "page", "strokes", "form"]


class Task(msgspec.Struct, frozen=True):
    """What is to be read; with neither picture nor strokes, only the model is loaded.

    Args:
        model: the path of the model file.
        sha256: of that file as the server opened it; one with another is refused.
        min_confidence: as `Reader` takes it.
        name: of what is read, for errors.
        image: the bytes of a picture, or of a PDF.
        page: of the PDF, from 1; 0: it is a picture.
        strokes: as `Reader.read_strokes` takes them.
        single: treat all ink as one digit.
        marks: have the marks in the text, too.
        region: read only this part of the picture.
        template: the content of a template's file: the fields to read.
        reference: the bytes of the empty form that the template names.
        details: add every probability and each digit's image to the answer.
    """

    model: str
    sha256: str
    min_confidence: float
    name: str = "the image"
    image: bytes | None = None
    page: int = 0
    strokes: Strokes | None = None
    single: bool = False
    marks: bool = False
    region: Region | None = None
    template: bytes | None = None
    reference: bytes | None = None
    details: bool = False

    @property
    def kind(self) -> Kind:
        """What is read."""
        if self.strokes is not None:
            return "strokes"
        if self.template is not None:
            return "form"
        return "page" if self.page else "picture"


class Answer(msgspec.Struct, frozen=True):
    """What came of a task.

    Args:
        content: the reading as JSON.
        images: the digits as the model saw them, 784 bytes each.
        probabilities: of the label of each digit.
        accepted: whether each was.
        model_seconds: how long the classifier took.
    """

    content: bytes
    images: bytes = b""
    probabilities: list[float] = []
    accepted: list[bool] = []
    model_seconds: float = 0.0


def read(child: Child, task: Task) -> Answer:
    """Read in a child.

    Raises:
        TenfoldError: where it cannot be read, or takes too long, or too much memory.
    """
    answer = child.call(f"{__name__}:_read", msgspec.msgpack.encode(task), task.name)
    return msgspec.msgpack.decode(answer, type=Answer)


def count_pages(child: Child, content: bytes, name: str) -> int:
    """Count the pages of a PDF in a child.

    Raises:
        TenfoldError: where it cannot be read.
    """
    task = Task("", "", 0.0, name, content)
    return int(child.call(f"{__name__}:_count_pages", msgspec.msgpack.encode(task), name))


class _TimedModel(Model):
    """A model that adds up how long it runs."""

    seconds = 0.0

    def predict(self, images: NDArray[np.uint8], batch_size: int = 512) -> Predictions:
        started = perf_counter()
        try:
            return super().predict(images, batch_size)
        finally:
            self.seconds += perf_counter() - started


def _read(payload: bytes) -> bytes:
    task = msgspec.msgpack.decode(payload, type=Task)
    reader, model = _open(task.model, task.sha256, task.min_confidence)
    model.seconds = 0.0
    content: dict[str, Any] = {}
    digits: list[Digit] = []
    if task.image is None and task.strokes is None:
        reader.read_strokes([])
    elif task.template is not None:
        form = reader.read_fields(_image(task), _template(task.template, task.reference), task.name)
        content = form.to_dict()
        digits = [digit for field in form.fields.values() for digit in field.reading]
    else:
        reading = reading_of(task)
        content, digits = _to_dict(reading, model, task.details), list(reading)
    answer = Answer(
        msgspec.json.encode(content),
        b"".join(digit.image.tobytes() for digit in digits),
        [digit.probability for digit in digits],
        [digit.accepted for digit in digits],
        model.seconds,
    )
    return msgspec.msgpack.encode(answer)


def reading_of(task: Task) -> Reading:
    """Read strokes, a picture or a page; for what runs in a child."""
    reader = _open(task.model, task.sha256, task.min_confidence)[0]
    if task.strokes is not None:
        return reader.read_strokes(task.strokes, task.single, task.marks)
    return reader.read(_image(task), task.single, task.name, task.region, task.marks)


def _count_pages(payload: bytes) -> bytes:
    task = msgspec.msgpack.decode(payload, type=Task)
    assert task.image is not None
    return str(pdf.count_pages(task.image, task.name)).encode()


def _image(task: Task) -> AnyImage:
    assert task.image is not None
    return pdf.render_page(task.image, task.page, task.name) if task.page else task.image


@cache
def _open(path: str, sha256: str, min_confidence: float) -> tuple[Reader, _TimedModel]:
    model = _TimedModel(path, threads=1, start=False)
    if hashlib.sha256(model.content).hexdigest() != sha256:
        raise TenfoldError(f"{Path(path).name} has changed since the server started; restart it")
    reader = Reader(path, min_confidence, threads=1)
    model.start()
    reader.model = model
    return reader, model


@lru_cache(4)  # the reference of one is laid out in a quarter of a second
def _template(content: bytes, reference: bytes | None) -> Template:
    return Template.parse(content, "the template", reference)


def _to_dict(reading: Reading, model: Model, details: bool) -> dict[str, Any]:
    """Give a reading as plain values; with details, every probability and the images too."""
    content = reading.to_dict()
    if details:
        content["classes"] = list(model.classes)
        for digit, entry in zip(reading, content["digits"], strict=True):
            entry["probabilities"] = [round(value, 6) for value in digit.probabilities]
            entry["image"] = image_data_uri(digit.image)
    return content
