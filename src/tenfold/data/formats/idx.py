"""Read and write IDX, the format in which MNIST is distributed: one array a file."""

import gzip
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import MAX_BYTES, BoundedReader
from tenfold.data.atomic import atomic_write
from tenfold.data.dataset import Dataset
from tenfold.data.formats.format import ArrayInfo, ArrayReader, Format, Writer
from tenfold.data.pixels import other_classes
from tenfold.errors import TenfoldError

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_CODES = {np.dtype("u1"): 8, np.dtype("i4"): 12}


def _is_idx(head: bytes) -> bool:
    """Return whether bytes begin as IDX does: two zeros, a type of number, 1-4 dimensions."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= 4


def _info(head: bytes) -> ArrayInfo | None:
    if len(head) < 4 + 4 * head[3]:
        return None
    kind = np.dtype(_TYPES[head[2]]).kind
    return ArrayInfo(struct.unpack(f">{head[3]}I", head[4 : 4 + 4 * head[3]]), kind)


def _has_idx_name(name: str) -> bool:
    return "idx" in name.lower() or "ubyte" in name.lower()


def _read_idx_array(stream: BoundedReader) -> NDArray[Any]:
    """Read one IDX file.

    Raises:
        TenfoldError: where the first bytes are not IDX's, or the file is longer or shorter than
            its header says.
    """
    magic = stream.read_exactly(4)
    if not _is_idx(magic):
        raise TenfoldError(
            f"{stream.source}: is not IDX, which begins 00 00 08 03 for images and 00 00 08 01 "
            f"for labels. Received: {magic.hex(' ')}"
        )
    shape = struct.unpack(f">{magic[3]}I", stream.read_exactly(4 * magic[3]))
    dtype = np.dtype(_TYPES[magic[2]])
    needed = math.prod(shape) * dtype.itemsize
    if needed > MAX_BYTES:
        raise TenfoldError(
            f"{stream.source}: its header declares {needed:,} bytes, more than "
            f"{MAX_BYTES >> 30} GiB, and is rejected. Received: {list(shape)}"
        )
    content = stream.read_exactly(needed)
    if stream.peek(1):
        raise TenfoldError(
            f"{stream.source}: is longer than the {needed:,} bytes that its header declares; "
            "download or copy it again"
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _write_idx(folder: Path, sets: dict[str, Dataset]) -> None:
    """Write `PART-images-idx3-ubyte.gz`, and beside it labels and, if not 0-9, class names."""
    for part, dataset in sets.items():
        prefix = folder / _prefix(part)
        _write_array(Path(f"{prefix}-images-idx3-ubyte.gz"), dataset.images)
        if dataset.labels is None:
            continue
        dtype = np.uint8 if len(dataset.classes) <= 256 else np.int32
        _write_array(Path(f"{prefix}-labels-idx1-ubyte.gz"), dataset.labels.astype(dtype))
        if other_classes(dataset.classes):
            with atomic_write(f"{prefix}-classes.json") as file:
                file.write(json.dumps(dataset.classes, ensure_ascii=False).encode())


def _file_names(sets: dict[str, Dataset]) -> list[str]:
    names = []
    for part, dataset in sets.items():
        prefix = _prefix(part)
        names.append(f"{prefix}-images-idx3-ubyte.gz")
        if dataset.labels is not None:
            names.append(f"{prefix}-labels-idx1-ubyte.gz")
            names += [f"{prefix}-classes.json"] * bool(other_classes(dataset.classes))
    return names


def _prefix(part: str) -> str:
    return "t10k" if part == "test" else part  # as MNIST's own files


def _write_array(path: Path, array: NDArray[Any]) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _CODES[array.dtype], array.ndim, *array.shape)
    content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder(">")).tobytes()
    with atomic_write(path) as file, gzip.GzipFile("", "wb", 6, file, 0) as compressed:
        compressed.write(header + content)


FORMAT = Format(
    name="idx",
    title="IDX",
    recognises=_is_idx,
    read=ArrayReader(_read_idx_array, _info),
    has_name=_has_idx_name,
    writer=Writer(_file_names, _write_idx),
)
