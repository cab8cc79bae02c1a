"""Read MATLAB's `.mat` files: of version 5 with SciPy, of version 7.3 as the HDF5 that they are."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import BoundedReader
from tenfold.data.formats.format import ArrayInfo, ArraysReader, Format, NamedArrays
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

_MAGIC = b"MATLAB 5.0 MAT-file"
_MAX_BYTES = 2 << 30
_MAX_DEPTH = 4


class MatArrays(NamedArrays):
    """The arrays of a `.mat`; the fields of a struct are divided by `/`."""

    def __init__(self, source: str, arrays: dict[str, NDArray[Any]]) -> None:
        infos = {name: ArrayInfo(array.shape, array.dtype.kind) for name, array in arrays.items()}
        super().__init__(source, infos)
        self._arrays = arrays

    def read(self, name: str) -> NDArray[Any]:
        """Return one array."""
        return self._arrays[name]


@contextmanager
def _open_mat(stream: BoundedReader) -> Iterator[MatArrays]:
    with missing_extra_named(f"reading {stream.source}, a MATLAB file,", "formats"):
        from scipy.io import loadmat

    content = stream.read_all(_MAX_BYTES)
    try:
        # Functions and objects stay unread; nothing of a .mat is run.
        found = loadmat(io.BytesIO(content))
    except Exception as error:  # SciPy fails in many ways on broken files
        reason = " ".join(str(error).split())[:100]
        raise TenfoldError(
            f"{stream.source}: is not a MATLAB file, or damaged ({reason}); copy it again"
        ) from error
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in found.items():
        if not name.startswith("__"):
            _flatten(name, value, arrays, 0)
    yield MatArrays(stream.source, arrays)


def _flatten(name: str, value: Any, arrays: dict[str, NDArray[Any]], depth: int) -> None:
    """Collect the arrays of numbers in a variable, which may be a struct of structs."""
    if not isinstance(value, np.ndarray) or depth > _MAX_DEPTH:
        return
    if value.dtype.names is not None:
        for field in value.dtype.names if value.size == 1 else ():
            _flatten(f"{name}/{field}", value.reshape(-1)[0][field], arrays, depth + 1)
    elif value.dtype.kind in "biuf" and value.size > 1:
        arrays[name] = value


FORMAT = Format(
    name="mat",
    title="MATLAB",
    recognises=lambda head: head.startswith(_MAGIC),
    read=ArraysReader(_open_mat),
)
