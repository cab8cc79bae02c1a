"""What the server's child processes do: read one picture, or strokes, and give the JSON of it."""

from functools import cache
from typing import Any

import msgspec

from tenfold.child import Child
from tenfold.data.display import image_data_uri
from tenfold.ink.region import Region
from tenfold.model.reader import Reader
from tenfold.model.reading import Reading

Strokes = list[list[tuple[float, float]]]


class Task(msgspec.Struct, frozen=True):
    """What is to be read; with neither picture nor strokes, only the model is loaded.

    Args:
        model: the path of the model file.
        min_confidence: as `Reader` takes it.
        image: the bytes of a picture.
        strokes: as `Reader.read_strokes` takes them.
        single: treat all ink as one digit.
        region: read only this part of the picture.
    """

    model: str
    min_confidence: float
    image: bytes | None = None
    strokes: Strokes | None = None
    single: bool = False
    region: Region | None = None


def read(child: Child, task: Task) -> bytes:
    """Read in a child; return the content of the response, JSON.

    Raises:
        TenfoldError: where it cannot be read, or takes too long, or too much memory.
    """
    name = "the strokes" if task.image is None else "the image"
    return child.call(f"{__name__}:_read", msgspec.msgpack.encode(task), name)


def _read(payload: bytes) -> bytes:
    task = msgspec.msgpack.decode(payload, type=Task)
    reader = _open(task.model, task.min_confidence)
    if task.image is not None:
        reading = reader.read(task.image, task.single, "the image", task.region)
    elif task.strokes is not None:
        reading = reader.read_strokes(task.strokes, task.single)
    else:
        reader.read_strokes([])
        return b""
    return msgspec.json.encode(_to_dict(reading, reader))


@cache
def _open(model: str, min_confidence: float) -> Reader:
    return Reader(model, min_confidence, threads=1)


def _to_dict(reading: Reading, reader: Reader) -> dict[str, Any]:
    """Give all of a reading as plain values, with images and every probability."""
    content = reading.to_dict()
    for digit, entry in zip(reading, content["digits"], strict=True):
        entry["probabilities"] = [round(value, 6) for value in digit.probabilities]
        entry["image"] = image_data_uri(digit.image)
    return {
        "text": reading.text,
        **content,
        "classes": list(reader.model.classes),
    }
