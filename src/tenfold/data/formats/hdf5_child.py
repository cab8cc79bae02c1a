"""What a child process does to read HDF5.

Links to other files, data kept in other files and virtual data sets are left out: a file could
otherwise give the bytes of any other.
"""

import io
import math
from typing import Any

import h5py
import numpy as np

from tenfold.errors import TenfoldError

_MAX_BYTES = 4 << 30
_MAX_ARRAYS = 1000


def to_npz(content: bytes) -> bytes:
    """Return the arrays of numbers of an HDF5 file as an npz.

    Raises:
        TenfoldError: where it is damaged, or has none; with the reason alone.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            arrays = _read(file, matlab=content.startswith(b"MATLAB 7.3"))
    except MemoryError:
        raise
    except Exception as error:  # h5py's errors are of many classes
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise TenfoldError(reason) from error
    npz = io.BytesIO()
    np.savez(npz, **arrays)
    return npz.getvalue()


def _read(file: Any, matlab: bool) -> dict[str, Any]:
    """Read every array of numbers; MATLAB's have their axes in reverse."""
    arrays: dict[str, Any] = {}
    left = _MAX_BYTES
    pending = [("", file, 0)]
    while pending:
        prefix, group, depth = pending.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if name.startswith("#") or not isinstance(link, h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group) and depth < 8:
                pending.append((f"{prefix}{name}/", item, depth + 1))
            if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual:
                continue
            if item.dtype.kind not in "biuf" or not item.shape:
                continue
            left -= math.prod(item.shape) * item.dtype.itemsize
            if left < 0 or len(arrays) >= _MAX_ARRAYS:
                raise ValueError("it declares more arrays or bytes than are read")
            arrays[f"{prefix}{name}"] = item[()].T if matlab else item[()]
    if not arrays:
        raise ValueError("it has no arrays of numbers")
    return arrays
