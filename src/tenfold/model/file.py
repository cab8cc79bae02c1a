"""The model file: one ONNX file that any runtime runs, with its own metadata."""

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
SPIN_MICROSECONDS = 20
INPUT, OUTPUTS = "image", ("probabilities", "label", "accepted")
HASH_BYTES = 5  # of 8: among 60,000 images a false match happens once in 18 million


@dataclass(frozen=True)
class Predictions:
    """Predictions of a model for n images.

    Args:
        probabilities: float32 [n, classes], rows sum to 1.
        labels: int64 [n], the most probable class.
        accepted: bool [n], False where the prediction is rejected as too unsure.
        n_seen_in_training: how many of the images the model was trained on; None if unchecked.
    """

    probabilities: NDArray[np.float32]
    labels: Labels
    accepted: NDArray[np.bool_]
    n_seen_in_training: int | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Confidence:
    """How confident a model is, and how confident it must be.

    Args:
        temperature: divides the logits before the softmax; above 1 it lowers the confidence.
        threshold: predictions with a probability below this are rejected, 0-1.
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
    """Make the metadata of a model file: classes, recipe, training data, temperature, threshold.

    Args:
        recipe: the recipe that it was trained with.
        classes: the name of each class.
        fingerprint: sha256 of the training set.
        hashes: uint64 [n], a hash of each training image, as `Dataset.hashes`.
        confidence: temperature and threshold.
        labels: [classes], the class labels with their own dtype, where they are not the names.
    """
    entries = {
        "tenfold.format": FORMAT,
        "tenfold.classes": json.dumps(list(classes)),
        "tenfold.recipe": recipe.to_toml(),
        "tenfold.fingerprint": fingerprint,
        "tenfold.temperature": repr(confidence.temperature),
        "tenfold.accept_threshold": repr(confidence.threshold),
        "tenfold.training_hashes": base64.b64encode(_shorten(np.sort(hashes)).tobytes()).decode(),
    }
    if labels is not None:
        values = {"dtype": labels.dtype.str, "values": labels.tolist()}
        entries["tenfold.labels"] = json.dumps(values, default=str)
    return entries


class Model:
    """A model file, loaded for inference; it can be pickled.

    Args:
        source: the path of the file, or its content.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where the file is missing, truncated, or not one of Tenfold's.
    """

    def __init__(self, source: str | Path | bytes, threads: int | None = None) -> None:
        self.name = "model" if isinstance(source, bytes) else str(source)
        self.content = source if isinstance(source, bytes) else _read(Path(source))
        self._threads = threads
        self._check_format()
        try:
            self.classes: tuple[str, ...] = tuple(
                map(str, json.loads(self._metadata["tenfold.classes"]))
            )
            self.recipe_toml = self._metadata["tenfold.recipe"]
            self.fingerprint = self._metadata["tenfold.fingerprint"]
            self.confidence = Confidence(
                float(self._metadata.get("tenfold.temperature", 1)),
                float(self._metadata["tenfold.accept_threshold"]),
            )
            hashes = base64.b64decode(self._metadata["tenfold.training_hashes"])
            self._training_hashes = _as_integers(
                np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)
            )
        except (KeyError, ValueError, TypeError) as error:
            raise TenfoldError(
                f"{self.name}: the metadata of the model is damaged ({error}); copy the file "
                "again, or train again"
            ) from None

    @property
    def labels(self) -> NDArray[Any]:
        """The class labels [classes], with the dtype that they had in training.

        Where the file has only names: int64 if all of them are integers, else the names.
        """
        if "tenfold.labels" in self._metadata:
            saved = json.loads(self._metadata["tenfold.labels"])
            return np.array(saved["values"], saved["dtype"])
        are_integers = all(name.isdecimal() and str(int(name)) == name for name in self.classes)
        return np.array(self.classes, np.int64 if are_integers else np.str_)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def predict(self, images: Images, batch_size: int = 512) -> Predictions:
        """Predict the classes of images.

        Args:
            images: uint8 [n, 28, 28], ink 255 on a background of 0.
            batch_size: images per run of the network.

        Raises:
            TenfoldError: where the images have another dtype or shape.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise TenfoldError(
                f"{self.name}: images must be uint8 [n, {SIDE}, {SIDE}]. "
                f"Received: {images.dtype} {list(images.shape)}"
            )
        batches = [
            self._session.run(
                None, {INPUT: np.ascontiguousarray(images[start : start + batch_size])}
            )
            for start in range(0, len(images), batch_size)
        ]
        if not batches:
            empty = np.zeros((0, len(self.classes)), np.float32)
            return Predictions(empty, np.zeros(0, np.int64), np.zeros(0, np.bool_))
        probabilities, labels, accepted = map(np.concatenate, zip(*batches, strict=True))
        return Predictions(probabilities, labels, accepted)

    def training_overlap(self, dataset: Dataset) -> NDArray[np.int64]:
        """Find the images that the model was trained on: their indices, int64 [m]."""
        hashes = _as_integers(_shorten(dataset.hashes))
        return np.flatnonzero(np.isin(hashes, self._training_hashes))

    def _check_format(self) -> None:
        version = self._metadata.get("tenfold.format")
        if version is not None and version.isdecimal() and int(version) > int(FORMAT):
            raise TenfoldError(
                f"{self.name}: has format {version}, of a newer Tenfold; this version reads up to "
                f"format {FORMAT}: upgrade Tenfold"
            )
        tensors = self._session.get_inputs() + self._session.get_outputs()
        if version != FORMAT or tuple(tensor.name for tensor in tensors) != (INPUT, *OUTPUTS):
            raise TenfoldError(
                f"{self.name}: is an ONNX model that Tenfold did not write; name a run folder, or "
                "the model.onnx in it"
            )

    @cached_property
    def _metadata(self) -> dict[str, str]:
        entries: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return entries

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # its default is the cores of the machine, not those that this process may use
        options.intra_op_num_threads = self._threads or default_threads()
        # Its threads spin while they wait. A digit by two threads, on a machine with other work:
        # 0.9 ms of the processor and 42 ms with this, 2.1 and 120 without; 0.6 and 27 by one.
        options.add_session_config_entry(
            "session.intra_op.spin_duration_us", str(SPIN_MICROSECONDS)
        )
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                self.content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors share no public base
            reason = str(error).splitlines()[0].rpartition(" : ")[2].rstrip(".")
            raise TenfoldError(
                f"{self.name}: is not a complete ONNX model ({reason}); is it truncated, or "
                "another kind of file?"
            ) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TenfoldError(
            f"{path}: cannot read the model file: {error.strerror}; name a run folder or a .onnx "
            "file"
        ) from None


def _shorten(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Keep the lowest bytes of hashes, uint8 [n, HASH_BYTES]."""
    return hashes.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :HASH_BYTES]


def _as_integers(shortened: NDArray[np.uint8]) -> NDArray[np.uint64]:
    padded = np.zeros((len(shortened), 8), np.uint8)
    padded[:, :HASH_BYTES] = shortened
    return padded.view("<u8")[:, 0].astype(np.uint64)


def open_model(path: str | PathLike[str], threads: int | None = None) -> Model:
    """Open the model of a run folder, or a model file.

    Args:
        path: a run folder or a model file.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where there is none, or it is not one of Tenfold's.
    """
    file = Path(path)
    is_run = os.path.isdir(file)  # and not Path.is_dir, which raises in an unreadable folder
    return Model(RunFolder.open(file).existing("model.onnx") if is_run else file, threads)
