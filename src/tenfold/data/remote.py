"""Files on this machine and elsewhere alike: `s3://`, `https://` and what else fsspec opens."""

import errno
import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from tenfold.data.atomic import expanded
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BLOCK = 4 << 20  # bytes that are fetched at once: 32 requests for a shard of 128 MB
# Hidden files, and what operating systems add unasked.
_HIDDEN = re.compile(r"(^|/)(\..*|__MACOSX|Thumbs\.db|desktop\.ini)(/|$)")

_JOB = {"job.json", "shards.jsonl"}
# What says that a disk or a network drive is not there, and nothing of the file.
_AWAY = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENODEV}
_AWAY |= {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class UnreachableError(TenfoldError):
    """A file elsewhere that could not be had this time: no verdict on the file itself."""


class Listed(NamedTuple):
    """A file that was found.

    Args:
        folder: what it was found in, as the user named it; "" for the working folder.
        name: its path in that folder, with `/`.
    """

    folder: str
    name: str

    @property
    def path(self) -> str:
        """Its whole path or URL."""
        return f"{self.folder.rstrip('/')}/{self.name}" if self.folder else self.name


def is_url(word: str) -> bool:
    """Return whether a word is a URL."""
    return _URL.match(word) is not None


def is_pattern(word: str) -> bool:
    """Return whether a word is a glob, and no file of that name."""
    if is_url(word):
        return not word.lower().startswith("http") and glob.has_magic(word)
    return glob.has_magic(word) and not os.path.lexists(os.path.expanduser(word))


def list_files(word: str) -> list[Listed]:
    """Find the files that a word stands for, sorted; without hidden ones, and folders of jobs.

    Args:
        word: a file, a folder with all that is below it, or a glob (`**` is any depth); a URL of
            any of these, where what it names can be listed.

    Raises:
        TenfoldError: where nothing has that name, or it cannot be read.
    """
    found = _list_remote(word) if is_url(word) else _list_local(word)
    if not found:
        raise TenfoldError(f"{word}: there is no file in it; name another folder or glob")
    return sorted(found)


def _list_local(word: str) -> list[Listed]:
    path = str(expanded(word))
    if is_pattern(word):
        folder = _fixed_part(path)
        names = glob.glob(path, recursive=True)
        files = [name for name in names if os.path.isfile(name)]
        if "**" not in path:  # as a shell would give them: folders, with what is below
            files += [found.path for name in names if os.path.isdir(name) for found in _walk(name)]
        return [Listed(folder, os.path.relpath(name, folder or ".")) for name in files]
    if os.path.isdir(path):
        return list(_walk(path))
    if not os.path.exists(path):
        raise TenfoldError(f"{word}: there is no such file or folder; name another")
    return [Listed(os.path.dirname(path), os.path.basename(path))]


def _walk(folder: str) -> Iterator[Listed]:
    def refuse(error: OSError) -> None:
        raise TenfoldError(f"{error.filename}: cannot be read: {error.strerror or error}")

    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)  # a link may lead back, or to what has been listed
        # and what an earlier job wrote among its sources is none of them
        if real in seen or set(files) >= _JOB:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not _HIDDEN.search(name)]
        for name in files:
            path = os.path.join(place, name)
            # opening a pipe or a device would block
            if not _HIDDEN.search(name) and (os.path.isfile(path) or not os.path.exists(path)):
                yield Listed(folder, Path(os.path.relpath(path, folder)).as_posix())


def _fixed_part(pattern: str) -> str:
    """Return the folder of a glob that has nothing to match in it; "" for the working folder."""
    kept = []
    for part in pattern.split("/")[:-1]:
        if glob.has_magic(part):
            break
        kept.append(part)
    return "/".join(kept) or ("/" if pattern.startswith("/") else "")


