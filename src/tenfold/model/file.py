"""The model file: one ONNX file that any runtime runs, with its own metadata."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import expanded
from tenfold.data.dataset import SIDE, Dataset, Images, Labels
from tenfold.data.files import read_file
from tenfold.data.matching import matched
from tenfold.errors import TenfoldError
from tenfold.model.engine import (
    INPUT,
    OUTPUTS,
    Batch,
    Engine,
    EngineError,
    check_engine,
    choose_engine,
    open_engine,
)
from tenfold.model.metadata import FORMAT, read_metadata, shorten_hashes
from tenfold.model.onnx_check import Tensor, check_onnx, onnx_metadata, onnx_signature
from tenfold.run.environment import thread_count
from tenfold.run.folder import RunFolder

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
        engine: what ran the model, with its version and precision; "" where none did.
    """

    probabilities: NDArray[np.float32]
    labels: Labels
    accepted: NDArray[np.bool_]
    n_seen_in_training: int | None = None
    notes: tuple[str, ...] = ()
    engine: str = ""

    def __len__(self) -> int:
        return len(self.labels)


class Model:
    """A model file, loaded for inference; it can be pickled.

    Args:
        source: the path of the file, or its content.
        threads: CPU threads; by default every core.
        engine: what runs it: "onnxruntime", which all scores come from; "openvino" (the extra
            `fast`); "cuda", ONNX Runtime on an NVIDIA GPU; "auto", the fastest that is installed
            (see `choose_engine`), or ONNX Runtime where that does not take the file.
        start: start the engine now, and not at the first prediction.

    Attributes:
        engine_notes: why it is another engine than was to be expected, a sentence each.

    Raises:
        TenfoldError: where the file is missing, truncated, or not one of Tenfold's, or the engine
            is not installed.
    """

    def __init__(
        self,
        source: str | Path | bytes,
        threads: int | None = None,
        engine: str = "onnxruntime",
        *,
        start: bool = True,
    ) -> None:
        self.name = "model" if isinstance(source, bytes) else str(source)
        self.content = source if isinstance(source, bytes) else read_file(source, "the model file")
        self._threads = thread_count(threads)
        self._asked = check_engine(engine)
        self._chosen = choose_engine(self._asked)
        self.engine_notes: tuple[str, ...] = ()
        check_onnx(self.content, self.name)
        metadata = onnx_metadata(self.content)
        self._check_format(metadata)
        described = read_metadata(metadata, self.name)
        self.classes, self.labels = described.classes, described.labels
        self.recipe_toml, self.fingerprint = described.recipe_toml, described.fingerprint
        self.confidence = described.confidence
        self.pixels, self.scale = described.pixels, described.scale
        self.training_hashes = described.training_hashes
        self.adaptations = described.adaptations
        self.drift, self.cascade = described.drift, described.cascade
        self._check_shapes()
        if start:
            self.start()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_engine"}

    @property
    def engine(self) -> str:
        """What runs it, with its version and precision, as "openvino 2026.4.1, bfloat16"."""
        return self._engine.name

    def start(self) -> None:
        """Start the engine, unless it runs.

        Raises:
            TenfoldError: where it is not installed, or does not take the file.
        """
        assert self._engine

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
        images = np.ascontiguousarray(images)
        try:
            batches = self._run(images, batch_size)
        except TenfoldError as error:
            if self._asked != "auto" or self._chosen == "onnxruntime":
                raise
            self._fall_back(error)
            batches = self._run(images, batch_size)
        if not batches:
            empty = np.zeros((0, len(self.classes)), np.float32)
            none = np.zeros(0, np.int64), np.zeros(0, np.bool_)
            return Predictions(empty, *none, engine=self.engine)
        probabilities, labels, accepted = map(np.concatenate, zip(*batches, strict=True))
        return Predictions(probabilities, labels, accepted, engine=self.engine)

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
        return np.flatnonzero(self._are_training(dataset.hashes))

    def seen_in_training(self, hashes: NDArray[np.uint64]) -> int:
        """Count the images that the model was trained on, by their hashes (`image_hashes`)."""
        return int(self._are_training(hashes).sum())

    def _are_training(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return which hashes are of images that it was trained on, bool [n]."""
        known = np.sort(self.training_hashes)  # np.isin imports masked arrays, 20 ms
        shortened = shorten_hashes(hashes)
        places = np.searchsorted(known, shortened).clip(max=len(known) - 1)
        return np.asarray(known[places] == shortened)

    def _run(self, images: Images, batch_size: int) -> list[Batch]:
        """Predict images in batches: probabilities, labels, accepted of each, checked."""
        batches: list[Batch] = []
        try:
            for n, outputs in self._engine.run(images, batch_size):
                self._check_outputs(outputs, n)
                batches.append(outputs)
        except EngineError as error:
            raise self._wrong_output(str(error)) from None
        return batches

    def _check_outputs(self, outputs: Batch, n: int) -> None:
        """Raise TenfoldError where what came out for n images is no prediction for each of them."""
        probabilities, labels, _ = outputs
        received = [list(output.shape) for output in outputs]
        if received != [[n, len(self.classes)], [n], [n]]:
            raise self._wrong_output(f"for {n} images it gives {received}")
        dtypes = [output.dtype.name for output in outputs]
        if dtypes != ["float32", "int64", "bool"]:
            raise self._wrong_output(f"its outputs are {', '.join(dtypes)}")
        # NaN is not within the range either
        within = bool(((probabilities >= 0) & (probabilities <= 1 + SLACK)).all())
        if not within or np.abs(probabilities.sum(axis=1) - 1).max(initial=0) > SLACK:
            raise self._wrong_output("its probabilities are not within 0-1 with a sum of 1")
        if not np.array_equal(labels, probabilities.argmax(axis=1)):
            raise self._wrong_output("its labels are not the most probable classes")

    def _wrong_output(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self.name}: is not a model that Tenfold wrote: {what}")

    def _check_format(self, metadata: dict[str, str]) -> None:
        version = metadata.get("tenfold.format")
        if version is not None and version.isdecimal() and int(version) > int(FORMAT):
            raise TenfoldError(
                f"{self.name}: has format {version}, of a newer Tenfold; this version reads up to "
                f"format {FORMAT}: upgrade Tenfold"
            )
        names = tuple(tensor.name for tensor in onnx_signature(self.content))
        if version != FORMAT or names != (INPUT, *OUTPUTS):
            raise TenfoldError(
                f"{self.name}: is an ONNX model that Tenfold did not write; name a run folder, or "
                "the model.onnx in it (evaluate, compare, predict and bench take others too, "
                "tenfold.ForeignModel in Python)"
            )

    def _check_shapes(self) -> None:
        """Raise TenfoldError where what goes in or comes out is not as the contract has it."""
        expected = (
            Tensor(INPUT, "uint8", (None, SIDE, SIDE)),
            Tensor(OUTPUTS[0], "float", (None, len(self.classes))),
            Tensor(OUTPUTS[1], "int64", (None,)),
            Tensor(OUTPUTS[2], "bool", (None,)),
        )
        for got, wanted in zip(onnx_signature(self.content), expected, strict=True):
            if got != wanted:
                raise self._wrong_output(
                    f"{got.name} is tensor({got.dtype}) {list(got.shape)}, not "
                    f"tensor({wanted.dtype}) {list(wanted.shape)}"
                )

    def _fall_back(self, error: TenfoldError) -> None:
        """Go on with ONNX Runtime, and say so; in float32 every model file runs there."""
        note = f"{self._chosen} is not used: {error}"
        self.engine_notes = (*self.engine_notes, note)
        self._chosen = "onnxruntime"
        self.__dict__.pop("_engine", None)

    @cached_property
    def _engine(self) -> Engine:
        try:
            return open_engine(self._chosen, self.content, self.name, self._threads)
        except TenfoldError as error:
            if self._asked != "auto" or self._chosen == "onnxruntime":
                raise
            self._fall_back(error)
            return open_engine(self._chosen, self.content, self.name, self._threads)


def open_model(
    path: str | PathLike[str],
    threads: int | None = None,
    engine: str = "onnxruntime",
    *,
    start: bool = True,
) -> Model:
    """Open the model of a run folder, or a model file.

    Args:
        path: a run folder or a model file.
        threads, engine, start: as `Model` takes them.

    Raises:
        TenfoldError: where there is none, or it is not one of Tenfold's.
    """
    named, file = expanded(path), model_file(path)
    if file != named:
        RunFolder.open(named).existing(file.name)
    return Model(file, threads, engine, start=start)


def model_file(path: str | PathLike[str]) -> Path:
    """Return the model file of a run folder, which need not be there; any other path is a file."""
    named = expanded(path)
    # not Path.is_dir, which raises in an unreadable folder
    return RunFolder(named).model_file if os.path.isdir(named) else named
