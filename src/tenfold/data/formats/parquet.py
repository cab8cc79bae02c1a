"""Read and write Parquet: flat columns of pixels, or images as Hugging Face stores them."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import MAX_BYTES, MAX_RATIO, RATIO_COUNTS_FROM, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.broken import BrokenImages
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.columns import from_columns
from tenfold.data.formats.csv_layout import ID_NAMES, LABEL_NAMES
from tenfold.data.formats.format import Format, lost_classes, one_file_per_part
from tenfold.data.image_decoding import ImageDecoder, decode_image
from tenfold.data.label_arrays import attach_array
from tenfold.data.label_table import column_index
from tenfold.data.pixels import is_whole, to_images
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    import polars as pl

_MAGIC = b"PAR1"


def _read_parquet(stream: BoundedReader, source: str, options: ReadOptions) -> Dataset:
    """Read a table with 784 columns of pixels, or with one column of images.

    The images' column is binary, or a struct with a binary field `bytes`, as Hugging Face has it;
    or lists of the pixels, or of rows of them. The label is the column with a label's name, or
    among 785 columns the one that the values indicate, as in a CSV.

    Raises:
        TenfoldError: where the file is damaged, has no such columns, or a value is invalid.
    """
    table = _table(stream.read_all(), stream.source)
    encoded, lists = image_column(table), list_column(table)
    if encoded is not None:
        dataset = _decode_column(encoded, stream.source, options)
        table = table[_kept(table, dataset)]
    elif lists is not None:
        images, notes = to_images(_stacked(lists, stream.source), stream.source, any_size=True)
        dataset = Dataset(images, None, notes=notes)
    else:
        columns = {column.name: column.to_numpy() for column in table}
        return from_columns(columns, stream.source, source, options)
    label, id_ = label_and_id(table, options, stream.source)
    dataset = replace(dataset, source=source, ids=None)
    if id_ is not None:
        ids = ["" if value is None else str(value) for value in table[id_]]
        dataset = replace(dataset, ids=np.array(ids, np.str_), id_name=id_)
    if label is None:
        return dataset
    column = table[label]
    where = f"{stream.source}: column {label!r}"
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise TenfoldError(
            f"{where}, row {row}: the label is missing; give every row its label, or leave the "
            "column out"
        )
    return attach_array(dataset, column.to_numpy(), where)


def label_and_id(
    table: "pl.DataFrame", options: ReadOptions, source: str
) -> tuple[str | None, str | None]:
    """Find the columns of label and id in a table with one column of images."""
    names = table.columns
    label = next((n for n in names if n.lower() in LABEL_NAMES), None)
    id_ = next((n for n in names if n.lower() in ID_NAMES), None)
    if options.label_column is not None:
        label = names[column_index(options.label_column, names, len(names), source, "label")]
    if options.id_column is not None:
        id_ = names[column_index(options.id_column, names, len(names), source, "id")]
    return label, id_


def _table(content: bytes, source: str) -> "pl.DataFrame":
    import polars as pl

    try:
        with panics_unprinted():
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
        with panics_unprinted():
            return pl.read_parquet(io.BytesIO(content))
    except TenfoldError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{source}: is not Parquet, or damaged ({reason}); download or copy it again"
        ) from error


@contextmanager
def panics_unprinted() -> Iterator[None]:
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


def image_column(table: "pl.DataFrame") -> "pl.Series | None":
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


def _decode_column(column: "pl.Series", source: str, options: ReadOptions) -> Dataset:
    """Decode the images of a column; the ids are the numbers of the rows that remain."""
    broken = BrokenImages(source, len(column), options.skip_broken)
    decoder = ImageDecoder(broken, decode_image)
    for row, content in enumerate(column):
        where = f"{source}: column {column.name!r}, row {row}"
        with broken.collected(f"row {row}"):
            if content is None:
                raise TenfoldError(f"{where}: the image is missing; leave the row out")
            decoder.add(f"row {row}", content, where)
    images, kept, notes = decoder.finish()
    ids = np.array([name.removeprefix("row ") for name in kept])
    return Dataset(images, None, notes=notes, ids=ids, skipped=broken.lines())


def _kept(table: "pl.DataFrame", dataset: Dataset) -> list[int]:
    assert dataset.ids is not None
    return [int(row) for row in dataset.ids.tolist()]


def list_column(table: "pl.DataFrame") -> "pl.Series | None":
    """Return the column whose every value is a list of numbers, or of lists of them."""
    import polars as pl

    for column in table:
        inner: Any = column.dtype
        while isinstance(inner, (pl.List, pl.Array)):
            inner = inner.inner
        if inner != column.dtype and inner.is_numeric():
            return column
    return None


def _stacked(column: "pl.Series", source: str) -> NDArray[Any]:
    """Stack lists of pixels to [n, pixels]. Raises TenfoldError where they differ in length."""
    import polars as pl

    flat, dtype = column, column.dtype
    assert isinstance(dtype, (pl.List, pl.Array))
    while isinstance(flat.dtype, (pl.List, pl.Array)):
        if flat.null_count():
            raise TenfoldError(f"{source}: column {column.name!r} has empty cells; fill them")
        flat = flat.explode()
    pixels = len(flat) // max(len(column), 1)
    lengths = column.cast(pl.List(dtype.inner)).list.len() if len(column) else column
    if flat.null_count() or pixels * len(column) != len(flat) or lengths.n_unique() != 1:
        raise TenfoldError(
            f"{source}: column {column.name!r} must hold equally many pixels in each row"
        )
    return flat.to_numpy().reshape(len(column), pixels)


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
