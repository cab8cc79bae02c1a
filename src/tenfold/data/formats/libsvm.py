"""Read LIBSVM's sparse text, a row `LABEL INDEX:VALUE ...` an image, with scikit-learn."""

import io
import re

import numpy as np

from tenfold.data.archives import BoundedReader
from tenfold.data.dataset import PIXELS, Dataset
from tenfold.data.formats.format import Format
from tenfold.data.label_arrays import attach_array
from tenfold.data.pixels import to_images
from tenfold.data.sizes import side_of
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

_ROW = re.compile(rb"\s*[+-]?[0-9][0-9.e+-]*( +[0-9]{1,6}:[+-]?[0-9][0-9.e+-]*){2,}")
_MAX_LEVELS = 16  # whole numbers above are bytes
_SIDES = (8, 16, 20, 28, 32)
_MAX_BYTES = 2 << 30


def _read_libsvm(stream: BoundedReader, source: str, options: ReadOptions) -> Dataset:
    """Read sparse rows. The image's side is the smallest usual one that has room for all indices.

    Raises:
        TenfoldError: where a row is damaged, or an index lies outside every usual image.
    """
    with missing_extra_named(f"reading {stream.source}, a LIBSVM file,", "formats"):
        from sklearn.datasets import load_svmlight_file

    content = stream.read_all(_MAX_BYTES)
    try:
        table, labels = load_svmlight_file(io.BytesIO(content), dtype=np.float32)
    except Exception as error:
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{stream.source}: is not a LIBSVM file, or damaged ({reason}); copy it again"
        ) from error
    rows, columns = table.shape
    side = side_of(columns) or next((s for s in _SIDES if s * s >= columns), 0)
    if not side or not rows:
        raise TenfoldError(
            f"{stream.source}: must have {PIXELS} pixels a row, or those of another square of up "
            f"to {_SIDES[-1]} x {_SIDES[-1]}. Received: {rows:,} rows, indices up to {columns:,}"
        )
    table.resize(rows, side * side)
    pixels = table.toarray()
    if pixels.max(initial=0) > _MAX_LEVELS and (pixels == np.trunc(pixels)).all():
        pixels = pixels.astype(np.int32)
    images, notes = to_images(pixels, stream.source, any_size=True)
    return attach_array(Dataset(images, None, source=source, notes=notes), labels, stream.source)


FORMAT = Format(
    name="libsvm",
    title="LIBSVM",
    recognises=lambda head: _ROW.match(head) is not None,
    read=_read_libsvm,
)
