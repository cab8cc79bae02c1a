"""Write sets to files of every form that is read, and Kaggle's own tables byte for byte."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tenfold.data.atomic import atomic_write
from tenfold.data.bundled import bundled
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats import image_folder
from tenfold.data.formats.csv_table import label_fault
from tenfold.data.formats.idx import idx_files, write_idx
from tenfold.data.formats.npz import write_npz
from tenfold.data.formats.parquet import write_parquet
from tenfold.data.pixels import named_labels
from tenfold.data.source import load
from tenfold.errors import TenfoldError

FORMATS = ("csv", "idx", "npz", "parquet", "png")

_CELLS = [str(value).encode() for value in range(256)]
_ROWS_A_WRITE = 256


def export(
    source: str | Path | Dataset,
    folder: str | Path,
    overwrite: bool = False,
    format: str = "csv",
    decode: image_folder.Decode = image_folder.decoded,
) -> list[Path]:
    """Write a source into `folder`, which is made where it is absent.

    Training pictures are named `train`, test pictures `test`, and everything else `data`; a source
    that brings a test set gives both. Reading what was written gives the same fingerprint.

    - `csv`: `train.csv` with the header `label,pixel0..pixel783` (without `label` where there are
      none) and CRLF line ends, as Kaggle's; `kaggle` gives Kaggle's three files.
    - `idx`: `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`, `t10k-` for test
      pictures, and `train-classes.json` where the classes are not 0-9.
    - `npz`: `data.npz` with `x_train`, `y_train`, `x_test`, `y_test`.
    - `parquet`: `train.parquet`, PNGs as Hugging Face keeps them.
    - `png`: a folder `train` with a folder for each class.

    Args:
        source: what `load` takes.
        folder: where the files go.
        overwrite: whether files that are there already are replaced.
        format: one of `FORMATS`.
        decode: as `load` takes it.

    Returns:
        The files written, or for `png` the folders.

    Raises:
        TenfoldError: where the source cannot be read, a file exists or cannot be written, or the
            format cannot keep the names of the classes.
    """
    if format not in FORMATS:
        raise TenfoldError(f"{format!r} is no format; there are {', '.join(FORMATS)}")
    if source == "kaggle" and format == "csv":
        return export_kaggle(folder, overwrite)
    tables = _tables(source, decode)
    for dataset in tables.values():
        _refuse_loss(dataset, format)
    if format == "npz":
        (path,) = _targets(folder, ["data.npz"], overwrite)
        write_npz(path, tables)
        return [path]
    if format == "idx":
        tables = {"t10k" if name == "test" else name: table for name, table in tables.items()}
        names = [file for name, table in tables.items() for file in idx_files(name, table)]
        paths = _targets(folder, names, overwrite)
        for name, dataset in tables.items():
            write_idx(Path(folder), name, dataset)
        return paths
    write, suffix = _WRITERS[format]
    paths = _targets(folder, [f"{name}{suffix}" for name in tables], overwrite)
    for path, dataset in zip(paths, tables.values(), strict=True):
        write(path, dataset)
    return paths


def _tables(source: str | Path | Dataset, decode: image_folder.Decode) -> dict[str, Dataset]:
    """Load what is to be written, under the names that it gets."""
    if source == "kaggle:test":
        return {"test": _kaggle_test()}
    dataset = load(source, decode)
    if isinstance(source, Dataset):
        return {"data": dataset}
    if dataset.source.endswith(":test"):
        return {"test": dataset}
    if dataset.test_source is None:
        return {"data": dataset}
    test = _kaggle_test() if source == "kaggle" else load(dataset.test_source, decode)
    return {"train": dataset, "test": test}


def _refuse_loss(dataset: Dataset, format: str) -> None:
    """Refuse a form that keeps the classes by their pictures' names alone where some would go."""
    if dataset.labels is None or format in ("npz", "idx"):
        return
    fault = image_folder.folder_fault(dataset.classes) if format == "png" else ""
    if format == "csv":
        odd = [name for name in dataset.classes if label_fault(name) or not _is_cell(name)]
        fault = f"class {odd[0]!r} cannot be the text of a label" if odd else ""
    used = [dataset.classes[label] for label in np.unique(dataset.labels).tolist()]
    if not fault and named_labels(used)[1] != dataset.classes:
        fault = "a class is without pictures, or they are not in the order of their names"
    if fault:
        raise TenfoldError(
            f"{dataset.source}: {fault}, so {format} would not give the same set back; "
            "export it as npz"
        )


def _is_cell(name: str) -> bool:
    return name == name.strip() and name.isprintable()


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
    questions = _kaggle_test()
    _write_table(test, questions)
    with atomic_write(sample) as file:
        file.write(b"ImageId,Label\r\n")
        file.writelines(b"%d,0\r\n" % number for number in range(1, len(questions) + 1))
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
        images = dataset.images[first : first + _ROWS_A_WRITE]
        rows = zip(starts[first : first + _ROWS_A_WRITE], images, strict=True)
        file.writelines(
            b"%b%b\r\n" % (start, b",".join(map(cell, picture.tobytes())))
            for start, picture in rows
        )


def _quoted(name: str) -> bytes:
    """Quote the name of a class as CSV needs it; plain names stay as they are."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([name])
    return cell.getvalue().encode()


_WRITERS: dict[str, tuple[Callable[[Path, Dataset], None], str]] = {
    "csv": (_write_table, ".csv"),
    "parquet": (write_parquet, ".parquet"),
    "png": (image_folder.write_pictures, ""),
}
