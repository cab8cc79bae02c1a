"""Write a file so that a killed process leaves the last complete one, never half of one."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tenfold.errors import TenfoldError

# What a write itself can fail with; any other OSError in the body is not about this file.
_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the name `path` only once it is complete and on the disk.

    The bytes go to a temporary name in the same folder, which is flushed, synced and renamed when
    the block ends. A block that raises leaves nothing behind and an existing `path` untouched.

    Raises:
        TenfoldError: where the folder is absent or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise _write_error(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and _is_write_error(error, temporary):
            raise _write_error(path, error) from error
        raise
    _sync_folder(path.parent)


def check_destination(path: str | Path, overwrite: bool) -> None:
    """Check, before the work, that a file could be written to `path`.

    Raises:
        TenfoldError: where its folder is absent, it is a folder itself, or it exists already and
            is not to be overwritten.
    """
    place = Path(path)
    if place.is_dir():
        raise TenfoldError(f"{path}: is a folder; name a file in it")
    if not place.parent.is_dir():
        raise TenfoldError(f"{path}: there is no folder {place.parent}; create it first")
    if place.exists() and not overwrite:
        raise TenfoldError(f"{path}: exists already; name another file, or use --overwrite")


def remove_temporary_files(folder: Path, name: str = "*") -> None:
    """Remove the temporary files that killed writes left in a folder.

    Args:
        folder: where they are.
        name: of the file that was being written, or a pattern.

    Raises:
        TenfoldError: where one cannot be removed.
    """
    for leftover in folder.glob(f".{name}.????????.tmp"):
        try:
            leftover.unlink(missing_ok=True)
        except OSError as error:
            raise _write_error(leftover, error) from error


def _is_write_error(error: OSError, temporary: Path) -> bool:
    return error.errno in _WRITE_ERRORS or str(error.filename) == str(temporary)


def _write_error(path: Path, error: OSError) -> TenfoldError:
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
