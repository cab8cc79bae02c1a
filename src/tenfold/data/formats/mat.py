"""Read MATLAB's `.mat` files: of version 5 with SciPy, of version 7.3 as the HDF5 that they are.

SciPy's reader is compiled and trusts what a file says: a damaged one ended the process that read
it. So it runs in one of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tenfold.data.archives import BoundedReader
from tenfold.data.formats.format import ArraysReader, Format
from tenfold.data.formats.hdf5 import arrays_of_child
from tenfold.data.formats.npz import NpzArrays
from tenfold.extras import missing_extra_named

_MAGIC = b"MATLAB 5.0 MAT-file"


@contextmanager
def _open_mat(stream: BoundedReader) -> Iterator[NpzArrays]:
    with missing_extra_named(f"reading {stream.source}, a MATLAB file,", "formats"):
        import scipy.io  # noqa: F401  # here, where its absence can be named
    child = "tenfold.data.formats.mat_child:to_npz"
    with arrays_of_child(stream, child, "a MATLAB file") as arrays:
        yield arrays


FORMAT = Format(
    name="mat",
    title="MATLAB",
    recognises=lambda head: head.startswith(_MAGIC),
    read=ArraysReader(_open_mat),
)
