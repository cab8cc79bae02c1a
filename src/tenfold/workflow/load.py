"""Load a dataset from any source, drawings and photos of digits among them."""

from tenfold.data import source as sources
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.formats.format import DecodeImage
from tenfold.data.formats.image_folder import decode_image


def load(source: AnySource, ink: bool = False) -> Dataset:
    """Load images from any source; the format is detected from the file's contents.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), the path of a CSV,
            IDX, npy, npz or Parquet file, or of a folder or zip with one of these or with class
            folders of PNG or JPEG; a Dataset is returned as it is. Images in memory: an array or
            list of images, a pair (images, labels), a DataFrame, a data set of torch's or of
            Hugging Face's. `tenfold.data.source.load` says more.
        ink: take the images of class folders for drawings, scans or photos of one digit each, of
            any size, dark on bright or bright on dark, and convert them to MNIST's form. Other
            sources hold 28x28 digits already and are loaded as they are.

    Raises:
        TenfoldError: where nothing has that name, a value is invalid, or an image has no ink; the
            message names the file, and the row, column, member or image.
    """
    return sources.load(source, image_decoder(ink))


def image_decoder(ink: bool) -> DecodeImage:
    """Return the function that decodes each image file of a class folder, with `ink` or without."""
    if not ink:
        return decode_image
    from tenfold.ink.drawings import decode_drawing

    return decode_drawing
