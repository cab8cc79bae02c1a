"""Predict one shard of a job: a pure function of the job's folder and the shard."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.archives import MAX_IMAGE_BYTES
from tenfold.data.broken import BrokenImages
from tenfold.data.dataset import Images, image_hashes
from tenfold.data.formats.parquet_rows import NO_ID, ids_of, pixel_array, read_rows
from tenfold.data.image_decoding import Decoded, ImageDecoder
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.batch.decision import SetDecision
from tenfold.workflow.batch.items import items, known_layout
from tenfold.workflow.batch.job import TABLES, Done, JobFolder, JobRecord, Options
from tenfold.workflow.batch.shards import Shard, suffixes_of
from tenfold.workflow.load import image_decoder

if TYPE_CHECKING:
    import polars as pl

UNLIKE = (
    "a pixel lies beyond the scale of the other images, or is ink in the margin that is cropped "
    "from them"
)
CHUNK = 2048  # images that are in memory at once
SHARD = "tenfold.workflow.batch.predict_shard:predict_shard"


@dataclass
class Failures:
    """The images of a shard that could not be read, and why."""

    source: str
    ids: list[str | None] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, id_: str | None, error: TenfoldError | str) -> None:
        """Take note of one."""
        self.ids.append(id_)
        self.errors.append(" ".join(str(error).split()))

    def content(self) -> bytes | None:
        """Return the table as Parquet: `source`, `id`, `error`; None where there are none."""
        import polars as pl

        if not self.ids:
            return None
        columns = {"source": [self.source] * len(self), "id": self.ids, "error": self.errors}
        return to_parquet(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))


def predict_shard(folder: str, task: dict[str, Any]) -> dict[str, Any]:
    """Predict the images of a shard, and write its tables and its marker into the job's folder.

    Args:
        folder: of the job.
        task: the shard, as plain values.

    Returns:
        The marker.

    Raises:
        TenfoldError: where the shard's file is gone or damaged, or storage cannot be reached:
            nothing is written then.
    """
    began = time.perf_counter()
    job, record, model = open_job(folder)
    shard = msgspec.convert(task, Shard)
    named = shard.source
    shard = shard.within(record.working_directory)
    shard.check_unchanged()
    assert record.decision is not None
    failures, tables, seen = Failures(named), [], 0
    for ids, images in read_images(shard, record.decision, record.options, model, failures):
        tables.append(_table(named, ids, images, model))
        seen += model.seen_in_training(image_hashes(images))
    table = _joined(tables, model)
    done = Done(
        shard.number,
        images=len(table),
        failures=len(failures),
        rejected=int((~table["accepted"]).sum()),
        seen_in_training=seen,
        seconds=round(time.perf_counter() - began, 3),
        engine=model.engine,
    )
    shard.check_unchanged()  # nor was it replaced meanwhile
    job.finish_shard(TABLES["predict"], done, to_parquet(table), failures.content())
    return dict(msgspec.to_builtins(done))


def open_job(folder: str) -> tuple[JobFolder, JobRecord, Model]:
    """Open a job and its model, once in a process."""
    return _opened(folder, JobFolder(folder).changed())


@lru_cache(maxsize=1)
def _opened(folder: str, changed: int) -> tuple[JobFolder, JobRecord, Model]:
    job = JobFolder(folder)
    record = job.record()
    return job, record, Model(job.model_file, engine=record.options.engine)


def read_images(
    shard: Shard,
    decision: SetDecision,
    options: Options,
    model: Model,
    failures: Failures,
) -> Iterator[tuple[list[str], Images]]:
    """Read the images of a shard, some at a time: their ids, and uint8 [n, 28, 28].

    Raises:
        TenfoldError: where the shard's file is gone or damaged, or storage cannot be reached.
    """
    layout = decision.layout
    if shard.kind == "parquet" and layout is not None and layout.kind != "encoded":
        for ids, array in read_arrays(shard, decision, failures):
            images, within = decision.array(array, model.pixels)
            yield _within(ids, within, failures), images
        return
    for ids, squares in read_squares(shard, decision, options, failures, decision.side):
        images, within = decision.images(squares, model.pixels)
        yield _within(ids, within, failures), images


def _within(ids: list[str], within: NDArray[np.bool_], failures: Failures) -> list[str]:
    """Return the ids of the images that the set's decision holds for; the others are failures."""
    for index in np.flatnonzero(~within).tolist():
        failures.add(ids[index], UNLIKE)
    return [ids[index] for index in np.flatnonzero(within).tolist()]


