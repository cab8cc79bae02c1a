"""Read small files that were named by a person or by another file."""

import os
import stat
from pathlib import Path

from tenfold.errors import TenfoldError

MAX_BYTES = 2**31  # a model or a checkpoint: the largest of ours has 7 MB


def check_regular(path: Path, what: str) -> None:
    """Raise TenfoldError where a path is there and is no regular file."""
    if path.exists() and not path.is_file():
        raise TenfoldError(f"{path}: cannot read {what}: it is a pipe or a device")


def read_file(path: str | Path, what: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole regular file; a pipe or a device, which may never end, is refused.

    Args:
        path: the file.
        what: what it should be, as "the model file", for errors.
        max_bytes: how large it may be.

    Raises:
        TenfoldError: where it cannot be read, is no regular file or is too large.
    """
    try:
        # without O_NONBLOCK, opening a pipe waits until somebody writes to it
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise TenfoldError(f"{path}: cannot read {what}: it is a pipe or a device")
            # A read reserves what it may return: 2 GiB, more than a process with a limit may have.
            content = file.read(status.st_size + 1) if status.st_size <= max_bytes else None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TenfoldError(f"{path}: cannot read {what}: {reason}") from None
    if content is None or len(content) > max_bytes:  # or it grew meanwhile
        raise TenfoldError(f"{path}: cannot read {what}: it has more than {max_bytes:,} bytes")
    return content
