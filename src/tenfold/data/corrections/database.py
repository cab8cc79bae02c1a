"""The SQLite file that corrections are kept in: where it is, how it is opened, what it looks like.

A correction that `add` has returned for is on the disk: the file has a write-ahead log that is
synced with every transaction (`synchronous = FULL`), so that neither a killed process nor a power
failure takes it back, as far as the disk tells the truth about what it has written.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tenfold.data.atomic import expanded, sync_folder
from tenfold.errors import TenfoldError

DATA_FOLDER = "TENFOLD_DATA"  # the environment's name for the folder
FILE_NAME = "corrections.sqlite"
MAX_BYTES = 1 << 30
BUSY_SECONDS = 10.0  # while another process writes
APPLICATION_ID = 0x74656E66  # "tenf": what tells the file from other programs' of SQLite
VERSION = 1
_PAGE_BYTES = 4096

# A box is that of the digit, or of the line, in pixels of the upright picture: who corrects the
# same digit again means the last of the labels. AUTOINCREMENT, so that no id comes back for
# another correction once it was deleted. An image is missing where a line has another number of
# digits than were found on it.
_SCHEMA = """
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    classes TEXT NOT NULL,
    UNIQUE (digest, name)
);
CREATE TABLE inputs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('strokes', 'picture')),
    content BLOB NOT NULL,
    single INTEGER NOT NULL,
    region TEXT,
    page INTEGER NOT NULL,
    preview BLOB NOT NULL,
    view TEXT NOT NULL
);
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    input_id INTEGER NOT NULL REFERENCES inputs (id),
    model_id INTEGER NOT NULL REFERENCES models (id),
    created TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('digit', 'line')),
    label TEXT,
    answer TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    probability REAL NOT NULL,
    x INTEGER NOT NULL,
    y INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    image BLOB CHECK (image IS NULL OR length(image) = 784),
    UNIQUE (input_id, kind, x, y, width, height)
);
"""


def corrections_path() -> Path:
    """Return where corrections are kept: in `TENFOLD_DATA`, else in the user's data folder."""
    named = os.environ.get(DATA_FOLDER)
    if named:
        return expanded(named) / FILE_NAME
    from platformdirs import user_data_path  # 3 ms, which only who keeps corrections needs

    return user_data_path("tenfold", appauthor=False) / FILE_NAME


@contextmanager
def connection(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[sqlite3.Connection]:
    """Open the file, and create it and its folder where they are absent; close it afterwards.

    One connection for each call: several processes, and threads, may have the file open at once,
    and who deletes it loses nothing but what was in it.

    Args:
        path: of the file.
        max_bytes: how large it may get.

    Raises:
        TenfoldError: where it cannot be opened or written, is full or damaged, another process
            keeps it busy, or it is another program's or a newer Tenfold's.
    """
    with _errors_named(path, max_bytes):
        _create_file(path)
        with closing(sqlite3.connect(path, BUSY_SECONDS, isolation_level=None)) as opened:
            _prepare(opened, path, max_bytes)
            yield opened


@contextmanager
def transaction(opened: sqlite3.Connection) -> Iterator[None]:
    """Write all of a block or, where it raises, nothing."""
    opened.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if opened.in_transaction:  # a full disk has ended it already
            opened.execute("ROLLBACK")
        raise
    opened.execute("COMMIT")


def _create_file(path: Path) -> None:
    """Make an empty file that only its owner may read, before SQLite would make another."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:  # another process was faster
        return
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _prepare(opened: sqlite3.Connection, path: Path, max_bytes: int) -> None:
    opened.execute("PRAGMA foreign_keys = ON")
    opened.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    if _is_new(opened):
        opened.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _use_log(opened)
    opened.execute("PRAGMA synchronous = FULL")
    opened.execute(f"PRAGMA max_page_count = {max_bytes // _PAGE_BYTES}")
    if _is_new(opened):
        with transaction(opened):
            if _is_new(opened):
                for statement in _SCHEMA.split(";"):
                    opened.execute(statement)
                opened.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                opened.execute(f"PRAGMA user_version = {VERSION}")
    if _number(opened, "application_id") != APPLICATION_ID:
        raise TenfoldError(
            f"{path}: is another program's file, not one of Tenfold's corrections; move it away, "
            f"or name another folder ({DATA_FOLDER})"
        )
    version = _number(opened, "user_version")
    if version != VERSION:
        raise TenfoldError(
            f"{path}: was written by a newer Tenfold (format {version}; this one knows {VERSION}); "
            "upgrade Tenfold"
        )


def _use_log(opened: sqlite3.Connection) -> None:
    """Switch to a write-ahead log; SQLite does not wait by itself for who does it meanwhile."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            opened.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _is_new(opened: sqlite3.Connection) -> bool:
    return (
        _number(opened, "application_id") == 0
        and not opened.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    )


def _number(opened: sqlite3.Connection, pragma: str) -> int:
    return int(opened.execute(f"PRAGMA {pragma}").fetchone()[0])


_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FOREIGN = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@contextmanager
def _errors_named(path: Path, max_bytes: int) -> Iterator[None]:
    """Turn what SQLite and the system say into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise TenfoldError(
            f"{path}: corrections cannot be kept there: {error.strerror or error}; name another "
            f"folder ({DATA_FOLDER})"
        ) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise TenfoldError(f"{path}: {_reason(code, error, path, max_bytes)}") from error


def _reason(code: int, error: sqlite3.Error, path: Path, max_bytes: int) -> str:
    if code in _BUSY:
        return f"another process has kept it busy for {BUSY_SECONDS:g} s; try again"
    if code in _FOREIGN or isinstance(error, sqlite3.IntegrityError):
        return (
            "is no SQLite file, or is damaged; move it away, or name another folder "
            f"({DATA_FOLDER})"
        )
    if code == sqlite3.SQLITE_FULL:
        if path.exists() and path.stat().st_size >= max_bytes - (64 << 20):
            return f"is full ({max_bytes:,} bytes); export what is there, and delete some"
        return "the disk is full"
    return f"corrections cannot be kept there: {error}; name another folder ({DATA_FOLDER})"
