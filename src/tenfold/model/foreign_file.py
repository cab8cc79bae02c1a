"""A model file that Tenfold did not write: any ONNX file that fits a contract."""

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tenfold.data.bundled import bundled
from tenfold.data.dataset import SIDE, Dataset, Images, Labels
from tenfold.data.escape import check_names
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.model.engine import check_engine
from tenfold.model.find_pixel_range import find_pixel_range
from tenfold.model.foreign_contract import (
    ForeignPredictions,
    Input,
    Outputs,
    classes_of,
    find_input,
    find_outputs,
    number_labels,
)
from tenfold.model.model_name import ModelName
from tenfold.model.onnx_check import check_onnx, onnx_metadata
from tenfold.model.pixel_range import PixelRange, usual_ranges
from tenfold.model.session import engine_name, open_session
from tenfold.run.environment import thread_count

if TYPE_CHECKING:
    import onnxruntime

DIGITS = tuple("0123456789")
PROBED = 64  # digits, to see what comes out
SLACK = {np.dtype(np.float16): 2e-2}  # of a sum of probabilities
FLOAT_SLACK = 2e-3
SAME = 1e-3  # of a score, whatever else is in the batch

Kind = Literal["probabilities", "logits", "scores", "labels"]


class ForeignModel:
    """An ONNX model that Tenfold did not write.

    It takes one input, uint8, float16, float32 or float64, of [n, 28, 28], [n, 1, 28, 28],
    [n, 28, 28, 1] or [n, 784], with a batch of any or of a fixed size. It gives a score for each
    class, float [n, classes] (probabilities or logits) or scikit-learn's maps, or labels [n], or
    both. What is not said, by the arguments or the file's metadata (`pixels`, `classes`, `output`),
    is found by trying it on MNIST's training images where that is certain.

    Args:
        source: the path of the file, options behind it: `cnn.onnx:pixels=0..1`.
        pixels: what the background and ink are for it, as `0..1`, `0..255`, `-1..1` or `1..0`, or
            mean and standard deviation, as `0.1307/0.3081`.
        classes: the names of the classes, in the order of its scores; the digits where it has ten.
        output: the name of the output to take.
        threads: CPU threads; by default every core.
        engine: "onnxruntime" (also as "auto") or "cuda"; OpenVINO is for Tenfold's own models.

    Attributes:
        name: the path.
        engine: what runs it, with its version.
        classes: the name of each class.
        pixels: the PixelRange.
        notes: what was assumed and how it was found, a sentence each.

    Raises:
        TenfoldError: where the file is missing or truncated, has operators that are not run, does
            not fit the contract, or leaves something open.
    """

    def __init__(
        self,
        source: str | PathLike[str],
        *,
        pixels: str | None = None,
        classes: Sequence[str] | None = None,
        output: str | None = None,
        threads: int | None = None,
        engine: str = "onnxruntime",
    ) -> None:
        given = ModelName.parse(source)
        self.name = str(given.path)
        if given.split is not None:
            raise TenfoldError(f"{self.name}: split is of a table of predictions, not of a model")
        self.content = read_file(given.path, "the model file")
        self._threads = thread_count(threads)
        self._is_cuda = self._check_engine(engine)
        check_onnx(self.content, self.name, foreign=True)
        said = onnx_metadata(self.content)
        self._input: Input = find_input(self._session.get_inputs(), self.name)
        wanted = output or given.output or said.get("output")
        self._outputs: Outputs = find_outputs(self._session.get_outputs(), self.name, wanted)
        self._told = tuple(classes or given.classes or classes_of(said, self.name))
        text = pixels or given.pixels or said.get("pixels")
        self._probe(None if text is None else PixelRange.parse(text, self.name))

    @property
    def engine(self) -> str:
        """What runs it, with its version."""
        return engine_name(self._is_cuda)

    @property
    def spec(self) -> str:
        """Its name with all that was found, so that opening it again finds nothing anew."""
        named = f"{self.name}:pixels={self.pixels}"
        if self.classes != DIGITS and not any(set(",:") & set(one) for one in self.classes):
            named += f":classes={','.join(self.classes)}"
        return f"{named}:output={self._outputs.taken[0]}" if self._outputs.others else named

    def predict(self, images: Images, batch_size: int = 512) -> ForeignPredictions:
        """Predict the classes of images.

        Args:
            images: uint8 [n, 28, 28], ink 255 on a background of 0.
            batch_size: images per run, where the model takes any number.

        Raises:
            TenfoldError: where the images have another dtype or shape, or what comes out is no
                prediction for each of them.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise TenfoldError(
                f"{self.name}: images must be uint8 [n, {SIDE}, {SIDE}]. "
                f"Received: {images.dtype} {list(images.shape)}"
            )
        if not len(images):
            empty = np.zeros((0, len(self.classes)), np.float32)
            return ForeignPredictions(
                np.zeros(0, np.int64), empty if self._has_probabilities else None
            )
        return self._predict(images, self.pixels, batch_size)

    def matched(self, dataset: Dataset) -> Dataset:
        """Return the set as it is: nothing is known of the images that the model was trained on."""
        return dataset

    def _check_engine(self, engine: str) -> bool:
        """Return whether an engine is the GPU; another than ONNX Runtime's two is refused."""
        if check_engine(engine) == "openvino":
            raise TenfoldError(
                f"{self.name}: is a model of others, which ONNX Runtime runs; give --engine "
                "onnxruntime, or cuda. Received: openvino"
            )
        return engine == "cuda"

    @property
    def _has_probabilities(self) -> bool:
        return self._kind in ("probabilities", "logits")

    def _probe(self, told: PixelRange | None) -> None:
        """Look at what comes out for some digits, and find what was not told."""
        digits = bundled("mnist").images[:PROBED]
        ranges = [told] if told else usual_ranges(self._input.dtype)
        if told and not told.fits(self._input.dtype):
            raise TenfoldError(
                f"{self.name}: takes {self._input.dtype}, and pixels {told} are none"
            )
        scores, _, names = self._run(digits, ranges[0], 512)
        self._kind: Kind = "labels" if scores is None else self._kind_of(scores)
        self.classes = self._find_classes(scores, names)
        self._check_batches(digits, ranges[0])
        self.notes: tuple[str, ...] = self._output_notes()
        if told:
            self.pixels = told
            return
        if self.classes != DIGITS:
            raise TenfoldError(
                f"{self.name}: does not say what its pixels must be; say what it was trained with, "
                f"as {self.name}:pixels=0..1 (BACKGROUND..INK), or 0.1307/0.3081 (mean/std)"
            )
        self.pixels, found = find_pixel_range(self._try, ranges, self.name)
        self.notes += (found,)

    def _try(self, images: Images, pixels: PixelRange) -> tuple[Labels, NDArray[np.float32] | None]:
        tried = self._predict(images, pixels, 512, check=False)
        return tried.labels, tried.probabilities

    def _predict(
        self, images: Images, pixels: PixelRange, batch_size: int, check: bool = True
    ) -> ForeignPredictions:
        scores, labels, _ = self._run(images, pixels, batch_size)
        if scores is None:
            assert labels is not None
            return ForeignPredictions(self._indices(labels), None)
        if scores.shape[1] != len(self.classes):
            raise self._wrong(f"it has {scores.shape[1]} scores for {len(self.classes)} classes")
        predicted = scores.argmax(axis=1).astype(np.int64)
        if labels is not None and check:
            self._check_labels(self._indices(labels), predicted, scores)
        if self._kind == "scores":
            return ForeignPredictions(predicted, None)
        if self._kind == "logits":
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        elif check and self._kind_of(scores) != "probabilities":
            raise self._wrong("its probabilities are not always within 0-1 with a sum of 1")
        shares = scores / scores.sum(axis=1, keepdims=True)
        return ForeignPredictions(predicted, shares.astype(np.float32))

    def _run(
        self, images: Images, pixels: PixelRange, batch_size: int
    ) -> tuple[NDArray[np.float64] | None, NDArray[Any] | None, tuple[str, ...]]:
        """Run the model on images: scores [n, classes], labels [n], names of maps, or none."""
        size = self._input.batch or batch_size
        scores: list[NDArray[np.float64]] = []
        labels: list[NDArray[Any]] = []
        names: tuple[str, ...] = ()
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            n = len(batch)
            if self._input.batch and n < size:  # the last is repeated
                batch = np.concatenate([batch, batch[-1:].repeat(size - n, axis=0)])
            values = self._run_batch(batch, pixels)
            if self._outputs.scores is not None:
                own, names = self._scores(values[0], len(batch))
                scores.append(own[:n])
            if self._outputs.labels is not None:
                labels.append(self._label_values(values[-1], len(batch))[:n])
        return (
            np.concatenate(scores) if scores else None,
            np.concatenate(labels) if labels else None,
            names,
        )

    def _run_batch(self, batch: Images, pixels: PixelRange) -> list[Any]:
        try:
            values: list[Any] = self._session.run(
                self._outputs.taken, self._input.feed(batch, pixels)
            )
        except Exception as error:  # onnxruntime's own errors share no public base
            raise self._wrong((str(error).splitlines() or [""])[0][:200]) from None
        return values

    def _scores(self, values: Any, n: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        names: tuple[str, ...] = ()
        if isinstance(values, list):  # scikit-learn's: a map from label to probability an image
            keys = list(values[0]) if values else []
            if any(set(row) != set(keys) for row in values):
                raise self._wrong("its maps do not all have the same classes")
            values = np.array([[row[key] for key in keys] for row in values])
            names = tuple(map(str, keys))
        array = np.asarray(values, np.float64)
        if array.ndim != 2 or len(array) != n or array.shape[1] < 2:
            raise self._wrong(
                f"for {n} images output {self._outputs.scores!r} is {list(array.shape)}, not "
                f"[{n}, classes]"
            )
        if not np.isfinite(array).all():
            raise self._wrong(f"output {self._outputs.scores!r} is not finite")
        return array, names

    def _label_values(self, values: Any, n: int) -> NDArray[Any]:
        array = np.asarray(values)
        if array.size != n:
            raise self._wrong(
                f"for {n} images output {self._outputs.labels!r} is {list(array.shape)}"
            )
        return array.reshape(n)

    def _kind_of(self, scores: NDArray[np.float64]) -> Kind:
        """Tell from values what they are; a softmax of logarithms of probabilities is right too."""
        slack = SLACK.get(self._input.dtype, FLOAT_SLACK)
        within = bool(((scores >= -slack) & (scores <= 1 + slack)).all())
        if not within:
            return "logits"
        sums = scores.sum(axis=1)
        return "probabilities" if (np.abs(sums - 1) <= slack).all() else "scores"

    def _find_classes(
        self, scores: NDArray[np.float64] | None, names: tuple[str, ...]
    ) -> tuple[str, ...]:
        classes = self._told or names
        count = len(classes or DIGITS) if scores is None else scores.shape[1]
        if not classes and count == len(DIGITS):
            classes = DIGITS
        if len(classes) != count or len(set(classes)) != count:
            received = f"{len(self._told)} names" if self._told else "none"
            raise TenfoldError(
                f"{self.name}: has {count} classes, and each needs a name of its own, in the order "
                f"of its scores, as {self.name}:classes=a,b,c. Received: {received}"
            )
        check_names(classes, self.name)
        return classes

    def _indices(self, labels: NDArray[Any]) -> Labels:
        return number_labels(labels, self.classes, self.name)

    def _check_labels(self, labels: Labels, predicted: Labels, scores: NDArray[np.float64]) -> None:
        rows = np.arange(len(scores))
        gap = scores[rows, predicted] - scores[rows, labels]
        if (gap > 1e-5 * np.maximum(1, np.abs(scores[rows, predicted]))).any():
            at = int(gap.argmax())
            raise self._wrong(
                f"output {self._outputs.labels!r} says {self.classes[labels[at]]} where the "
                f"highest of {self._outputs.scores!r} is {self.classes[predicted[at]]}; name the "
                f"classes in the order of the scores, as {self.name}:classes=a,b,c, or one output, "
                f"as {self.name}:output={self._outputs.scores}"
            )

    def _check_batches(self, digits: Images, pixels: PixelRange) -> None:
        """Refuse a model whose predictions hang on what else is in the batch."""
        few = digits[:8]
        scores, labels, _ = self._run(few, pixels, 8)
        alike = True
        # in another place, beside others, or alone
        size = self._input.batch or 1
        for step in (1, 3):
            others, other_labels, _ = self._run(np.roll(few, step, axis=0), pixels, size)
            if labels is not None and other_labels is not None:
                alike &= bool((np.roll(labels, step) == other_labels).all())
            if scores is not None and others is not None:
                scale = max(1.0, float(np.abs(scores).max()))
                differences = np.abs(np.roll(scores, step, axis=0) - others)
                alike &= bool(differences.max() <= SAME * scale)
            if not alike:
                raise self._wrong(
                    "its predictions depend on what else is in the batch; was it exported in "
                    "training mode?"
                )

    def _output_notes(self) -> tuple[str, ...]:
        left = f", of {', '.join(self._outputs.taken + list(self._outputs.others))}"
        left = left if self._outputs.others else ""
        what = {
            "probabilities": f"the probabilities are its output {self._outputs.scores!r}",
            "logits": f"the probabilities are the softmax of its output {self._outputs.scores!r}",
            "scores": f"its output {self._outputs.scores!r} holds scores within 0-1 whose sum is "
            "not 1, which are no probabilities",
            "labels": f"its output {self._outputs.labels!r} holds labels, no probabilities",
        }
        return (f"{what[self._kind]}{left}",)

    def _wrong(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self.name}: cannot be scored: {what}")

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        return open_session(self.content, self.name, self._threads, self._is_cuda)
