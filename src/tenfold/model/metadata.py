"""What a model file says of itself: written by the exporter, checked when a file is opened."""

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.drift import DriftReference
from tenfold.data.escape import check_names
from tenfold.data.matching import PixelStatistics
from tenfold.data.scale import PixelScale
from tenfold.errors import TenfoldError
from tenfold.run.records import CascadeRecord

if TYPE_CHECKING:
    from tenfold.run.recipe import Recipe

FORMAT = "1"
HASH_BYTES = 5  # of 8: among 60,000 images a false match happens once in 18 million
LABEL_DTYPE = re.compile(r"\|O|[<>|=]?[iufbU]\d{1,5}")


@dataclass(frozen=True)
class Confidence:
    """How confident a model is, and how confident it must be.

    Args:
        temperature: divides the logits before the softmax; above 1 it lowers the confidence.
        threshold: predictions with a probability below this are rejected, 0-1.
    """

    temperature: float = 1.0
    threshold: float = 0.5


class Adaptation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model was adapted from, and on what.

    Args:
        model: the name of the model that it was adapted from.
        fingerprint: sha256 of what that one was trained on.
        source: the images that it was adapted on, as the user named them.
        images: how many of them show a class.
        negatives: how many show none.
    """

    model: str
    fingerprint: str
    source: str
    images: int
    negatives: int


@dataclass(frozen=True, eq=False)
class Description:
    """The metadata of a model file, checked.

    Args:
        classes: the name of each class.
        labels: [classes], the class labels with the dtype that they had in training.
        recipe_toml: the recipe that it was trained with.
        fingerprint: sha256 of the training set.
        confidence: temperature and rejection threshold.
        training_hashes: uint64 [n], the lowest bytes of each training image's hash.
        pixels: what the training images look like; None in files that do not say.
        scale: of the pixels that became the training images.
        adaptations: from the model that was trained on, each one that led to this.
        drift: what others are compared with; None in files that do not say.
        cascade: its first stage; None where it has none.
    """

    classes: tuple[str, ...]
    labels: NDArray[Any]
    recipe_toml: str
    fingerprint: str
    confidence: Confidence
    training_hashes: NDArray[np.uint64]
    pixels: PixelStatistics | None
    scale: PixelScale
    adaptations: tuple[Adaptation, ...] = ()
    drift: DriftReference | None = None
    cascade: CascadeRecord | None = None


class _Labels(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    values: list[bool | int | float | str]


def write_metadata(
    recipe: "Recipe",
    classes: tuple[str, ...],
    fingerprint: str,
    hashes: NDArray[np.uint64],
    confidence: Confidence,
    pixels: PixelStatistics,
    labels: NDArray[Any] | None = None,
    scale: PixelScale | None = None,
    adaptations: Sequence[Adaptation] = (),
    drift: DriftReference | None = None,
    cascade: CascadeRecord | None = None,
) -> dict[str, str]:
    """Make the metadata of a model file: classes, recipe, training data, temperature, threshold.

    Args:
        recipe: the recipe that it was trained with.
        classes: the name of each class.
        fingerprint: sha256 of the training set.
        hashes: uint64 [n], a hash of each training image, as `Dataset.hashes`.
        confidence: temperature and threshold.
        pixels: what the training images look like.
        labels: [classes], the class labels with their own dtype, where they are not the names.
        scale: of the pixels that became the training images, where others come on it too.
        adaptations: what the model was adapted from, the first model first.
        drift: what others are compared with.
        cascade: the first stage, where there is one.
    """
    entries = {
        "tenfold.format": FORMAT,
        "tenfold.classes": msgspec.json.encode(classes).decode(),
        "tenfold.recipe": recipe.to_toml(),
        "tenfold.fingerprint": fingerprint,
        "tenfold.temperature": repr(confidence.temperature),
        "tenfold.accept_threshold": repr(confidence.threshold),
        "tenfold.pixels": pixels.to_json(),
        "tenfold.training_hashes": base64.b64encode(_shorten(np.sort(hashes)).tobytes()).decode(),
    }
    if labels is not None:
        values = _Labels(labels.dtype.str, [_plain(value) for value in labels.tolist()])
        entries["tenfold.labels"] = msgspec.json.encode(values).decode()
    if scale is not None:
        entries["tenfold.scale"] = scale.to_json()
    if adaptations:
        entries["tenfold.adaptations"] = msgspec.json.encode(adaptations).decode()
    if drift is not None:
        entries["tenfold.drift"] = drift.to_json()
    if cascade is not None:
        entries["tenfold.cascade"] = msgspec.json.encode(cascade).decode()
    return entries | {"tenfold.digest": _digest(entries)}


def read_metadata(entries: Mapping[str, str], name: str) -> Description:
    """Check the metadata of a model file.

    Args:
        entries: its metadata.
        name: the file, for errors.

    Raises:
        TenfoldError: where an entry is missing, damaged or impossible.
    """
    try:
        given = {key: value for key, value in entries.items() if key.startswith("tenfold.")}
        digest = given.pop("tenfold.digest", None)
        if digest is not None and digest != _digest(given):
            raise ValueError("it is not what was written")
        classes = _classes(given["tenfold.classes"])
        pixels, scale = given.get("tenfold.pixels"), given.get("tenfold.scale")
        drift = given.get("tenfold.drift")
        if not re.fullmatch("[0-9a-f]{64}", given["tenfold.fingerprint"]):
            raise ValueError("the fingerprint is no sha256")
        return Description(
            classes=classes,
            labels=_labels(given.get("tenfold.labels"), classes),
            recipe_toml=given["tenfold.recipe"],
            fingerprint=given["tenfold.fingerprint"],
            confidence=_confidence(
                float(given.get("tenfold.temperature", 1)), float(given["tenfold.accept_threshold"])
            ),
            training_hashes=_hashes(given["tenfold.training_hashes"]),
            pixels=PixelStatistics.from_json(pixels) if pixels is not None else None,
            scale=PixelScale.from_json(scale) if scale is not None else PixelScale(),
            adaptations=msgspec.json.decode(
                given.get("tenfold.adaptations", "[]"), type=tuple[Adaptation, ...]
            ),
            drift=DriftReference.from_json(drift) if drift is not None else None,
            cascade=msgspec.json.decode(
                given.get("tenfold.cascade", "null"), type=CascadeRecord | None
            ),
        )
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError, TenfoldError) as error:
        raise TenfoldError(
            f"{name}: the metadata of the model is damaged ({error}); copy the file again, or "
            "train again"
        ) from None


def shorten_hashes(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keep of each hash, uint64 [n], what a model file keeps."""
    return _as_integers(_shorten(hashes))


