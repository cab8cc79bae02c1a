"""Keep corrections, find and delete them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Literal, NamedTuple

import numpy as np

from tenfold.data.corrections.database import MAX_BYTES, connection, corrections_path, transaction
from tenfold.data.dataset import SIDE, Images
from tenfold.data.negatives import NOT_A_DIGIT
from tenfold.errors import TenfoldError

MAX_PICTURE_BYTES = 16 << 20
MAX_LIST = 200  # corrections that are listed at once

Kind = Literal["digit", "line"]
InputKind = Literal["strokes", "picture"]


class Area(NamedTuple):
    """A rectangle, in pixels of the upright picture or in the unit of the strokes."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class CorrectedInput:
    """What was read: strokes, or a picture.

    Args:
        kind: what it is.
        content: the strokes as JSON, or the bytes of the picture's file.
        preview: a small JPEG of it.
        view: what of it the preview shows.
        single: whether all of it was read as one digit.
        region: the part of it that was read, as the user named it; None for all.
    """

    kind: InputKind
    content: bytes
    preview: bytes
    view: tuple[float, float, float, float]
    single: bool = False
    region: str | None = None

    @property
    def sha256(self) -> str:
        """Of all that decides what is read."""
        digest = hashlib.sha256(f"{self.kind} {self.single} {self.region}\0".encode())
        digest.update(self.content)
        return digest.hexdigest()


@dataclass(frozen=True)
class AnsweredBy:
    """The model that was wrong.

    Args:
        name: `digits` for the shipped one, else its file's name without the ending.
        digest: the sha256 of the file.
        classes: the names of its classes.
    """

    name: str
    digest: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Correction:
    """What one digit, or one line of them, is, and what the model took it for.

    Args:
        label: the class, or, of a line, the text; None for what is no digit.
        answer: what was read, the most probable class also where it was rejected.
        accepted: whether the answer was.
        probability: of the answer, 0-1.
        box: where it is.
        image: uint8 [28, 28], as the model saw it; None for a line, of which another number of
            digits was found than there are.
        kind: a digit, or a line without images.
    """

    label: str | None
    answer: str
    accepted: bool
    probability: float
    box: Area
    image: Images | None
    kind: Kind = "digit"


@dataclass(frozen=True)
class KeptCorrection:
    """A correction that was kept.

    Args:
        id: its number; later ones are higher.
        created: when, in UTC, as ISO 8601.
        input_id: of the strokes or the picture that it is from.
        input_kind: which of the two that is.
        model: the model that was wrong.
        correction: what was corrected.
    """

    id: int
    created: str
    input_id: int
    input_kind: InputKind
    model: AnsweredBy
    correction: Correction


@dataclass(frozen=True)
class Search:
    """Which corrections to find; what is None is not asked for.

    Args:
        label: what they are; `NOT_A_DIGIT` for what is none.
        answer: what was read.
        kind: digits, or lines.
        model: the name of the model.
        since: the earliest time, UTC, ISO 8601.
        until: the time that they must be before.
        before: the id that theirs must be below, to go on from the last of a list.
    """

    label: str | None = None
    answer: str | None = None
    kind: Kind | None = None
    model: str | None = None
    since: str | None = None
    until: str | None = None
    before: int | None = None


