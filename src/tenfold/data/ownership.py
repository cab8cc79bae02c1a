"""What of a folder Tenfold wrote itself, and may remove to write it anew."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tenfold.data.atomic import TEMPORARY, WRITTEN, file_hash, written_hashes
from tenfold.errors import TenfoldError

# TensorBoard writes these itself.
EVENTS = re.compile(r"tensorboard/events\.out\.tfevents\.[^/]+")
# Made before the first file in them; a run that is stopped then leaves them empty.
EMPTY = re.compile(r"plots|tensorboard|(folds|members)(/\d+)?")


def owned(
    folder: Path, names: frozenset[str] | None = None, apart: frozenset[str] = frozenset()
) -> tuple[list[Path], list[Path]]:
    """List what Tenfold wrote in a folder: what has the place and the sha256 of its record.

    Args:
        folder: has a `WRITTEN`.
        names: what a file or folder directly in it may be called; None for anything.
        apart: folders directly in it that have a `WRITTEN` of their own, and are left out.

    Returns:
        The files and the folders in it.

    Raises:
        TenfoldError: where there is anything else.
    """
    if not (folder / WRITTEN).is_file():
        raise TenfoldError(
            f"{folder}: exists and is not a run or an export of this Tenfold's (it has no "
            f"{WRITTEN}), so it is not replaced; name another folder"
        )
    known = written_hashes(folder)
    files = []
    for file in _files(folder):
        place = file.relative_to(folder).as_posix()
        if place.split("/")[0] in apart:
            continue
        if file.is_symlink() or not file.is_file():
            raise _strange(folder, place, "is a link, a pipe or a device")
        is_own = TEMPORARY.fullmatch(file.name) or EVENTS.fullmatch(place)
        # what a person had Tenfold write here, as predictions, is recorded too, and is theirs
        may_be_own = names is None or place.split("/")[0] in names
        is_known = may_be_own and (file_hash(file), place) in known
        if not is_own and not is_known:
            changed = any(place == other for _, other in known)
            raise _strange(folder, place, "was changed since" if changed else "is something else")
        files.append(file)
    folders = [
        inner
        for inner in _folders(folder)
        if not inner.is_symlink() and inner.relative_to(folder).parts[0] not in apart
    ]
    for inner in folders:
        place = inner.relative_to(folder).as_posix()
        if not any(inner.iterdir()) and not EMPTY.fullmatch(place):
            raise _strange(folder, place, "is something else")
    return files, folders


def empty(folder: Path, names: frozenset[str] | None = None, first: str = "") -> None:
    """Remove what Tenfold wrote in a folder.

    Args:
        folder: has a `WRITTEN`, which goes last.
        names: what a file or folder directly in it may be called; None for anything.
        first: the file that goes first: what is left half-way is not a run.

    Raises:
        TenfoldError: where there is anything else, before anything goes; or where a file cannot be
            removed.
    """
    files, folders = owned(folder, names)
    files.sort(key=lambda file: file != folder / first)
    try:
        for file in files:
            file.unlink()
        for inner in sorted(folders, reverse=True):  # the innermost first
            inner.rmdir()
        (folder / WRITTEN).unlink()
    except OSError as error:
        raise TenfoldError(f"{error.filename}: cannot be removed: {error.strerror}") from None


def record(folder: Path) -> None:
    """Write the `WRITTEN` of a folder: all files that are in it."""
    lines = (
        f"{file_hash(file)}  {file.relative_to(folder).as_posix()}\n"
        for file in sorted(_files(folder))
    )
    text = "".join(lines).encode("utf-8", "surrogateescape")
    (folder / WRITTEN).write_bytes(text)


def check_links(folder: Path) -> None:
    """Raise TenfoldError where a folder of a run leads elsewhere: what is written there is not."""
    for inner in _folders(folder):
        if inner.is_symlink():
            raise TenfoldError(
                f"{inner}: is a link to another place, and a run is one folder; put a folder there"
            )


def _strange(folder: Path, place: str, what: str) -> TenfoldError:
    return TenfoldError(
        f"{folder}: holds more than Tenfold wrote ({place!r} {what}), so it is not replaced; move "
        "that away, or name another folder"
    )


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*files, *(one for one in folders if os.path.islink(os.path.join(root, one)))):
            if Path(root, name) != folder / WRITTEN:
                yield Path(root, name)


def _folders(folder: Path) -> list[Path]:
    return [Path(root, name) for root, folders, _ in os.walk(folder) for name in folders]