def _classes(text: str) -> tuple[str, ...]:
    classes = msgspec.json.decode(text, type=tuple[str, ...])
    if len(set(classes)) != len(classes) or not classes:
        raise ValueError("the names of the classes are none, or are not distinct")
    check_names(classes, "the metadata")
    return classes


def _labels(text: str | None, classes: tuple[str, ...]) -> NDArray[Any]:
    """Give the class labels; where only names are there, int64 if all of them are integers."""
    if text is None:
        are_integers = all(name.isdecimal() and str(int(name)) == name for name in classes)
        return np.array(classes, np.int64 if are_integers else np.str_)
    saved = msgspec.json.decode(text, type=_Labels)
    if len(saved.values) != len(classes) or not LABEL_DTYPE.fullmatch(saved.dtype):
        raise ValueError("the labels do not fit the classes")
    return np.array(saved.values, saved.dtype)


def _confidence(temperature: float, threshold: float) -> Confidence:
    if not (0 < temperature < math.inf and 0 <= threshold <= 1):
        raise ValueError(f"temperature {temperature} or threshold {threshold} is out of range")
    return Confidence(temperature, threshold)


def _hashes(text: str) -> NDArray[np.uint64]:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the hashes of the training images: {error}") from None
    if not content or len(content) % HASH_BYTES:
        raise ValueError("the hashes of the training images are cut, or none")
    return _as_integers(np.frombuffer(content, np.uint8).reshape(-1, HASH_BYTES))


def _digest(entries: Mapping[str, str]) -> str:
    """Give a sha256 of all entries, which damage changes; it is no signature."""
    return hashlib.sha256(msgspec.json.encode(sorted(entries.items()))).hexdigest()


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float) else str(value)


def _shorten(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Keep the lowest bytes of hashes, uint8 [n, HASH_BYTES]."""
    return hashes.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :HASH_BYTES]


def _as_integers(shortened: NDArray[np.uint8]) -> NDArray[np.uint64]:
    padded = np.zeros((len(shortened), 8), np.uint8)
    padded[:, :HASH_BYTES] = shortened
    return padded.view("<u8")[:, 0].astype(np.uint64)
