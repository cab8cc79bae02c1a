"""Read the fields of a pile of forms, as rows of a CSV file that a killed run goes on with."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Self

from tenfold.errors import TenfoldError
from tenfold.model.forms import FormReading
from tenfold.model.reader import Reader, Source
from tenfold.model.template import Template


@dataclass(frozen=True)
class FormOutcome:
    """The outcome of one page of many: its fields, or the error that says why there are none.

    Args:
        name: the page's.
        form: None where it could not be read.
        error: None where it was read.
    """

    name: str
    form: FormReading | None
    error: TenfoldError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images as plain values, ready for JSON."""
        if self.form is None:
            return {"image": self.name, "error": str(self.error)}
        return {"image": self.name, **self.form.to_dict()}


def read_forms(
    sources: Iterable[Source], template: Template, reader: Reader, table: "FormTable | None" = None
) -> Iterator[FormOutcome]:
    """Read the fields of many pages, one after the other; a broken one does not stop the others.

    Args:
        sources: the pages (see `tenfold.workflow.models.read.find_images`).
        template: the fields.
        reader: what reads them.
        table: pages that it has are left out, and the row of each other one is appended to it.

    Returns:
        The outcome of each page that was read, once its row is on the disk.
    """
    for source in sources:
        if table is not None and table.has(source.name):
            continue
        try:
            form = reader.read_fields(source.image(), template, source.name)
            outcome = FormOutcome(source.name, form)
        except TenfoldError as error:
            outcome = FormOutcome(source.name, None, error)
        if table is not None:
            table.append(outcome)
        yield outcome


def columns(template: Template) -> list[str]:
    """Return the columns of a table of forms.

    `image`; the value of each field; `unsure`, which names the values that must be looked at and
    why; the probability of each value; `error`, why a page could not be read; and `settings`,
    which tells rows of one template, model and minimum confidence from any other.
    """
    names = [field.name for field in template.fields]
    probabilities = [f"{name}_probability" for name in names]
    return ["image", *names, "unsure", *probabilities, "error", "settings"]


def settings_of(template: Template, reader: Reader) -> str:
    """Return the digest of all that decides what is read on a page, eight hexadecimal digits."""
    parts = (template.digest.encode(), sha256(reader.model.content).digest())
    return sha256(b"|".join((*parts, repr(reader.min_confidence).encode()))).hexdigest()[:8]


def row_of(outcome: FormOutcome, template: Template, settings: str) -> list[str]:
    """Return the row of one page."""
    name = _row_name(outcome.name)
    if outcome.form is None:
        blank = [""] * len(template.fields)
        return [name, *blank, "", *blank, " ".join(str(outcome.error).split()), settings]
    fields = outcome.form.fields.values()
    texts = [field.text for field in fields]
    probabilities = [f"{field.probability:.4f}" for field in fields]
    return [name, *texts, outcome.form.unsure, *probabilities, "", settings]


def _row_name(name: str) -> str:
    """Return a page's name as it is in a row: on one line, so that half a row is told from one."""
    return name.replace("\n", "\\n").replace("\r", "\\r")


def to_line(cells: Sequence[str]) -> str:
    """Format one row as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


class FormTable:
    """A CSV file to which the row of each page is appended as soon as it was read.

    One that is there already is gone on with; a row that was half written is cut off.

    Args:
        path: of the file; `~` is the home folder.
        template: its fields are the columns.
        settings: of `settings_of`.
        overwrite: begin it anew.

    Raises:
        TenfoldError: where the file cannot be written, another process writes it, or it holds
            anything but rows of this template and these settings.
    """

    def __init__(
        self, path: str | Path, template: Template, settings: str, overwrite: bool = False
    ) -> None:
        self.path = Path(os.path.expanduser(path))
        self._template, self._settings = template, settings
        if self.path.is_dir() or not self.path.parent.is_dir():
            wrong = "is a folder" if self.path.is_dir() else f"no folder {self.path.parent}"
            raise TenfoldError(f"{self.path}: {wrong}; name a file in a folder that exists")
        try:
            self._file = self.path.open("ab+")
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            _lock(self._file, self.path)
            if overwrite:
                self._file.truncate(0)
            self._done = self._resume(columns(template))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return how many pages it has."""
        return len(self._done)

    @property
    def n_broken(self) -> int:
        """How many of them could not be read."""
        return sum(self._done.values())

    def has(self, name: str) -> bool:
        """Return whether the page of this name has a row."""
        return _row_name(name) in self._done

    def append(self, outcome: FormOutcome) -> None:
        """Append the row of a page; it is on the disk when this returns."""
        self._write(row_of(outcome, self._template, self._settings))
        self._done[_row_name(outcome.name)] = outcome.form is None

    def _write(self, cells: Sequence[str]) -> None:
        try:
            self._file.write(to_line(cells).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> TenfoldError:
        return TenfoldError(f"{self.path}: cannot be written: {error.strerror or error}")

    def _resume(self, header: list[str]) -> dict[str, bool]:
        """Cut off a row that was half written; return the pages that are done, and which broke."""
        self._file.seek(0)
        content = self._file.read()
        end = content.rfind(b"\n") + 1
        rows = _parse(content[:end])
        if not rows and not to_line(header).encode().startswith(content):
            rows = [[]]  # no line of ours, whole or half
        if rows and rows[0] != header:
            raise self._foreign("holds something else than this template's fields")
        for number, row in enumerate(rows[1:], 2):
            if len(row) != len(header):
                raise self._foreign(f"row {number} has {len(row)} columns, not {len(header)}")
            if row[-1] != self._settings:
                raise self._foreign(
                    f"row {number} was read with another template, model or --min-confidence"
                )
        self._file.truncate(end)
        if not rows:
            self._write(header)
        for row in _parse(content[end:]) if rows else ():
            if len(row) == len(header) and row[-1] == self._settings:  # only its end is missing
                self._write(row)
                rows.append(row)
        error = header.index("error", len(header) - 2)  # a field may have that name, too
        return {row[0]: bool(row[error]) for row in rows[1:]}

    def _foreign(self, what: str) -> TenfoldError:
        return TenfoldError(f"{self.path}: {what}; name another file, or use --overwrite")


def _parse(content: bytes) -> list[list[str]]:
    """Parse CSV; one row without a column where it is none."""
    try:
        return list(csv.reader(io.StringIO(content.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return [[]]


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other processes from writing the file until it is closed."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TenfoldError(
            f"{path}: another process is writing it; wait for that one, or name another file"
        ) from None
