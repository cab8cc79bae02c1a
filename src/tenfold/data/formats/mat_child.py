"""What a child process does to read MATLAB's `.mat` of version 5."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from tenfold.errors import TenfoldError

_MAX_DEPTH = 4


def to_npz(content: bytes) -> bytes:
    """Return the arrays of numbers of a file as an npz; the fields of a struct behind a `/`.

    Raises:
        TenfoldError: where it is damaged; with the reason alone.
    """
    try:
        # Functions and objects stay unread; nothing of a .mat is run.
        found = loadmat(io.BytesIO(content))
    except MemoryError:
        raise
    except Exception as error:  # SciPy fails in many ways on broken files
        raise TenfoldError(" ".join(str(error).split())[:100] or type(error).__name__) from error
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in found.items():
        if not name.startswith("__"):
            _flatten(name, value, arrays, 0)
    npz = io.BytesIO()
    np.savez(npz, **arrays)  # type: ignore[arg-type]
    return npz.getvalue()


def _flatten(name: str, value: Any, arrays: dict[str, NDArray[Any]], depth: int) -> None:
    """Collect the arrays of numbers in a variable, which may be a struct of structs."""
    if not isinstance(value, np.ndarray) or depth > _MAX_DEPTH:
        return
    if value.dtype.names is not None:
        for field in value.dtype.names if value.size == 1 else ():
            _flatten(f"{name}/{field}", value.reshape(-1)[0][field], arrays, depth + 1)
    elif value.dtype.kind in "biuf" and value.size > 1:
        arrays[name] = value