class Corrections:
    """The corrections of one file; several processes may have it open at once.

    Args:
        path: of the file, which the first correction creates; by default the user's.
        max_bytes: how large it may get.
    """

    def __init__(self, path: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self.path = corrections_path() if path is None else path
        self._max_bytes = max_bytes

    def add(
        self, source: CorrectedInput, model: AnsweredBy, corrections: Sequence[Correction]
    ) -> list[int]:
        """Keep corrections of one input, all or none; they are on the disk when this returns.

        What was said of the same digit, or line, of the same input before is replaced.

        Returns:
            The id of each.

        Raises:
            TenfoldError: where the picture is too large, the file is full, or cannot be written.
        """
        if len(source.content) > MAX_PICTURE_BYTES:
            raise TenfoldError(
                f"a correction keeps pictures of at most {MAX_PICTURE_BYTES:,} bytes; send a "
                f"smaller one. Received: {len(source.content):,} bytes"
            )
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        with connection(self.path, self._max_bytes) as opened, transaction(opened):
            input_id = _input_id(opened, source)
            model_id = _model_id(opened, model)
            return [_insert(opened, input_id, model_id, created, one) for one in corrections]

    def find(self, search: Search | None = None, limit: int | None = None) -> list[KeptCorrection]:
        """Find corrections, the last ones first.

        Args:
            search: which ones; by default all.
            limit: how many at most.

        Raises:
            TenfoldError: where the file cannot be read.
        """
        if not self.path.exists():
            return []
        condition, values = _condition(search or Search())
        with connection(self.path, self._max_bytes) as opened:
            rows = opened.execute(
                f"SELECT {_COLUMNS} FROM corrections JOIN inputs ON inputs.id = input_id "
                f"JOIN models ON models.id = model_id {condition} "
                "ORDER BY corrections.id DESC LIMIT ?",
                (*values, -1 if limit is None else limit),
            ).fetchall()
        return [_kept(row, self.path) for row in rows]

    def count(self, search: Search | None = None) -> int:
        """Count corrections, as `find` finds them."""
        if not self.path.exists():
            return 0
        condition, values = _condition(search or Search())
        with connection(self.path, self._max_bytes) as opened:
            row = opened.execute(
                f"SELECT count(*) FROM corrections JOIN models ON models.id = model_id {condition}",
                values,
            ).fetchone()
        return int(row[0])

    def inputs(self, ids: Iterable[int]) -> dict[int, CorrectedInput]:
        """Return what was read, by the ids of the inputs; those that are gone are absent."""
        wanted = sorted(set(ids))
        if not wanted or not self.path.exists():
            return {}
        with connection(self.path, self._max_bytes) as opened:
            rows = opened.execute(
                "SELECT id, kind, content, preview, view, single, region FROM inputs "
                f"WHERE id IN ({_marks(wanted)})",
                wanted,
            ).fetchall()
        return {
            number: CorrectedInput(
                kind, content, preview, tuple(json.loads(view)), bool(single), region
            )
            for number, kind, content, preview, view, single, region in rows
        }

    def delete(self, ids: Iterable[int]) -> int:
        """Delete corrections; an input of which none is left goes, too, and is overwritten.

        Returns:
            How many there were.
        """
        wanted = sorted(set(ids))
        if not wanted or not self.path.exists():
            return 0
        with connection(self.path, self._max_bytes) as opened:
            with transaction(opened):
                deleted = opened.execute(
                    f"DELETE FROM corrections WHERE id IN ({_marks(wanted)})", wanted
                ).rowcount
                opened.execute(
                    "DELETE FROM inputs WHERE id NOT IN (SELECT input_id FROM corrections)"
                )
                opened.execute(
                    "DELETE FROM models WHERE id NOT IN (SELECT model_id FROM corrections)"
                )
            opened.execute("PRAGMA incremental_vacuum").fetchall()
            # The log still has the old pages; it is emptied unless another process reads it.
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return deleted


_COLUMNS = (
    "corrections.id, created, input_id, inputs.kind, name, digest, classes, "
    "label, answer, accepted, probability, x, y, width, height, image, corrections.kind"
)


def _input_id(opened: Connection, source: CorrectedInput) -> int:
    digest = source.sha256
    opened.execute(
        "INSERT OR IGNORE INTO inputs (sha256, kind, content, single, region, preview, view) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            digest,
            source.kind,
            source.content,
            source.single,
            source.region,
            source.preview,
            json.dumps(source.view),
        ),
    )
    return int(opened.execute("SELECT id FROM inputs WHERE sha256 = ?", (digest,)).fetchone()[0])


def _model_id(opened: Connection, model: AnsweredBy) -> int:
    opened.execute(
        "INSERT OR IGNORE INTO models (digest, name, classes) VALUES (?, ?, ?)",
        (model.digest, model.name, json.dumps(model.classes)),
    )
    row = opened.execute(
        "SELECT id FROM models WHERE digest = ? AND name = ?", (model.digest, model.name)
    ).fetchone()
    return int(row[0])


def _insert(opened: Connection, input_id: int, model_id: int, created: str, one: Correction) -> int:
    place = (input_id, one.kind, *one.box)
    opened.execute(
        "DELETE FROM corrections WHERE input_id = ? AND kind = ? "
        "AND x = ? AND y = ? AND width = ? AND height = ?",
        place,
    )
    cursor = opened.execute(
        "INSERT INTO corrections (input_id, kind, x, y, width, height, model_id, created, label, "
        "answer, accepted, probability, image) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *place,
            model_id,
            created,
            one.label,
            one.answer,
            one.accepted,
            one.probability,
            None if one.image is None else one.image.tobytes(),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _condition(search: Search) -> tuple[str, list[Any]]:
    """Return the WHERE of a search, and its values."""
    terms, values = [], []
    named = {
        "answer = ?": search.answer,
        "corrections.kind = ?": search.kind,
        "name = ?": search.model,
        "created >= ?": search.since,
        "created < ?": search.until,
        "corrections.id < ?": search.before,
    }
    if search.label == NOT_A_DIGIT:
        terms.append("label IS NULL")
    else:
        named["label = ?"] = search.label
    for term, value in named.items():
        if value is not None:
            terms.append(term)
            values.append(value)
    return f"WHERE {' AND '.join(terms)}" if terms else "", values


def _kept(row: tuple[Any, ...], path: Path) -> KeptCorrection:
    image = row[15]
    try:
        if image is not None:
            image = np.frombuffer(image, np.uint8).reshape(SIDE, SIDE)
        model = AnsweredBy(row[4], row[5], tuple(json.loads(row[6])))
        box = Area(*map(int, row[11:15]))
        correction = Correction(row[7], row[8], bool(row[9]), row[10], box, image, row[16])
    except (TypeError, ValueError) as error:
        raise TenfoldError(
            f"{path}: correction {row[0]} is damaged ({error}); delete it, or move the file away"
        ) from error
    return KeptCorrection(row[0], row[1], row[2], row[3], model, correction)


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))
