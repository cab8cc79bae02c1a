"""Answer pictures with a model file, and write the answers as Kaggle wants them."""

import csv
import io
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.ink.drawings import load
from tenfold.model.file import Predictions, open_model


def predict(
    model: str | PathLike[str],
    source: str | Path | Dataset,
    out: str | Path | None = None,
    probabilities: bool = False,
    overwrite: bool = False,
    threads: int = 0,
    ink: bool = False,
) -> Predictions:
    """Answer every picture of a source.

    Args:
        model: a run, its folder or a model file.
        source: the pictures; labels are not looked at.
        out: a CSV to write, `ImageId,Label` with ids from 1; None for none.
        probabilities: add a column `p_<class>` for each class to the CSV.
        overwrite: replace `out` where it is there already.
        threads: how many threads to answer with; 0 for every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Returns:
        The answers; `learned` says for how many of them the model was trained on the picture.

    Raises:
        TenfoldError: where the model or the source cannot be read, or `out` cannot be written.
    """
    if out is not None:
        check_destination(out, overwrite)
    opened, digits = open_model(model, threads), load(source, ink)
    answers = replace(opened.predict(digits.images), learned=len(opened.seen(digits)))
    if out is not None:
        write_submission(out, answers, opened.classes, probabilities)
    return answers


def check_destination(path: str | Path, overwrite: bool) -> None:
    """Make sure, before the work, that a file could be written there.

    Raises:
        TenfoldError: where its folder is absent, it is a folder itself, or it is there already and
            not to be overwritten.
    """
    place = Path(path)
    if place.is_dir():
        raise TenfoldError(f"{path}: is a folder; name a file in it")
    if not place.parent.is_dir():
        raise TenfoldError(f"{path}: there is no folder {place.parent}; make it first")
    if place.exists() and not overwrite:
        raise TenfoldError(f"{path}: is there already; name another file, or use --overwrite")


def write_submission(
    path: str | Path, answers: Predictions, classes: tuple[str, ...], probabilities: bool = False
) -> None:
    """Write `ImageId,Label`, a row a picture, ids from 1; checked before it takes its name.

    Raises:
        TenfoldError: where a probability is no number, or the file cannot be written.
    """
    if not np.isfinite(answers.probabilities).all():
        row = int(np.flatnonzero(~np.isfinite(answers.probabilities).all(axis=1))[0])
        raise TenfoldError(f"{path}: not written: the model's answer for picture {row + 1} is NaN")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    header = ["ImageId", "Label"]
    table.writerow([*header, *(f"p_{name}" for name in classes)] if probabilities else header)
    for number, label in enumerate(answers.labels.tolist(), 1):
        row = answers.probabilities[number - 1].tolist() if probabilities else []
        table.writerow([number, classes[label], *(f"{p:.6g}" for p in row)])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
