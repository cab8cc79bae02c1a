"""Write a dataset to files of any format that has a writer, and Kaggle's own byte for byte."""

import os
from dataclasses import replace
from pathlib import Path

from tenfold.data.atomic import atomic_write, expanded
from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.formats import FORMATS
from tenfold.data.formats.csv_format import write_csv
from tenfold.data.image_decoding import DecodeImage, decode_image
from tenfold.data.negatives import labelled_negatives
from tenfold.data.source import load
from tenfold.data.source_name import files_of, is_test_set
from tenfold.errors import TenfoldError

_WRITERS = {format.name: format.writer for format in FORMATS if format.writer is not None}
EXPORT_FORMATS = tuple(sorted(_WRITERS))


def export_dataset(
    source: str | Path | Dataset,
    folder: str | Path,
    overwrite: bool = False,
    format: str = "csv",
    decode: DecodeImage = decode_image,
) -> list[Path]:
    """Write a source into `folder`, which is created where it is absent.

    Training images are named `train`, test images `test`, and everything else `data`; a source
    that brings a test set gives both. Reading the written files gives the same fingerprint: the
    set's negatives are written, too, last, with the label `not a digit`.

    - `csv`: `train.csv` with the header `label,pixel0..pixel783` (without `label` where there are
      none) and CRLF line ends, as Kaggle's; `kaggle` gives Kaggle's three files.
    - `idx`: `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`, `t10k-` for test
      images, and `train-classes.json` where the classes are not 0-9.
    - `npz`: `data.npz` with `x_train`, `y_train`, `x_test`, `y_test`.
    - `parquet`: `train.parquet`, PNGs as Hugging Face stores them.
    - `png`: a folder `train` with a folder for each class.

    Args:
        source: what `load` takes.
        folder: where the files go.
        overwrite: whether existing files are replaced.
        format: one of `EXPORT_FORMATS`.
        decode: as `load` takes it.

    Returns:
        The files written, or for `png` the folders.

    Raises:
        TenfoldError: where the source cannot be read, a file exists or cannot be written, or the
            format cannot keep the names of the classes.
    """
    if format not in _WRITERS:
        raise TenfoldError(f"{format!r} is not a format; choose from {', '.join(EXPORT_FORMATS)}")
    if source == "kaggle" and format == "csv":
        return export_kaggle(folder, overwrite)
    if isinstance(source, str):
        source = os.path.expanduser(source)
    writer = _WRITERS[format]
    sets = _sets(source, decode)
    for dataset in sets.values():
        if loss := _loss(dataset) or writer.loss(dataset):
            raise TenfoldError(
                f"{dataset.source}: {loss}, so {format} would not give the same set back; "
                "export it as npz"
            )
    sets = {part: labelled_negatives(dataset) for part, dataset in sets.items()}
    paths = _targets(folder, writer.file_names(sets), overwrite)
    _refuse_source(source, paths)
    writer.write(expanded(folder), sets)
    return paths


def _loss(dataset: Dataset) -> str:
    """Say which images no format can keep; "" if none."""
    if dataset.labels is None and dataset.negatives is not None:
        return "negatives can be told from images only where these have labels"
    return ""


def _sets(source: str | Path | Dataset, decode: DecodeImage) -> dict[str, Dataset]:
    """Load the sets to write, by the name of their part."""
    if source == "kaggle:test":
        return {"test": _kaggle_test()}
    dataset = load(source, decode)
    if isinstance(source, Dataset):
        return {"data": dataset}
    if is_test_set(dataset.source):
        return {"test": dataset}
    if dataset.test_source is None:
        return {"data": dataset}
    test = _kaggle_test() if source == "kaggle" else load(dataset.test_source, decode)
    return {"train": dataset, "test": test}


def export_kaggle(folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write `train.csv`, `test.csv` and `sample_submission.csv` byte for byte as Kaggle's.

    Args:
        folder: where the files go; created where it is absent.
        overwrite: whether existing files are replaced.

    Returns:
        The three files.

    Raises:
        TenfoldError: where a file exists or cannot be written.
    """
    names = ["train.csv", "test.csv", "sample_submission.csv"]
    train, test, sample = _targets(folder, names, overwrite)
    write_csv(train, bundled("kaggle"))
    test_set = _kaggle_test()
    write_csv(test, test_set)
    with atomic_write(sample) as file:
        file.write(b"ImageId,Label\r\n")
        file.writelines(b"%d,0\r\n" % number for number in range(1, len(test_set) + 1))
    return [train, test, sample]


def _kaggle_test() -> Dataset:
    """Return Kaggle's test set as Kaggle gives it: without labels."""
    return replace(bundled("kaggle:test"), labels=None)


def _refuse_source(source: str | Path | Dataset, paths: list[Path]) -> None:
    """Raise TenfoldError where a file to write is one that the images were read from."""
    read = [Path(file) for file in files_of(source)]
    read += [inside for folder in read if folder.is_dir() for inside in folder.iterdir()]
    for path in paths:
        if path.exists() and any(path.samefile(one) for one in read if one.exists()):
            raise TenfoldError(f"{path}: is what is read here; name another folder to write")


def _targets(folder: str | Path, names: list[str], overwrite: bool) -> list[Path]:
    """Return the paths of the files, having checked all of them before any is written."""
    folder = expanded(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TenfoldError(f"{folder}: cannot be created: {error.strerror}") from error
    paths = [folder / name for name in names]
    for path in paths:
        if path.exists() and not overwrite:
            raise TenfoldError(f"{path}: exists already; use --overwrite or another folder")
    return paths
