"""Load a dataset from any source, drawings and photos of digits among them."""

import os
from pathlib import Path

from tenfold.data import source as sources
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.image_decoding import DecodeImage, decode_image
from tenfold.data.source_name import AS_IT_IS, ReadOptions, with_options
from tenfold.errors import TenfoldError


def load(
    source: AnySource,
    ink: bool = False,
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    skip_broken: bool = False,
) -> Dataset:
    """Load images from any source; the format is detected from the file's contents.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), `corrections`, the
            answers that were corrected in `tenfold serve`, the path of a CSV, IDX, npy, npz,
            Parquet, MATLAB, HDF5, ARFF or LIBSVM file, or of a folder, zip or tar with one of these
            or with image files; a Dataset is returned as it is. Images in memory: an array or list
            of images, a pair (images, labels), a DataFrame, a data set of torch's or of Hugging
            Face's. `tenfold.data.source.load` says more.
        ink: take the images of class folders for drawings, scans or photos of one digit each, of
            any size, dark on bright or bright on dark, and convert them to MNIST's form. Other
            sources hold 28x28 digits already and are loaded as they are.
        labels: the file of the labels, where it is not found beside the images: a table of file
            names and labels, a list, or an array.
        label_column: the column of the labels in a table: its name, or its number from 1.
        id_column: the column of the images' ids, or of their file names in a table of labels.
        skip_broken: leave out image files that cannot be read; `skipped` lists them.

    The last four are part of the set's name, `digits:labels=labels.csv:skip-broken`, which any
    function takes that takes a source.

    Raises:
        TenfoldError: where nothing has that name, a value is invalid, or an image has no ink; the
            message names the file, and the row, column, member or image.
    """
    named = None if labels is None else os.path.expanduser(str(labels))
    options = ReadOptions(named, label_column, id_column, skip_broken)
    if isinstance(source, str | os.PathLike):
        source = with_options(str(source), options)
    elif options != AS_IT_IS:
        raise TenfoldError(
            "labels, label_column, id_column and skip_broken say how a file or folder is read. "
            f"Received: {str(options).lstrip(':')} for {type(source).__qualname__} in memory"
        )
    return sources.load(source, image_decoder(ink))


def image_decoder(ink: bool) -> DecodeImage:
    """Return the function that decodes each image file of a class folder, with `ink` or without."""
    if not ink:
        return decode_image
    from tenfold.ink.drawings import decode_drawing

    return decode_drawing
