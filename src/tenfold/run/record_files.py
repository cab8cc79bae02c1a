"""A run's records as JSON files, checked when they are read."""

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tenfold.data.atomic import atomic_write
from tenfold.data.files import read_file
from tenfold.errors import TenfoldError
from tenfold.run.records import FORMAT

MAX_RECORD = 2**26  # bytes: the confusion of 1,000 classes has 5 MB

Record = TypeVar("Record", bound=msgspec.Struct)


def read_record(file: Path, record: type[Record]) -> Record:
    """Read a record.

    Raises:
        TenfoldError: where the file cannot be read, is damaged, or a key is absent or of another
            type; the message names the file and the key.
    """
    try:
        return msgspec.convert(_read_json(file), record, strict=True)
    except msgspec.ValidationError as error:
        raise TenfoldError(
            f"{file}: does not have the form of this version: {error}; copy the run again, or "
            "train anew"
        ) from None


def write_record(file: Path, record: msgspec.Struct) -> None:
    """Write a record, whole or not at all. Raises ValueError where a number is NaN."""
    # not msgspec's own encoder: it writes NaN as null
    text = json.dumps(msgspec.to_builtins(record), indent=1, allow_nan=False)
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:  # lone surrogates: bytes of a name that are no UTF-8
        raise TenfoldError(
            f"{file}: cannot be written: a name in it is not valid Unicode; rename the "
            "file or folder"
        ) from None
    with atomic_write(file) as stream:
        stream.write(f"{text}\n".encode())


def check_format(environment_file: Path) -> None:
    """Raise TenfoldError where a newer Tenfold made the run: its records need not fit ours."""
    if not environment_file.is_file():  # a run may be killed before it is written
        return
    found = _read_json(environment_file).get("format", FORMAT)
    if not isinstance(found, int) or found > FORMAT:
        maker = made_by(environment_file)
        raise TenfoldError(
            f"{environment_file.parent}: was made by a newer Tenfold"
            f"{f' ({maker})' if maker else ''}: its format is {found!r}, and this one reads up to "
            f"{FORMAT}; upgrade Tenfold"
        )


def made_by(environment_file: Path) -> str | None:
    """Return the version of Tenfold that made the run, where that is known."""
    if not environment_file.is_file():
        return None
    versions = _read_json(environment_file).get("versions")
    found = versions.get("tenfold") if isinstance(versions, dict) else None
    return found if isinstance(found, str) else None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        # unlike json, it refuses NaN
        value = msgspec.json.decode(read_file(file, "the record", MAX_RECORD))
    except (ValueError, RecursionError) as error:
        raise TenfoldError(f"{file}: is cut or damaged, not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise TenfoldError(f"{file}: must hold an object. Received: {type(value).__name__}")
    return value
