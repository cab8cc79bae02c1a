"""Write a file so that a killed process leaves the last whole one, never half of one."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tenfold.errors import TenfoldError

# What a write itself can fail with; any other OSError in the body is not about this file.
_WRITE_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the name `path` only once it is whole and on the disk.

    The bytes go to a temporary name in the same folder, which is flushed, synced and renamed when
    the block ends. A block that raises leaves nothing behind and what stood at `path` untouched.

    Raises:
        TenfoldError: where the folder is absent or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and _about_writing(error, temporary):
            raise _refusal(path, error) from error
        raise
    _sync_folder(path.parent)


def remove_temporary_files(folder: Path, name: str = "*") -> None:
    """Remove what writes that were killed left in a folder; `name` is that of the file, or any.

    Raises:
        TenfoldError: where there is one that cannot be removed.
    """
    for leftover in folder.glob(f".{name}.????????.tmp"):
        try:
            leftover.unlink(missing_ok=True)
        except OSError as error:
            raise _refusal(leftover, error) from error


def _about_writing(error: OSError, temporary: Path) -> bool:
    return error.errno in _WRITE_FAILURES or str(error.filename) == str(temporary)


def _refusal(path: Path, error: OSError) -> TenfoldError:
    return TenfoldError(f"{path}: cannot be written: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    # The rename itself reaches the disk only with its folder; Windows cannot open folders.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
