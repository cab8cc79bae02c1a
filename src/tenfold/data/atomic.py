"""Write a file so that a killed process leaves the last complete one, never half of one."""

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tenfold.errors import TenfoldError

# What a write itself can fail with; any other OSError in the body is not about this file.
_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

TEMPORARY = re.compile(r"\.(.*)\.[0-9a-f]{8}\.tmp", re.DOTALL)
WRITTEN = ".written"  # in a run's folder: the sha256 and the place of each file that it wrote
WRITTEN_DEPTH = 3  # folders: RUN/folds/1/model.onnx


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with `~` at its beginning replaced by the home folder, as a shell does."""
    return Path(os.path.expanduser(path))


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the name `path` only once it is complete and on the disk.

    The bytes go to a temporary name in the same folder, which is flushed, synced and renamed when
    the block ends. A block that raises leaves nothing behind and an existing `path` untouched. A
    file that is replaced hands on its permissions; of a link, the link is replaced. Below a folder
    with a `WRITTEN` the file's hash is added there.

    Raises:
        TenfoldError: where the folder is absent, `path` is a pipe, a device or a folder, or the
            file cannot be written.
    """
    path = expanded(path)
    mode = _replaceable_mode(path)
    remove_temporary_files(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise _write_error(path, error) from error
    try:
        with file:
            _lock(file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.chmod(temporary, mode)
        _record(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and _is_write_error(error, temporary):
            raise _write_error(path, error) from error
        raise
    sync_folder(path.parent)


def check_destination(
    path: str | Path, overwrite: bool, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Check, before the work, that a file could be written to `path`.

    Args:
        path: the file to write.
        overwrite: whether a file that is there already is to be replaced.
        inputs: what the file is made from, none of which it may be.

    Raises:
        TenfoldError: where it is `-`, its folder is absent, it is a folder, a pipe or a device
            itself, it exists already and is not to be overwritten, or it is one of the inputs.
    """
    place = expanded(path)
    if str(path) == "-":
        raise TenfoldError("-: stdout is not written to; name a file")
    if place.is_dir():
        raise TenfoldError(f"{path}: is a folder; name a file in it")
    if not place.parent.is_dir():
        raise TenfoldError(f"{path}: there is no folder {place.parent}; create it first")
    _replaceable_mode(place)
    for one in map(expanded, inputs):
        if place.exists() and os.path.exists(one) and place.samefile(one):
            raise TenfoldError(f"{path}: is what is read here; name another file to write")
    if os.path.lexists(place) and not overwrite:
        raise TenfoldError(f"{path}: exists already; name another file, or use --overwrite")


def remove_temporary_files(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files that this user's killed processes left in a folder.

    Args:
        folder: where they are.
        name: of the file that was being written; None for any.

    Raises:
        TenfoldError: where one cannot be removed.
    """
    if not folder.is_dir():
        return
    for leftover in folder.iterdir():
        found = TEMPORARY.fullmatch(leftover.name)
        if found is None or (name is not None and found[1] != name):
            continue
        try:
            if _is_own(leftover):
                remove_leftover(leftover)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _write_error(leftover, error) from error


def remove_leftover(path: Path) -> None:
    """Remove a temporary file or folder, unless a process that is still alive writes it.

    Raises:
        OSError: where it is gone, or cannot be removed.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not _lock(descriptor):
            return
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Make a folder beside `path`, which is gone when the block ends; the block may rename it.

    Folders that killed processes left there are removed.

    Args:
        path: the name that it may be renamed to.
        mode: its permissions, of which the umask takes some away.

    Raises:
        OSError: where it cannot be made.
    """
    remove_temporary_files(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(mode)
    descriptor = os.open(temporary, os.O_RDONLY) if os.name != "nt" else None
    try:
        if descriptor is not None:
            _lock(descriptor)
        yield temporary
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for files that a library needs by name; it is gone when the block ends.

    It is where temporary files are (`TMPDIR`), and of nobody else's use. A killed process leaves
    its own, which the next one removes.

    Raises:
        TenfoldError: where it cannot be made, or the disk is full.
    """
    place = Path(tempfile.gettempdir()) / "tenfold"
    try:
        with temporary_folder(place, 0o700) as folder:
            yield folder
    except OSError as error:
        of_it = str(error.filename or "").startswith(str(place.with_name(".tenfold.")))
        if of_it or error.errno in _WRITE_ERRORS:
            reason = error.strerror or error
            raise TenfoldError(
                f"{place.parent}: temporary files cannot be written there: {reason}; set TMPDIR to "
                "another folder"
            ) from error
        raise


def _is_own(path: Path) -> bool:
    return sys.platform == "win32" or path.lstat().st_uid == os.getuid()


def _lock(descriptor: int) -> bool:
    """Lock an open file for as long as this process has it open; False where another has it.

    Where the system has no such locks, it counts as another's.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def written_hashes(folder: Path) -> set[tuple[str, str]]:
    """Return the sha256 and the place of all that was ever written below a folder with `WRITTEN`.

    Places are relative to the folder, with `/`.
    """
    try:
        lines = (folder / WRITTEN).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return set()
    return {(digest, place) for digest, _, place in (line.partition("  ") for line in lines)}


def file_hash(path: Path) -> str:
    """Return the sha256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record(path: Path, temporary: Path) -> None:
    """Add a file that is about to take its name to the `WRITTEN` of the folder that it is in.

    Before it has the name: a file that is there and not known would count as somebody else's.
    """
    for folder in list(path.parents)[:WRITTEN_DEPTH]:
        record = folder / WRITTEN
        if record.is_file():
            place = path.relative_to(folder).as_posix()
            with record.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write(f"{file_hash(temporary)}  {place}\n")
            return


def _replaceable_mode(path: Path) -> int | None:
    """Give the permissions of a file that is there, or None; what is no file raises."""
    try:
        status = path.stat()
    except OSError:  # nothing there, or nothing that can be seen: writing will tell
        return None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise TenfoldError(f"{path}: is {what}, which is not replaced by a file; name a file")
    return stat.S_IMODE(status.st_mode)


def _is_write_error(error: OSError, temporary: Path) -> bool:
    return error.errno in _WRITE_ERRORS or str(error.filename) == str(temporary)


def _write_error(path: Path, error: OSError) -> TenfoldError:
    return TenfoldError(f"{path}: cannot be written: {error.strerror or error}")


def sync_folder(folder: Path) -> None:
    """Write a folder's list of names to the disk: a new name reaches it only with its folder."""
    if os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
