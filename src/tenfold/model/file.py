"""The model file: one ONNX file that any runtime runs, and what it says of itself."""

import base64
import json
import os
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE, Dataset, Images, Labels
from tenfold.errors import TenfoldError
from tenfold.run.environment import default_threads
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "1"
ENDS = ("image", "probabilities", "label", "accepted")  # its input and its outputs
HASH_BYTES = 5  # of 8: among 60,000 pictures a stranger is taken for one of them once in 18 million


@dataclass(frozen=True)
class Predictions:
    """What a model says of n pictures.

    Args:
        probabilities: float32 [n, classes], rows sum to 1.
        labels: int64 [n], the most probable class.
        accepted: bool [n], whether the model stands by its answer.
        learned: how many of the pictures the model was trained on; None where nobody looked.
    """

    probabilities: NDArray[np.float32]
    labels: Labels
    accepted: NDArray[np.bool_]
    learned: int | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Parity:
    """How a model file's answers compare with the network's, on n pictures."""

    n: int
    largest_difference: float
    same_labels: int


@dataclass(frozen=True)
class Confidence:
    """How sure a model is, and how sure it must be.

    Args:
        temperature: what logits are divided by before the softmax; above 1 less sure.
        threshold: below this probability of its best answer a picture is refused.
    """

    temperature: float = 1.0
    threshold: float = 0.5


def metadata(
    recipe: Recipe,
    classes: tuple[str, ...],
    fingerprint: str,
    hashes: NDArray[np.uint64],
    confidence: Confidence,
    labels: NDArray[Any] | None = None,
) -> dict[str, str]:
    """Write what a model file says of itself: class names, recipe, data, how sure it must be."""
    words = np.sort(hashes).astype("<u8").view(np.uint8).reshape(-1, 8)[:, :HASH_BYTES]
    said = {
        "tenfold.format": FORMAT,
        "tenfold.classes": json.dumps(list(classes)),
        "tenfold.recipe": recipe.to_toml(),
        "tenfold.fingerprint": fingerprint,
        "tenfold.temperature": repr(confidence.temperature),
        "tenfold.accept_threshold": repr(confidence.threshold),
        "tenfold.training_hashes": base64.b64encode(words.tobytes()).decode(),
    }
    if labels is not None:
        values = {"dtype": labels.dtype.str, "values": labels.tolist()}
        said["tenfold.labels"] = json.dumps(values, default=str)
    return said


class Model:
    """A model file, ready to answer; it can be pickled.

    Args:
        source: the path of the file, or its content.
        threads: how many threads to answer with; 0 for every core.

    Raises:
        TenfoldError: where the file is absent, cut, or not one of Tenfold's.
    """

    def __init__(self, source: str | Path | bytes, threads: int = 0) -> None:
        self.name = "model" if isinstance(source, bytes) else str(source)
        self.content = source if isinstance(source, bytes) else _read(Path(source))
        self._threads = threads
        self._check_format()
        try:
            self.classes: tuple[str, ...] = tuple(
                map(str, json.loads(self._said["tenfold.classes"]))
            )
            self.recipe_toml = self._said["tenfold.recipe"]
            self.fingerprint = self._said["tenfold.fingerprint"]
            self.confidence = Confidence(
                float(self._said.get("tenfold.temperature", 1)),
                float(self._said["tenfold.accept_threshold"]),
            )
            words = base64.b64decode(self._said["tenfold.training_hashes"])
            self._training_hashes = _as_numbers(
                np.frombuffer(words, np.uint8).reshape(-1, HASH_BYTES)
            )
        except (KeyError, ValueError, TypeError) as error:
            raise TenfoldError(
                f"{self.name}: what the model says of itself is damaged ({error}); copy the file "
                "again, or train anew"
            ) from None

    @property
    def labels(self) -> NDArray[Any]:
        """What was learned as labels [classes], with its dtype.

        Where the file has the names alone: int64 if all of them are whole numbers, else the names.
        """
        if "tenfold.labels" in self._said:
            kept = json.loads(self._said["tenfold.labels"])
            return np.array(kept["values"], kept["dtype"])
        whole = all(name.isdecimal() and str(int(name)) == name for name in self.classes)
        return np.array(self.classes, np.int64 if whole else np.str_)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def predict(self, images: Images, batch_size: int = 512) -> Predictions:
        """Answer pictures, uint8 [n, 28, 28], ink 255 on 0."""
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise TenfoldError(
                f"{self.name}: takes pictures uint8 [n, {SIDE}, {SIDE}]. "
                f"Received: {images.dtype} {list(images.shape)}"
            )
        parts = [
            self._session.run(
                None, {"image": np.ascontiguousarray(images[start : start + batch_size])}
            )
            for start in range(0, len(images), batch_size)
        ]
        if not parts:
            empty = np.zeros((0, len(self.classes)), np.float32)
            return Predictions(empty, np.zeros(0, np.int64), np.zeros(0, np.bool_))
        probabilities, labels, accepted = map(np.concatenate, zip(*parts, strict=True))
        return Predictions(probabilities, labels, accepted)

    def seen(self, digits: Dataset) -> NDArray[np.int64]:
        """Find the pictures that the model was trained on: their indices, int64 [m]."""
        words = digits.hashes.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :HASH_BYTES]
        return np.flatnonzero(np.isin(_as_numbers(words), self._training_hashes))

    def _check_format(self) -> None:
        form = self._said.get("tenfold.format")
        if form is not None and form.isdecimal() and int(form) > int(FORMAT):
            raise TenfoldError(
                f"{self.name}: was written by a newer Tenfold: its format is {form}, and this one "
                f"reads up to {FORMAT}; upgrade Tenfold"
            )
        ends = self._session.get_inputs() + self._session.get_outputs()
        if form != FORMAT or tuple(end.name for end in ends) != ENDS:
            raise TenfoldError(
                f"{self.name}: is an ONNX model, but not one that Tenfold wrote; name a run "
                "folder, or the model.onnx in it"
            )

    @cached_property
    def _said(self) -> dict[str, str]:
        said: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return said

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # left to itself it counts the machine's cores, not those that this process may use
        options.intra_op_num_threads = self._threads or default_threads()
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                self.content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors share no public base
            reason = str(error).splitlines()[0].rpartition(" : ")[2].rstrip(".")
            raise TenfoldError(
                f"{self.name}: is not a whole ONNX model ({reason}); is the file cut, or another "
                "kind of file?"
            ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TenfoldError(
            f"{path}: cannot read the model file: {error.strerror}; name a run folder or a .onnx "
            "file"
        ) from None


def _as_numbers(words: NDArray[Any]) -> NDArray[np.uint64]:
    whole = np.zeros((len(words), 8), np.uint8)
    whole[:, :HASH_BYTES] = words
    return whole.view("<u8")[:, 0].astype(np.uint64)


def open_model(path: str | PathLike[str], threads: int = 0) -> Model:
    """Open the model of a run folder, or a model file.

    Raises:
        TenfoldError: where there is none, or it is not one of Tenfold's.
    """
    place = Path(path)
    is_run = os.path.isdir(place)  # and not Path.is_dir, which raises in a closed folder
    return Model(RunFolder.open(place).existing("model.onnx") if is_run else place, threads)
