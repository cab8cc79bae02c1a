"""Write sets as tables: Kaggle's own files byte for byte, and any other set in their form."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from tenfold.data.atomic import atomic_write
from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.source import load
from tenfold.errors import TenfoldError

_CELLS = [str(value).encode() for value in range(256)]
_ROWS_A_WRITE = 256


def export(source: str | Path | Dataset, folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write a source as tables into `folder`, which is made where it is absent.

    `kaggle` gives Kaggle's three files, `mnist` gives `train.csv` and `test.csv`, a bundled test
    set `test.csv`, and everything else `data.csv`. Each has the header `label,pixel0..pixel783`
    (without `label` where there are none) and CRLF line ends, as Kaggle's.

    Args:
        source: what `load` takes.
        folder: where the files go.
        overwrite: whether files that are there already are replaced.

    Returns:
        The files written.

    Raises:
        TenfoldError: where the source cannot be read, or a file exists or cannot be written.
    """
    if source == "kaggle":
        return export_kaggle(folder, overwrite)
    if source == "mnist":
        tables = {"train.csv": bundled("mnist"), "test.csv": bundled("mnist:test")}
    elif source == "kaggle:test":
        tables = {"test.csv": _kaggle_test()}
    else:
        is_test = isinstance(source, str) and source in BUNDLED
        tables = {"test.csv" if is_test else "data.csv": load(source)}
    paths = _targets(folder, list(tables), overwrite)
    for path, dataset in zip(paths, tables.values(), strict=True):
        _write_table(path, dataset)
    return paths


def export_kaggle(folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write `train.csv`, `test.csv` and `sample_submission.csv` byte for byte as Kaggle's.

    Args:
        folder: where the files go; made where it is absent.
        overwrite: whether files that are there already are replaced.

    Returns:
        The three files.

    Raises:
        TenfoldError: where a file exists or cannot be written.
    """
    names = ["train.csv", "test.csv", "sample_submission.csv"]
    train, test, sample = _targets(folder, names, overwrite)
    _write_table(train, bundled("kaggle"))
    pictures = _kaggle_test()
    _write_table(test, pictures)
    with atomic_write(sample) as file:
        file.write(b"ImageId,Label\r\n")
        file.writelines(b"%d,0\r\n" % number for number in range(1, len(pictures) + 1))
    return [train, test, sample]


def _kaggle_test() -> Dataset:
    """Return Kaggle's test set as Kaggle gives it: without labels."""
    return replace(bundled("kaggle:test"), labels=None)


def _targets(folder: str | Path, names: list[str], overwrite: bool) -> list[Path]:
    """Return where the files go, having looked at all of them before any is written."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TenfoldError(f"{folder}: cannot be made a folder: {error.strerror}") from error
    paths = [folder / name for name in names]
    for path in paths:
        if path.exists() and not overwrite:
            raise TenfoldError(f"{path}: exists already; use --overwrite or another folder")
    return paths


def _write_table(path: Path, dataset: Dataset) -> None:
    names = [f"pixel{index}" for index in range(PIXELS)]
    starts = [b""] * len(dataset)
    if dataset.labels is not None:
        names.insert(0, "label")
        classes = [_quoted(name) + b"," for name in dataset.classes]
        starts = [classes[label] for label in dataset.labels.tolist()]
    with atomic_write(path) as file:
        file.write(",".join(names).encode() + b"\r\n")
        _write_rows(file, dataset, starts)


def _write_rows(file: BinaryIO, dataset: Dataset, starts: list[bytes]) -> None:
    cell = _CELLS.__getitem__
    for first in range(0, len(dataset), _ROWS_A_WRITE):
        pictures = dataset.images[first : first + _ROWS_A_WRITE]
        rows = zip(starts[first : first + _ROWS_A_WRITE], pictures, strict=True)
        file.writelines(
            b"%b%b\r\n" % (start, b",".join(map(cell, picture.tobytes())))
            for start, picture in rows
        )


def _quoted(name: str) -> bytes:
    """Quote the name of a class as CSV needs it; plain names stay as they are."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([name])
    return cell.getvalue().encode()
