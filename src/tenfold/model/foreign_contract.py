"""What goes into a model that Tenfold did not write, and what comes out: the shapes and types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import PIXELS, SIDE, Images, Labels
from tenfold.errors import TenfoldError
from tenfold.model.pixel_range import PixelRange

LAYOUTS: dict[str, tuple[int, ...]] = {
    "[n, 28, 28]": (SIDE, SIDE),
    "[n, 1, 28, 28]": (1, SIDE, SIDE),
    "[n, 28, 28, 1]": (SIDE, SIDE, 1),
    "[n, 784]": (PIXELS,),
}
INPUT_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}
SCORE_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)")
MAP_TYPES = ("seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))")
LABEL_TYPES = ("tensor(int64)", "tensor(int32)", "tensor(string)")
MAX_BATCH = 4096  # of a model with a fixed size of batch


@dataclass(frozen=True, eq=False)
class ForeignPredictions:
    """Predictions of a model that need not have probabilities.

    Args:
        labels: int64 [n], the class predicted.
        probabilities: float32 [n, classes], rows sum to 1; None where there are none.
    """

    labels: Labels
    probabilities: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Input:
    """The one input of a model.

    Args:
        name: of the input.
        layout: of an image, without the batch.
        dtype: of its pixels.
        batch: how many images at once; None for any number.
    """

    name: str
    layout: tuple[int, ...]
    dtype: np.dtype[Any]
    batch: int | None

    def feed(self, images: Images, pixels: PixelRange) -> dict[str, NDArray[Any]]:
        """Make what the model takes of images, uint8 [n, 28, 28]."""
        values = pixels.apply(images, self.dtype)
        return {self.name: np.ascontiguousarray(values.reshape(len(images), *self.layout))}


@dataclass(frozen=True)
class Outputs:
    """Which outputs are taken; one of the two at least.

    Args:
        scores: the output with a score for each class, or None.
        labels: the output with the class predicted, or None.
        others: those that are not looked at.
    """

    scores: str | None
    labels: str | None
    others: tuple[str, ...]

    @property
    def taken(self) -> list[str]:
        """The names to ask the runtime for."""
        return [name for name in (self.scores, self.labels) if name is not None]


def find_input(inputs: Sequence[Any], name: str) -> Input:
    """Check the input of a model against the contract.

    Args:
        inputs: onnxruntime's, with `name`, `type` and `shape`.
        name: the model, for errors.

    Raises:
        TenfoldError: where there are several, or its type or shape is another one, or left open.
    """
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs)
        raise TenfoldError(f"{name}: must take one input, images. Received: {names or 'none'}")
    (given,) = inputs
    shape = [size if isinstance(size, int) and size > 0 else None for size in given.shape]
    layouts = [
        layout
        for layout in LAYOUTS.values()
        if len(shape) == len(layout) + 1
        and all(size in (None, own) for size, own in zip(shape[1:], layout, strict=True))
    ]
    if len(layouts) != 1 or given.type not in INPUT_TYPES:
        raise TenfoldError(
            f"{name}: the input must be uint8, float16, float32 or float64, and "
            f"{', '.join(LAYOUTS)}. Received: {given.name} {given.type} {list(given.shape)}"
        )
    batch = shape[0]
    if batch is not None and batch > MAX_BATCH:
        raise TenfoldError(
            f"{name}: takes {batch:,} images at once, and {MAX_BATCH:,} are allowed; export it "
            "with a batch of any size"
        )
    return Input(given.name, layouts[0], np.dtype(INPUT_TYPES[given.type]), batch)


def find_outputs(outputs: Sequence[Any], name: str, wanted: str | None = None) -> Outputs:
    """Decide which outputs of a model are taken.

    Args:
        outputs: onnxruntime's, with `name`, `type` and `shape`.
        name: the model, for errors.
        wanted: the one to take alone, or None.

    Raises:
        TenfoldError: where it has none that can be taken, several, or not the one that is wanted.
    """
    names = [one.name for one in outputs]
    if wanted is not None and wanted not in names:
        raise TenfoldError(
            f"{name}: has no output {wanted!r}; there {'are' if len(names) > 1 else 'is'}: "
            f"{', '.join(names)}"
        )
    given = [one for one in outputs if wanted in (None, one.name)]
    scores = [one.name for one in given if one.type in MAP_TYPES or _is_scores(one)]
    labels = [one.name for one in given if one.type in LABEL_TYPES and len(one.shape) <= 2]
    scores, labels = _only(scores, "probabilit"), _only(labels, "label")
    if len(scores) > 1 or (not scores and len(labels) != 1):
        listed = ", ".join(f"{one.name} {one.type} {list(one.shape)}" for one in given)
        what = (
            "several outputs could be the scores of the classes"
            if scores or labels
            else ("an output must be float [n, classes], scikit-learn's maps, or labels [n]")
        )
        raise TenfoldError(f"{name}: {what}; say which, as {name}:output=NAME. Received: {listed}")
    found = Outputs(scores[0] if scores else None, labels[0] if len(labels) == 1 else None, ())
    others = tuple(one for one in names if one not in found.taken)
    return Outputs(found.scores, found.labels, others)


def _is_scores(output: Any) -> bool:
    """Whether an output can be [n, classes]; a shape that is not known can."""
    shape = list(output.shape)
    return output.type in SCORE_TYPES and (not shape or len(shape) == 2)


def _only(names: list[str], word: str) -> list[str]:
    """Of several outputs, take the one that is called so."""
    named = [name for name in names if word in name.lower()]
    return named if len(named) == 1 else names


def classes_of(metadata: dict[str, str], name: str) -> Iterable[str]:
    """Read the names of the classes in a file's metadata: a JSON list, or commas between."""
    text = metadata.get("classes", "")
    if not text.startswith("["):
        return text.split(",") if text else ()
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.MsgspecError as error:
        raise TenfoldError(f"{name}: the metadata `classes` is no list of names: {error}") from None


def number_labels(labels: NDArray[Any], classes: Sequence[str], name: str) -> Labels:
    """Number labels, [n], as the classes are; whole numbers that are no names are indices.

    Raises:
        TenfoldError: where one is of none of the classes; `name` is the model's.
    """
    place = {one: index for index, one in enumerate(classes)}
    values = labels.tolist()
    found = [place.get(str(value), -1) for value in values]
    if -1 not in found:
        return np.array(found, np.int64)
    are_whole = all(isinstance(value, int) for value in values)
    are_names = any(str(index) in place for index in range(len(classes)))
    if are_whole and not are_names and 0 <= min(values) <= max(values) < len(classes):
        return np.array(values, np.int64)
    raise TenfoldError(
        f"{name}: cannot be scored: its label {values[found.index(-1)]!r} is none of its classes "
        f"({', '.join(classes[:12])}); name them, as {name}:classes=a,b,c"
    )
