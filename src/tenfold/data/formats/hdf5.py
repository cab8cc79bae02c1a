"""Read HDF5, as `usps.h5` and MATLAB's files of version 7.3, in a process of its own.

The library that parses HDF5 is written in C and is not made for hostile files: a damaged one may
end the process that reads it. What a child process has read comes back as an npz.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.child import Child
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
_MAX_MORE_BYTES = 8 << 30  # the arrays, and the npz made of them
_SECONDS = 60


def is_hdf5(head: bytes) -> bool:
    """Return whether bytes begin as HDF5 does, behind another's block or not."""
    return any(head[at : at + len(MAGIC)] == MAGIC for at in _USER_BLOCKS)


@contextmanager
def _open_hdf5(stream: BoundedReader) -> Iterator[NpzArrays]:
    with missing_extra_named(f"reading {stream.source}, an HDF5 file,", "formats"):
        import h5py  # noqa: F401  # here, where its absence can be named
    with arrays_of_child(stream, "tenfold.data.formats.hdf5_child:to_npz", "HDF5") as arrays:
        yield arrays


@contextmanager
def arrays_of_child(stream: BoundedReader, function: str, title: str) -> Iterator[NpzArrays]:
    """Read a file in a process of its own, whose `function` makes an npz of its bytes.

    Raises:
        TenfoldError: where it cannot be read, or ends the process.
    """
    content = stream.read_all(_MAX_BYTES)
    child = Child(_SECONDS, 2 * len(content) + _MAX_MORE_BYTES)
    try:
        npz = child.call(function, content, stream.source)
    except TenfoldError as error:
        reason = str(error).removeprefix(f"{stream.source}: ")
        raise TenfoldError(
            f"{stream.source}: cannot be read as {title} ({reason}); copy it again, or save its "
            "arrays as npz"
        ) from error
    finally:
        child.close()
    with open_zip(io.BytesIO(npz), stream.source) as archive:
        yield NpzArrays(Archive(archive, len(npz), stream.source))


FORMAT = Format(
    name="hdf5",
    title="HDF5",
    recognises=is_hdf5,
    read=ArraysReader(_open_hdf5),
)
