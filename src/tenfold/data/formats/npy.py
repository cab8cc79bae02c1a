"""Read NumPy's `.npy`: one array a file; nothing is ever unpickled."""

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tenfold.data.archives import MAX_BYTES, BoundedReader
from tenfold.data.formats.format import ArrayInfo, ArrayReader, Format
from tenfold.errors import TenfoldError

_MAGIC = b"\x93NUMPY"


def read_npy_array(stream: BoundedReader) -> NDArray[Any]:
    """Read one array.

    Raises:
        TenfoldError: where it is no `.npy`, holds objects, or is shorter than its header says.
    """
    try:
        shape, fortran_order, dtype = _read_header(stream)
    except TenfoldError:
        raise
    except Exception as error:  # a corrupted header fails in many ways, tokenizing among them
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(f"{stream.source}: is not a NumPy array ({reason})") from error
    if dtype.hasobject:
        raise TenfoldError(
            f"{stream.source}: holds Python objects, which are never unpickled; save plain numbers "
            "or text"
        )
    if dtype.fields is not None or dtype.subdtype is not None:
        raise TenfoldError(f"{stream.source}: must hold plain numbers or text. Received: {dtype}")
    needed = math.prod(shape) * dtype.itemsize
    if needed > MAX_BYTES or min(shape, default=0) < 0:
        raise TenfoldError(
            f"{stream.source}: its header declares {needed:,} bytes, more than "
            f"{MAX_BYTES >> 30} GiB, and is rejected. Received: {list(shape)}"
        )
    content = stream.read_exactly(needed)
    if dtype.itemsize == 0:
        raise TenfoldError(f"{stream.source}: holds only empty text. Received: {dtype}")
    array = np.frombuffer(content, dtype)
    return array.reshape(shape, order="F" if fortran_order else "C")


def _read_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    # NumPy bounds the header's length, and evaluates literals alone.
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read_header(stream)


def npy_info(head: bytes) -> ArrayInfo | None:
    """Return what the header says of the array; None where it is damaged, or says objects."""
    try:
        shape, _, dtype = _read_header(io.BytesIO(head))
    except Exception:  # as when the array is read, where it is reported
        return None
    return None if dtype.hasobject else ArrayInfo(shape, dtype.kind)


FORMAT = Format(
    name="npy",
    title="npy",
    recognises=lambda head: head.startswith(_MAGIC),
    read=ArrayReader(read_npy_array, npy_info),
)
