"""Read and write Parquet: flat columns of pixels, or images as Hugging Face stores them."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.archives import MAX_BYTES, MAX_RATIO, RATIO_COUNTS_FROM, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import PIXELS, SIDE, Dataset, Images
from tenfold.data.formats.columns import from_columns
from tenfold.data.formats.csv_layout import LABEL_NAMES
from tenfold.data.formats.format import Format, lost_classes, one_file_per_part
from tenfold.data.formats.image_folder import decode_image
from tenfold.data.pixels import is_whole, labels_of, other_classes
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    import polars as pl

_MAGIC = b"PAR1"


def _read_parquet(stream: BoundedReader, source: str) -> Dataset:
    """Read a table with 784 columns of pixels, or with one column of PNG or JPEG images.

    The images' column is binary, or a struct with a binary field `bytes`, as Hugging Face has it.
    The label is the column with a label's name, or among 785 columns the one that the values
    indicate, as in a CSV.

    Raises:
        TenfoldError: where the file is damaged, has no such columns, or a value is invalid.
    """
    table = _table(stream.read_all(), stream.source)
    encoded = _image_column(table)
    if encoded is None:
        columns = {column.name: column.to_numpy() for column in table}
        return from_columns(columns, stream.source, source)
    images, notes = _decode_column(encoded, stream.source)
    label = next((n for n in table.columns if n.lower() in LABEL_NAMES), None)
    if label is None:
        return Dataset(images, None, source=source, notes=notes)
    column = table[label]
    where = f"{stream.source}: column {label!r}"
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise TenfoldError(
            f"{where}, row {row}: the label is missing; give every row its label, or leave the "
            "column out"
        )
    labels, classes = labels_of(column.to_numpy(), len(images), where)
    return Dataset(images, labels, classes, source, notes=(*notes, *other_classes(classes)))


def _table(content: bytes, source: str) -> "pl.DataFrame":
    import polars as pl

    try:
        with _panics_unprinted():
            rows = pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()
        size = rows * PIXELS
        # Equal values compress to next to nothing: the bound on zips holds here too.
        if size > MAX_BYTES or size > max(RATIO_COUNTS_FROM, MAX_RATIO * len(content)):
            raise TenfoldError(
                f"{source}: {len(content):,} bytes declare {rows:,} rows and are rejected; convert "
                "it to CSV if you trust it"
            )
        if not rows:
            raise TenfoldError(f"{source}: holds no images; give a table with a row for each image")
        with _panics_unprinted():
            return pl.read_parquet(io.BytesIO(content))
    except TenfoldError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{source}: is not Parquet, or damaged ({reason}); download or copy it again"
        ) from error


@contextmanager
def _panics_unprinted() -> Iterator[None]:
    """Keep Rust from printing the trace of a panic, which polars raises as an exception besides.

    One in a few thousand broken files makes it panic; Rust prints to the descriptor itself.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(null)
        os.close(stderr)


def _image_column(table: "pl.DataFrame") -> "pl.Series | None":
    """Return the column of encoded images, binary, if there is one."""
    import polars as pl

    for column in table:
        if column.dtype == pl.Binary:
            return column
        if isinstance(column.dtype, pl.Struct) and "bytes" in column.struct.fields:
            inner = column.struct.field("bytes")
            if inner.dtype == pl.Binary:
                return inner.alias(column.name)
    return None


def _decode_column(column: "pl.Series", source: str) -> tuple[Images, tuple[str, ...]]:
    images = np.empty((len(column), SIDE, SIDE), np.uint8)
    notes: set[str] = set()
    for row, content in enumerate(column):
        where = f"{source}: column {column.name!r}, row {row}"
        if content is None:
            raise TenfoldError(f"{where}: the image is missing; leave the row out")
        images[row] = decode_image(content, where, notes)
    return images, tuple(sorted(notes))


def _write_parquet(path: Path, dataset: Dataset) -> None:
    """Write a column `image` of PNGs, as Hugging Face stores images, and a column `label`."""
    import polars as pl
    from PIL import Image

    encoded = []
    for index, image in enumerate(dataset.images):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        encoded.append({"bytes": file.getvalue(), "path": f"{index}.png"})
    dtype = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    columns = {"image": pl.Series(encoded, dtype=dtype)}
    if dataset.labels is not None:
        labels, names = dataset.labels.tolist(), dataset.classes
        whole = all(map(is_whole, names))
        column = [int(names[label]) if whole else names[label] for label in labels]
        columns["label"] = pl.Series(column)
    content = io.BytesIO()  # straight to a full disk, polars would fail in words of its own
    pl.DataFrame(columns).write_parquet(content)
    with atomic_write(path) as out:
        out.write(content.getvalue())


FORMAT = Format(
    name="parquet",
    title="Parquet",
    recognises=lambda head: head.startswith(_MAGIC),
    read=_read_parquet,
    writer=one_file_per_part(".parquet", _write_parquet, lost_classes),
)
