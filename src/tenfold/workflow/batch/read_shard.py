"""Read one shard of a job of pictures: a pure function of the job's folder and the shard."""

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from tenfold.errors import TenfoldError
from tenfold.ink.image import MAX_BYTES
from tenfold.ink.pdf import MAGIC
from tenfold.model.reader import Reader, Source
from tenfold.model.reading import Reading
from tenfold.workflow.batch.items import Item, items
from tenfold.workflow.batch.job import TABLES, Done, JobFolder, JobRecord
from tenfold.workflow.batch.predict_shard import Failures, to_parquet
from tenfold.workflow.batch.shards import PDF, Shard, suffixes_of

if TYPE_CHECKING:
    import polars as pl

SHARD = "tenfold.workflow.batch.read_shard:read_shard"


def read_shard(folder: str, task: dict[str, Any]) -> dict[str, Any]:
    """Read the pictures of a shard, and write its tables and its marker into the job's folder.

    Args and errors are those of `predict_shard`.
    """
    began = time.perf_counter()
    job, record, reader = _opened(folder, JobFolder(folder).changed())
    shard = msgspec.convert(task, Shard)
    named = shard.source
    shard = shard.within(record.working_directory)
    shard.check_unchanged()
    failures = Failures(named)
    rows: list[dict[str, Any]] = []
    options = record.options
    found = items(shard, suffixes_of("read"), MAX_BYTES, _layout(record))
    for id_, source in _sources(found, failures):
        (outcome,) = reader.read_many(
            [source],
            options.single,
            region=options.region,
            marks=options.marks,
        )
        if outcome.reading is None:
            failures.add(id_, outcome.error or "")
        else:
            rows.append({"source": named, "id": id_, **_row(outcome.reading)})
    table = _table(rows)
    done = Done(
        shard.number,
        images=len(table),
        failures=len(failures),
        rejected=int((~table["accepted"]).sum()),
        seconds=round(time.perf_counter() - began, 3),
    )
    shard.check_unchanged()  # nor was it replaced meanwhile
    job.finish_shard(TABLES["read"], done, to_parquet(table), failures.content())
    return dict(msgspec.to_builtins(done))


@lru_cache(maxsize=1)
def _opened(folder: str, changed: int) -> tuple[JobFolder, JobRecord, Reader]:
    job = JobFolder(folder)
    record = job.record()
    return job, record, Reader(job.model_file, record.options.min_confidence)


def _layout(record: JobRecord) -> Any:
    return record.decision.layout if record.decision else None


def _sources(found: Iterator[Item], failures: Failures) -> Iterator[tuple[str, Source]]:
    """Yield each picture, and each page of a PDF, with its id."""
    for item in found:
        if isinstance(item.content, TenfoldError):
            failures.add(item.id, item.content)
        elif item.id.lower().endswith(PDF) or item.content.startswith(MAGIC):
            yield from _pages(item, item.content, failures)
        else:
            yield item.id, Source(item.where, lambda content=item.content: content)  # type: ignore[misc]


def _pages(item: Item, content: bytes, failures: Failures) -> Iterator[tuple[str, Source]]:
    from tenfold.ink.pdf import count_pages, render_page

    try:
        count = count_pages(content, item.where)
    except TenfoldError as error:
        failures.add(item.id, error)
        return
    for page in range(1, count + 1):
        where = f"{item.where}:{page}"
        yield (
            f"{item.id}:{page}",
            Source(where, lambda page=page, where=where: render_page(content, page, where)),  # type: ignore[misc]
        )


def _row(reading: Reading) -> dict[str, Any]:
    found = reading.to_dict()
    digits = [
        {
            "label": digit["label"],
            "probability": digit["probability"],
            "accepted": digit["accepted"],
            "row": digit["row"],
            **digit["box"],
        }
        for digit in found["digits"]
    ]
    return {
        "text": reading.text,
        "accepted": bool(reading) and all(digit.accepted for digit in reading),
        "probability": found["probability"],
        "rows": found["rows"],
        "row_probabilities": found["row_probabilities"],
        "digits": digits,
        "notes": found["notes"],
        "width": found["width"],
        "height": found["height"],
    }


def _table(rows: list[dict[str, Any]]) -> "pl.DataFrame":
    import polars as pl

    digit = {
        "label": pl.String,
        "probability": pl.Float64,
        "accepted": pl.Boolean,
        "row": pl.Int64,
        "x": pl.Int64,
        "y": pl.Int64,
        "width": pl.Int64,
        "height": pl.Int64,
    }
    schema: dict[str, Any] = {
        "source": pl.String,
        "id": pl.String,
        "text": pl.String,
        "accepted": pl.Boolean,
        "probability": pl.Float64,
        "rows": pl.List(pl.String),
        "row_probabilities": pl.List(pl.Float64),
        "digits": pl.List(pl.Struct(digit)),
        "notes": pl.List(pl.String),
        "width": pl.Int64,
        "height": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)
