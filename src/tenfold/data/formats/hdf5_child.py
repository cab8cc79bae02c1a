"""The child process that reads HDF5: from stdin, to an npz on stdout.

Links to other files, data kept in other files and virtual data sets are left out: a file could
otherwise give the bytes of any other. On failure the last line of stderr is the reason.
"""

import contextlib
import io
import math
import sys
from typing import Any

import h5py
import numpy as np

_MAX_BYTES = 4 << 30
_MAX_MORE_BYTES = 4 << 30
_MAX_ARRAYS = 1000


def main() -> int:
    """Read, and return the exit status."""
    content = sys.stdin.buffer.read()
    _bound_memory(len(content))
    matlab = content.startswith(b"MATLAB 7.3")
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            arrays = _read(file, matlab)
    except Exception as error:
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        return 1
    np.savez(sys.stdout.buffer, **arrays)
    return 0


def _bound_memory(size: int) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = 2 * size + _MAX_MORE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


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


if __name__ == "__main__":
    sys.exit(main())
