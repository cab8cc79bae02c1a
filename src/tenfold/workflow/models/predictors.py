"""Whatever predicts: a run, a model file of Tenfold's or of others, a table of predictions."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Labels
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, model_file, open_model
from tenfold.model.model_name import ModelName
from tenfold.model.onnx_check import onnx_metadata

if TYPE_CHECKING:
    from tenfold.evaluation.given_predictions import GivenPredictions
    from tenfold.model.foreign_file import ForeignModel

# Only Model is imported with this: a process that predicts with one starts 0.1 s sooner.
AnyModel = Union[str, PathLike[str], Model, "ForeignModel"]
Predictor = Union[Model, "ForeignModel", "GivenPredictions"]


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a predictor says of a set.

    Args:
        dataset: the set, as the model saw it.
        labels: int64 [n], the class predicted.
        probabilities: float32 [n, classes], or None where there are none.
        leaked: how many of the images it was trained on; None where that is unknown.
        notes: what was decided on reading images, model and predictions, a sentence each.
    """

    dataset: Dataset
    labels: Labels
    probabilities: NDArray[np.float32] | None
    leaked: int | None
    notes: tuple[str, ...]


def open_predictor(model: AnyModel, dataset: Dataset, threads: int | None = None) -> Predictor:
    """Open a model, or a table of predictions for the images of a set.

    Args:
        model: a run or its folder; an ONNX file of Tenfold's or of others; a CSV or Parquet file of
            predictions; for the latter with options behind the name, as `cnn.onnx:pixels=0..1`.
        dataset: the images.
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where it cannot be read, or does not fit its contract or the images.
    """
    if isinstance(model, str | PathLike) and is_table(model):
        from tenfold.evaluation.given_predictions import read_given_predictions

        return read_given_predictions(model, dataset)
    return open_any_model(model, threads)


def open_any_model(
    model: AnyModel, threads: int | None = None, engine: str = "onnxruntime", *, start: bool = True
) -> "Model | ForeignModel":
    """Open a model as `open_predictor` does; a table of predictions is refused.

    Args:
        model: an open model is returned as it is.
        threads: CPU threads; by default every core.
        engine, start: as `Model` takes them; models of others run in ONNX Runtime alone.

    Raises:
        TenfoldError: where it cannot be read, does not fit its contract, or is another's and the
            engine none that runs it.
    """
    if not isinstance(model, str | PathLike):
        return model
    if is_table(model):
        raise TenfoldError(f"{model}: is a table of predictions; a model is needed here")
    named = ModelName.parse(model)
    file = model_file(named.path)
    if file == named.path and _is_foreign(file):
        from tenfold.model.foreign_file import ForeignModel

        return ForeignModel(model, threads=threads, engine=engine)
    if not named.is_plain:
        raise TenfoldError(
            f"{named.path}: is Tenfold's own model and says all of itself; leave out what stands "
            "behind its name"
        )
    return open_model(named.path, threads, engine, start=start)


def is_table(model: str | PathLike[str]) -> bool:
    """Whether a name is that of a table of predictions."""
    suffix = ModelName.parse(model).path.suffix.lower()
    return suffix in (".csv", ".tsv", ".txt", ".parquet", ".pq")


def file_of(model: AnyModel) -> Path:
    """Return the file that is read, which need not be there."""
    return model_file(_path(model) if isinstance(model, str | PathLike) else model.name)


def predict_set(predictor: Predictor, dataset: Dataset) -> Predicted:
    """Predict the images of a set, or take the predictions that are given for them.

    Raises:
        TenfoldError: where the images have another polarity than the model's and that cannot be
            mended, or what comes out is no prediction.
    """
    if not isinstance(predictor, Model):
        return _predict_others(predictor, dataset)
    matched = predictor.matched(dataset)
    predictions = predictor.predict(matched.images)
    labels, probabilities = predictions.labels, predictions.probabilities
    leaked = len(predictor.training_overlap(matched))
    return Predicted(matched, labels, probabilities, leaked, matched.notes)


def _predict_others(predictor: "ForeignModel | GivenPredictions", dataset: Dataset) -> Predicted:
    from tenfold.model.foreign_file import ForeignModel

    found = predictor.predict(dataset.images) if isinstance(predictor, ForeignModel) else predictor
    notes = (*dataset.notes, *predictor.notes)
    return Predicted(dataset, found.labels, found.probabilities, None, notes)


def _path(model: str | PathLike[str]) -> Path:
    return ModelName.parse(model).path


def _is_foreign(file: Path) -> bool:
    """Whether a file is a whole ONNX model and not one of Tenfold's."""
    content = read_file(file, "the model file")
    return bool(content) and "tenfold.format" not in onnx_metadata(content)
