"""The model file: one ONNX file that any runtime runs, with its own metadata."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import expanded
from tenfold.data.dataset import SIDE, Dataset, Images, Labels
from tenfold.data.files import read_file
from tenfold.data.matching import matched
from tenfold.errors import TenfoldError
from tenfold.model.metadata import FORMAT, read_metadata, shorten_hashes
from tenfold.model.onnx_check import check_onnx
from tenfold.model.session import session_options
from tenfold.run.environment import thread_count
from tenfold.run.folder import RunFolder

if TYPE_CHECKING:
    import onnxruntime

INPUT, OUTPUTS = "image", ("probabilities", "label", "accepted")
SLACK = 1e-3  # of a sum of float32 probabilities, over up to a thousand classes


@dataclass(frozen=True)
class Predictions:
    """Predictions of a model for n images.

    Args:
        probabilities: float32 [n, classes], rows sum to 1.
        labels: int64 [n], the most probable class.
        accepted: bool [n], False where the prediction is rejected as too unsure.
        n_seen_in_training: how many of the images the model was trained on; None if unchecked.
        notes: what was noticed and decided on reading the images, a sentence each.
    """

    probabilities: NDArray[np.float32]
    labels: Labels
    accepted: NDArray[np.bool_]
    n_seen_in_training: int | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


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
        self.content = source if isinstance(source, bytes) else read_file(source, "the model file")
        self._threads = thread_count(threads)
        check_onnx(self.content, self.name)
        self._check_format()
        described = read_metadata(self._metadata, self.name)
        self.classes, self.labels = described.classes, described.labels
        self.recipe_toml, self.fingerprint = described.recipe_toml, described.fingerprint
        self.confidence = described.confidence
        self.pixels, self.scale = described.pixels, described.scale
        self.training_hashes = described.training_hashes
        self.adaptations = described.adaptations
        self.drift, self.cascade = described.drift, described.cascade
        self._check_shapes()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def predict(self, images: Images, batch_size: int = 512) -> Predictions:
        """Predict the classes of images.

        Args:
            images: uint8 [n, 28, 28], ink 255 on a background of 0.
            batch_size: images per run of the network.

        Raises:
            TenfoldError: where the images have another dtype or shape, or what comes out is no
                prediction for each of them.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise TenfoldError(
                f"{self.name}: images must be uint8 [n, {SIDE}, {SIDE}]. "
                f"Received: {images.dtype} {list(images.shape)}"
            )
        batches = [
            self._run(np.ascontiguousarray(images[start : start + batch_size]))
            for start in range(0, len(images), batch_size)
        ]
        if not batches:
            empty = np.zeros((0, len(self.classes)), np.float32)
            return Predictions(empty, np.zeros(0, np.int64), np.zeros(0, np.bool_))
        probabilities, labels, accepted = map(np.concatenate, zip(*batches, strict=True))
        return Predictions(probabilities, labels, accepted)

    def matched(self, dataset: Dataset) -> Dataset:
        """Bring images to the polarity and contrast of the training images, where they differ.

        What was done is added to the set's notes.

        Raises:
            TenfoldError: where they differ and that cannot be mended with certainty.
        """
        if self.pixels is None:
            return dataset
        images, notes = matched(dataset.images, self.pixels, dataset.source)
        if not notes:
            return dataset
        return replace(dataset, images=images, notes=(*dataset.notes, *notes))

    def training_overlap(self, dataset: Dataset) -> NDArray[np.int64]:
        """Find the images that the model was trained on: their indices, int64 [m]."""
        return np.flatnonzero(np.isin(shorten_hashes(dataset.hashes), self.training_hashes))

    def seen_in_training(self, hashes: NDArray[np.uint64]) -> int:
        """Count the images that the model was trained on, by their hashes (`image_hashes`)."""
        return int(np.isin(shorten_hashes(hashes), self.training_hashes).sum())

    def _run(self, images: Images) -> list[NDArray[Any]]:
        """Predict a batch: probabilities, labels, accepted, each checked."""
        try:
            outputs: list[NDArray[Any]] = self._session.run(None, {INPUT: images})
        except Exception as error:  # onnxruntime's own errors share no public base
            raise self._wrong_output(_reason(error)) from None
        probabilities, labels, accepted = outputs
        n, classes = len(images), len(self.classes)
        received = [list(output.shape) for output in outputs]
        if received != [[n, classes], [n], [n]]:
            raise self._wrong_output(f"for {n} images it gives {received}")
        # NaN is not within the range either
        within = bool(((probabilities >= 0) & (probabilities <= 1 + SLACK)).all())
        if not within or np.abs(probabilities.sum(axis=1) - 1).max(initial=0) > SLACK:
            raise self._wrong_output("its probabilities are not within 0-1 with a sum of 1")
        if not np.array_equal(labels, probabilities.argmax(axis=1)):
            raise self._wrong_output("its labels are not the most probable classes")
        return [probabilities, labels, accepted]

    def _wrong_output(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self.name}: is not a model that Tenfold wrote: {what}")

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
                "the model.onnx in it (evaluate, compare, predict and bench take others too, "
                "tenfold.ForeignModel in Python)"
            )

    def _check_shapes(self) -> None:
        """Raise TenfoldError where what goes in or comes out is not as the contract has it."""
        tensors = self._session.get_inputs() + self._session.get_outputs()
        received = [(tensor.type, [_size(size) for size in tensor.shape]) for tensor in tensors]
        expected: list[tuple[str, list[int | None]]] = [
            ("tensor(uint8)", [None, SIDE, SIDE]),
            ("tensor(float)", [None, len(self.classes)]),
            ("tensor(int64)", [None]),
            ("tensor(bool)", [None]),
        ]
        for name, got, wanted in zip((INPUT, *OUTPUTS), received, expected, strict=True):
            if got != wanted:
                raise self._wrong_output(
                    f"{name} is {got[0]} {got[1]}, not {wanted[0]} {wanted[1]}"
                )

    @cached_property
    def _metadata(self) -> dict[str, str]:
        entries: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return entries

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        return open_session(self.content, self.name, self._threads)


def _reason(error: Exception) -> str:
    """Give the cause in onnxruntime's message, on one line."""
    return (str(error).splitlines() or [""])[0].rpartition(" : ")[2].rstrip(".")


def _size(size: object) -> int | None:
    return size if isinstance(size, int) else None


def open_session(content: bytes, name: str, threads: int | None) -> "onnxruntime.InferenceSession":
    """Give a model, which `check_onnx` has passed, to the runtime.

    Args:
        content: the bytes of the file.
        name: the file, for errors.
        threads: CPU threads; None: every core.

    Raises:
        TenfoldError: where the runtime does not take it.
    """
    import onnxruntime

    options = session_options(threads)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no public base
        raise TenfoldError(
            f"{name}: is not a complete ONNX model ({_reason(error)}); is it truncated, "
            "or another kind of file?"
        ) from None


def open_model(path: str | PathLike[str], threads: int | None = None) -> Model:
    """Open the model of a run folder, or a model file.

    Args:
        path: a run folder or a model file.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where there is none, or it is not one of Tenfold's.
    """
    named, file = expanded(path), model_file(path)
    if file != named:
        RunFolder.open(named).existing(file.name)
    return Model(file, threads)


def model_file(path: str | PathLike[str]) -> Path:
    """Return the model file of a run folder, which need not be there; any other path is a file."""
    named = expanded(path)
    # not Path.is_dir, which raises in an unreadable folder
    return RunFolder(named).model_file if os.path.isdir(named) else named