def _list_remote(word: str) -> list[Listed]:
    if word.lower().startswith("http"):  # a web server has files, and no folders
        if "*" in word:
            raise TenfoldError(f"{word}: a web server cannot be searched; name each file")
        folder, _, name = word.rpartition("/")
        return [Listed(folder, name)]
    filesystem, path = _filesystem(word)
    with _remote_errors(word):
        if is_pattern(word):
            folder, found = _fixed_part(path), filesystem.glob(path)
        else:
            folder, found = path.rstrip("/"), filesystem.find(path)
            if not found:
                filesystem.info(path)  # raises where it is absent or denied, and says which
            if found == [folder]:
                folder = folder.rpartition("/")[0]
    inside = [one.removeprefix(folder).lstrip("/") for one in found]
    root = f"{word.partition('://')[0]}://{folder}"
    return [Listed(root, name) for name in inside if name and not _HIDDEN.search(name)]


@contextmanager
def open_file(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, wherever it is; it can be sought in.

    Raises:
        TenfoldError: where it cannot be opened, and where reading it fails within the block.
    """
    if is_url(path):
        filesystem, place = _filesystem(path)
        with _remote_errors(path), filesystem.open(place, "rb", block_size=_BLOCK) as file:
            yield file
        return
    try:
        file = expanded(path).open("rb")
    except OSError as error:
        raise _local_error(path, error) from error
    with file:
        yield file


def read_whole(path: str, max_bytes: int) -> bytes:
    """Read a whole file of at most `max_bytes`. Raises TenfoldError where that cannot be done."""
    with open_file(path) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise _local_error(path, error) from error
    if len(content) > max_bytes:
        raise TenfoldError(f"{path}: has more than {max_bytes:,} bytes and is not read")
    if not content:
        raise TenfoldError(f"{path}: is an empty file; copy it again")
    return content


def _local_error(path: str, error: OSError) -> TenfoldError:
    """Make the error for a file of this machine; Unreachable where its disk is what failed."""
    kind = UnreachableError if error.errno in _AWAY else TenfoldError
    return kind(f"{path}: cannot be read: {error.strerror or error}")


def stamp(path: str) -> tuple[int, str]:
    """Return a file's size, and what else tells it from the same file once it was changed.

    Raises:
        TenfoldError: where it cannot be read.
    """
    if is_url(path):
        filesystem, place = _filesystem(path)
        filesystem.invalidate_cache()  # what was listed an hour ago may be gone
        with _remote_errors(path):
            info = filesystem.info(place)
        size = info.get("size")
        return -1 if size is None else int(size), str(info.get("ETag") or info.get("mtime") or "")
    try:
        found = os.stat(expanded(path))
    except OSError as error:
        raise TenfoldError(f"{path}: cannot be read: {error.strerror or error}") from error
    return found.st_size, str(found.st_mtime_ns)


def _filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path in it.

    Credentials are those of the environment, as each system's own tools take them.
    """
    with missing_extra_named(url, "remote"):
        import fsspec

        try:
            filesystem, path = fsspec.core.url_to_fs(url)
        except ImportError as error:  # a scheme whose library is not installed
            if url.startswith(("s3:", "http")):
                name = "s3fs" if url.startswith("s3:") else "aiohttp"
                raise ModuleNotFoundError(name=name) from error
            raise TenfoldError(f"{url}: {error}") from error
        except ValueError as error:
            raise TenfoldError(f"{url}: {error}; give s3:// or https://") from error
    return filesystem, str(path)


@contextmanager
def _remote_errors(url: str) -> Iterator[None]:
    """Turn what remote file systems raise, each in its own way, into one line."""
    try:
        yield
    except (TenfoldError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise TenfoldError(f"{url}: there is nothing of that name ({_reason(error)})") from error
    except PermissionError as error:
        raise UnreachableError(
            f"{url}: access is denied ({_reason(error)}); look at the credentials in the "
            "environment"
        ) from error
    except Exception as error:
        module = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError) and module not in ("aiohttp", "botocore", "aiobotocore"):
            raise
        raise UnreachableError(f"{url}: cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:150] or type(error).__name__
