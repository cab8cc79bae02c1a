"""From what a user names to a Dataset: a bundled set, a file, or a set that is already loaded."""

import os
from difflib import get_close_matches
from pathlib import Path

from tenfold.data.bundled import BUNDLED, bundled
from tenfold.data.dataset import Dataset
from tenfold.data.kaggle_csv import read_kaggle_csv
from tenfold.data.packed import unpacked
from tenfold.errors import TenfoldError


def load(source: str | Path | Dataset) -> Dataset:
    """Load digits from wherever they are.

    Args:
        source: a bundled name (`mnist`, `mnist:test`, `kaggle`, `kaggle:test`), or the path of a
            table as Kaggle's Digit Recognizer has it, labelled or not, plain, gzip or zip; one
            table of a zip is named `archive.zip:train.csv`. A bundled name goes before a file
            of that name, which is then `./mnist`. A Dataset is returned as it is.

    Raises:
        TenfoldError: where nothing has that name, or a value of it is not what it must be; the
            message names the file, the row and the column.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str) and source in BUNDLED:
        return bundled(source)
    name = str(source)
    path, member = _locate(name)
    if path.is_dir():
        raise TenfoldError(f"{name}: is a folder; name the file in it, as {path / 'train.csv'}")
    with unpacked(path, member, name) as stream:
        return read_kaggle_csv(stream)


def load_again(source: str, fingerprint: str) -> Dataset:
    """Load the set that a run names, and make sure that it is still the same.

    Raises:
        TenfoldError: where it is gone, or its fingerprint is another.
    """
    digits = load(source)
    if digits.fingerprint != fingerprint:
        raise TenfoldError(f"{source}: is no longer the set that the run was made from")
    return digits


def _locate(name: str) -> tuple[Path, str | None]:
    """Split a name into the path of a file and the member of an archive, if it names one."""
    if not name:
        raise TenfoldError(f"a source is needed. Received: ''. {_allowed()}")
    if os.path.exists(name):
        return Path(name), None
    for position, letter in enumerate(name):
        if letter == ":" and os.path.isfile(name[:position]):
            return Path(name[:position]), name[position + 1 :]
    near = get_close_matches(name.lower(), BUNDLED, 1, cutoff=0.7)
    hint = f"; did you mean {near[0]!r}?" if near else f". {_allowed()}"
    raise TenfoldError(f"{name!r} is neither a file nor a bundled set{hint}")


def _allowed() -> str:
    return f"Give the path of a CSV (plain, .gz or .zip), or one of {', '.join(BUNDLED)}"
