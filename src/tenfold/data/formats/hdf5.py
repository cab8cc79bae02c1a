"""Read HDF5, as `usps.h5` and MATLAB's files of version 7.3, in a process of its own.

The library that parses HDF5 is written in C and is not made for hostile files: a damaged one may
end the process that reads it. What a child process has read comes back as an npz.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenfold.data.archives import BoundedReader, open_zip
from tenfold.data.formats.format import ArraysReader, Format
from tenfold.data.formats.npz import NpzArrays
from tenfold.data.tree import Archive
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

MAGIC = b"\x89HDF\r\n\x1a\n"
_MATLAB = b"MATLAB 7.3 MAT-file"
_USER_BLOCKS = (0, 512, 1024, 2048)  # HDF5 may begin behind a block of another's
_MAX_BYTES = 2 << 30
_SECONDS = 120


def is_hdf5(head: bytes) -> bool:
    """Return whether bytes begin as HDF5 does, behind another's block or not."""
    return any(head[at : at + len(MAGIC)] == MAGIC for at in _USER_BLOCKS)


@contextmanager
def _open_hdf5(stream: BoundedReader) -> Iterator[NpzArrays]:
    with missing_extra_named(f"reading {stream.source}, an HDF5 file,"):
        import h5py  # noqa: F401  # here, where its absence can be named
    content = stream.read_all(_MAX_BYTES)
    command = [sys.executable, "-P", str(Path(__file__).with_name("hdf5_child.py"))]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise TenfoldError(
            f"{stream.source}: took more than {_SECONDS} s to read, and is rejected"
        ) from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = " ".join(lines[-1].split())[:150] if lines else f"status {done.returncode}"
        raise TenfoldError(
            f"{stream.source}: cannot be read as HDF5 ({reason}); copy it again, or save its "
            "arrays as npz"
        )
    with open_zip(io.BytesIO(done.stdout), stream.source) as archive:
        yield NpzArrays(Archive(archive, len(done.stdout), stream.source))


FORMAT = Format(
    name="hdf5",
    title="HDF5",
    recognises=is_hdf5,
    read=ArraysReader(_open_hdf5),
)
