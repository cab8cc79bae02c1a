"""File formats: one module each, registered here in the order in which they are tried."""

from tenfold.data.formats import (
    arff,
    csv_format,
    hdf5,
    idx,
    image_folder,
    libsvm,
    mat,
    npy,
    npz,
    parquet,
    text_table,
)
from tenfold.data.formats.format import Format

# A text that none recognises is read as CSV, whose errors name row, line and column.
FALLBACK = csv_format.FORMAT
FORMATS: tuple[Format, ...] = (
    idx.FORMAT,
    npy.FORMAT,
    parquet.FORMAT,
    npz.FORMAT,
    mat.FORMAT,
    hdf5.FORMAT,
    image_folder.FORMAT,
    arff.FORMAT,
    libsvm.FORMAT,
    text_table.FORMAT,
    csv_format.FORMAT,
)
