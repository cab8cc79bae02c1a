"""CSV: how it is recognised and written. `csv_table` and `csv_layout` read it."""

import csv
import io
from pathlib import Path
from typing import BinaryIO

from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.csv_table import read_csv
from tenfold.data.formats.csv_text import label_fault
from tenfold.data.formats.format import Format, lost_classes, one_file_per_part

# A table of digits among other files is recognised by its first line: 784 cells, and 200 commas
# of them are within the first bytes.
_MIN_COMMAS = 200
_CELLS = [str(value).encode() for value in range(256)]
_ROWS_PER_WRITE = 256


def write_csv(path: Path, dataset: Dataset) -> None:
    """Write `label,pixel0..pixel783` with CRLF line ends, byte for byte as Kaggle's.

    Raises:
        TenfoldError: where the file cannot be written.
    """
    header = [f"pixel{index}" for index in range(PIXELS)]
    labels = [b""] * len(dataset)
    if dataset.labels is not None:
        header.insert(0, "label")
        classes = [_quoted(name) + b"," for name in dataset.classes]
        labels = [classes[label] for label in dataset.labels.tolist()]
    with atomic_write(path) as file:
        file.write(",".join(header).encode() + b"\r\n")
        _write_rows(file, dataset, labels)


def _write_rows(file: BinaryIO, dataset: Dataset, labels: list[bytes]) -> None:
    cell = _CELLS.__getitem__
    for first in range(0, len(dataset), _ROWS_PER_WRITE):
        images = dataset.images[first : first + _ROWS_PER_WRITE]
        rows = zip(labels[first : first + _ROWS_PER_WRITE], images, strict=True)
        file.writelines(
            b"%b%b\r\n" % (label, b",".join(map(cell, image.tobytes()))) for label, image in rows
        )


def _quoted(name: str) -> bytes:
    """Quote the name of a class as CSV needs it; plain names stay as they are."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([name])
    return cell.getvalue().encode()


def _loss(dataset: Dataset) -> str:
    if dataset.labels is None:
        return ""
    unusable = [name for name in dataset.classes if label_fault(name) or not _is_cell(name)]
    if unusable:
        return f"class {unusable[0]!r} cannot be the text of a label"
    return lost_classes(dataset)


def _is_cell(name: str) -> bool:
    return name == name.strip() and name.isprintable()


FORMAT = Format(
    name="csv",
    title="CSV",
    recognises=lambda head: head.count(b",") >= _MIN_COMMAS,
    read=read_csv,
    writer=one_file_per_part(".csv", write_csv, _loss),
)