def read_arrays(
    shard: Shard, decision: SetDecision, failures: Failures
) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Read rows of pixels: their ids, and numbers [n, pixels] as they are."""
    layout = known_layout(shard, decision.layout)
    table = read_rows(shard.source, shard.start, shard.stop, layout)
    ids = ids_of(table, layout, shard.start)
    for start in range(0, len(table), CHUNK):
        array, whole = pixel_array(table[start : start + CHUNK], layout, shard.source)
        if whole.any() and (array.dtype.kind == "f") != layout.is_float:
            kinds = ("integers", "floating-point numbers")[:: 1 if layout.is_float else -1]
            raise TenfoldError(
                f"{shard.source}: its pixels are {kinds[0]}, those of the first file {kinds[1]}; "
                "give files of one kind"
            )
        kept = []
        for row, id_ in enumerate(ids[start : start + CHUNK]):
            if id_ is None:
                failures.add(None, f"row {shard.start + start + row}: {NO_ID}")
            elif not whole[row]:
                failures.add(id_, "a pixel is missing, is no number, or there are too many or few")
            else:
                kept.append((row, id_))
        yield [id_ for _, id_ in kept], array[[row for row, _ in kept]]


def read_squares(
    shard: Shard,
    decision: SetDecision,
    options: Options,
    failures: Failures,
    side: int | None,
    count: int = CHUNK,
) -> Iterator[tuple[list[str], list[Decoded]]]:
    """Read and decode image files: their ids, and each as decoded, not yet of one depth.

    Args:
        shard: what they are in.
        decision: of which the layout of Parquet is taken.
        options: how they are read.
        failures: where those go that cannot be read.
        side: their size in pixels; None for any.
        count: how many at a time.
    """
    found = items(shard, suffixes_of("predict"), MAX_IMAGE_BYTES, decision.layout)
    decode = image_decoder(options.ink)
    while some := list(islice(found, count)):
        broken = BrokenImages(shard.source, len(some), skip=True)
        decoder = ImageDecoder(broken, decode)
        for index, item in enumerate(some):
            with broken.collected(str(index)):
                if isinstance(item.content, TenfoldError):
                    raise item.content
                decoder.add(str(index), item.content, item.where)
        places, squares = decoder.squares(side)
        for place, error in broken.errors:
            failures.add(some[int(place)].id, error)
        yield [some[int(place)].id for place in places], squares


def _table(source: str, ids: list[str], images: Images, model: Model) -> "pl.DataFrame":
    import polars as pl

    found = model.predict(images)
    names = np.array(model.classes)
    columns: dict[str, Any] = {
        "source": pl.Series([source] * len(ids), dtype=pl.String),
        "id": pl.Series(ids, dtype=pl.String),
        "label": pl.Series(names[found.labels].tolist(), dtype=pl.String),
        "probability": found.probabilities.max(axis=1, initial=0),
        "accepted": found.accepted,
    }
    columns |= {
        f"p_{name}": found.probabilities[:, index] for index, name in enumerate(model.classes)
    }
    return pl.DataFrame(columns)


def _joined(tables: "list[pl.DataFrame]", model: Model) -> "pl.DataFrame":
    import polars as pl

    none: Images = np.zeros((0, 28, 28), np.uint8)
    return pl.concat(tables or [_table("", [], none, model)])


def to_parquet(table: "pl.DataFrame") -> bytes:
    """Return a table as the content of a Parquet file."""
    content = io.BytesIO()  # straight to a full disk, polars would fail in words of its own
    table.write_parquet(content)
    return content.getvalue()
