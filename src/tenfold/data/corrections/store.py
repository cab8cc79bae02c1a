"""Keep corrections, find and delete them."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np

from tenfold.data.corrections.database import MAX_BYTES, connection, corrections_path, transaction
from tenfold.data.corrections.records import (
    AnsweredBy,
    Area,
    CorrectedInput,
    Correction,
    KeptCorrection,
    KeptInput,
    Search,
)
from tenfold.data.dataset import SIDE
from tenfold.data.negatives import NOT_A_DIGIT
from tenfold.errors import TenfoldError

MAX_PICTURE_BYTES = 16 << 20


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

    def choices(self) -> tuple[list[str], list[str], list[str]]:
        """Return what can be searched for: every label, every answer, every model's name."""
        if not self.path.exists():
            return [], [], []
        columns = (f"coalesce(label, '{NOT_A_DIGIT}')", "answer", "name")
        with connection(self.path, self._max_bytes) as opened:
            labels, answers, models = (
                sorted(
                    str(row[0])
                    for row in opened.execute(
                        f"SELECT DISTINCT {column} FROM corrections "
                        "JOIN models ON models.id = model_id"
                    )
                )
                for column in columns
            )
        return labels, answers, models

    def content(self, input_id: int) -> bytes | None:
        """Return the strokes as JSON, or the bytes of a picture; None where they are gone."""
        return self._blob("content", input_id)

    def preview(self, input_id: int) -> bytes | None:
        """Return the small JPEG of an input; None where it is gone."""
        return self._blob("preview", input_id)

    def _blob(self, column: str, input_id: int) -> bytes | None:
        if not self.path.exists():
            return None
        with connection(self.path, self._max_bytes) as opened:
            row = opened.execute(
                f"SELECT {column} FROM inputs WHERE id = ?", (input_id,)
            ).fetchone()
        return None if row is None else bytes(row[0])

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
    "corrections.id, created, input_id, inputs.kind, view, single, region, page, "
    "name, digest, classes, corrections.kind, label, answer, accepted, probability, "
    "x, y, width, height, image"
)


def _input_id(opened: Connection, source: CorrectedInput) -> int:
    digest = source.sha256
    opened.execute(
        "INSERT OR IGNORE INTO inputs (sha256, kind, content, single, region, page, preview, view) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            digest,
            source.kind,
            source.content,
            source.single,
            source.region,
            source.page,
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
    number, created, input_id, input_kind, view, single, region, page = row[:8]
    name, digest, classes, kind, label, answer, accepted, probability, *box, image = row[8:]
    try:
        if image is not None:
            image = np.frombuffer(image, np.uint8).reshape(SIDE, SIDE)
        return KeptCorrection(
            number,
            created,
            KeptInput(input_id, input_kind, tuple(json.loads(view)), bool(single), region, page),
            AnsweredBy(name, digest, tuple(json.loads(classes))),
            Correction(label, answer, bool(accepted), probability, Area(*box), image, kind),
        )
    except (TypeError, ValueError) as error:
        raise TenfoldError(
            f"{path}: correction {number} is damaged ({error}); delete it, or move the file away"
        ) from error


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))
