"""Predict labels with a model file, and write them as Kaggle wants them."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.atomic import atomic_write, check_destination
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.escape import csv_cell
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError
from tenfold.model.file import Model, Predictions
from tenfold.workflow.load import load
from tenfold.workflow.models.predictors import AnyModel, file_of, open_any_model, predict_set

if TYPE_CHECKING:
    from tenfold.model.foreign_file import ForeignModel


def predict(
    model: AnyModel,
    source: AnySource,
    out: str | Path | None = None,
    probabilities: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    ink: bool = False,
    engine: str = "auto",
) -> Predictions:
    """Predict the label of every image of a source.

    Args:
        model: a run, its folder or a model file, of Tenfold's or of others (see
            `tenfold.ForeignModel`), which must have probabilities.
        source: the images; labels are not looked at.
        out: a CSV to write, `ImageId,Label` with ids from 1, or with the ids that the images have
            in their source, such as `file,label` for a folder of image files; None for none.
        probabilities: add a column `p_<class>` for each class to the CSV.
        overwrite: replace `out` where it is there already.
        threads: CPU threads; by default every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).
        engine: what runs the model, as `tenfold.Model` takes it; by default the fastest that is
            installed. A model that is open keeps its own.

    Returns:
        The predictions; `n_seen_in_training` counts the images in the model's training set,
        `notes` say what was decided on reading them, and `engine` what ran the model.

    Raises:
        TenfoldError: where the model or the source cannot be read, the engine is not installed, or
            `out` cannot be written.
    """
    if out is not None:
        check_destination(out, overwrite, [file_of(model), *files_of(source)])
    opened = open_any_model(model, threads, engine, start=False)
    dataset = _load_meanwhile(opened, source, ink)
    if isinstance(opened, Model):
        dataset = opened.matched(dataset)
        found = opened.predict(dataset.images)
        predictions = replace(
            found,
            n_seen_in_training=len(opened.training_overlap(dataset)),
            notes=(*dataset.notes, *opened.engine_notes),
        )
    else:
        others = predict_set(opened, dataset)
        if others.probabilities is None:
            raise TenfoldError(f"{opened.name}: has no probabilities, which predictions have here")
        accepted = np.ones(len(dataset), np.bool_)
        predictions = Predictions(
            others.probabilities, others.labels, accepted, None, others.notes, opened.engine
        )
    if out is not None:
        write_submission(out, predictions, opened.classes, dataset, probabilities)
    return predictions


def _load_meanwhile(model: "Model | ForeignModel", source: AnySource, ink: bool) -> Dataset:
    """Load the images while the model's engine starts: of 0.3 s one half waits for the disk."""
    if not isinstance(model, Model):
        return load(source, ink)
    with ThreadPoolExecutor(1, "engine") as pool:
        started = pool.submit(model.start)
        dataset = load(source, ink)
        started.result()
    return dataset


def write_submission(
    path: str | Path,
    predictions: Predictions,
    classes: tuple[str, ...],
    dataset: Dataset,
    probabilities: bool = False,
) -> None:
    """Write a row an image, its id and its label; checked before it takes its name.

    The header is `ImageId,Label` and ids are counted from 1, as Kaggle's Digit Recognizer has
    them; where the images have ids of their own it is the name of those and `label`.

    Raises:
        TenfoldError: where a probability is NaN, or the file cannot be written.
    """
    if not np.isfinite(predictions.probabilities).all():
        row = int(np.flatnonzero(~np.isfinite(predictions.probabilities).all(axis=1))[0])
        raise TenfoldError(
            f"{path}: not written: the model's prediction for image {row + 1} is NaN"
        )
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    header = ["ImageId", "Label"]
    ids: list[str] = [str(number) for number in range(1, len(predictions) + 1)]
    if dataset.ids is not None:
        ids = [csv_cell(name) for name in dataset.ids.tolist()]
        if dataset.id_name != header[0]:
            header = [csv_cell(dataset.id_name), "label"]
    names = [csv_cell(name) for name in classes]
    table.writerow([*header, *(f"p_{name}" for name in names)] if probabilities else header)
    for row, (name, label) in enumerate(zip(ids, predictions.labels.tolist(), strict=True)):
        shares = predictions.probabilities[row].tolist() if probabilities else []
        table.writerow([name, names[label], *(f"{p:.6g}" for p in shares)])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
