"""File formats: one module each, registered here in the order in which they are tried."""

from tenfold.data.formats import csv_format, idx, image_folder, npy, npz, parquet
from tenfold.data.formats.format import Format

# A file that none recognises is read as CSV, whose errors name row, line and column.
FALLBACK = csv_format.FORMAT
FORMATS: tuple[Format, ...] = (
    idx.FORMAT,
    npy.FORMAT,
    parquet.FORMAT,
    npz.FORMAT,
    image_folder.FORMAT,
    csv_format.FORMAT,
)
