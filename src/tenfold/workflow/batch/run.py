"""Predict and read sets larger than memory, resumable, on this machine or on many."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tenfold.data.remote import is_url
from tenfold.errors import TenfoldError
from tenfold.ink.region import Region
from tenfold.model.foreign_file import ForeignModel
from tenfold.model.reader import SHIPPED, Reader
from tenfold.run.environment import now, thread_count
from tenfold.workflow.batch import predict_shard, read_shard
from tenfold.workflow.batch.job import (
    FORMAT,
    TABLES,
    Done,
    JobFolder,
    JobRecord,
    Options,
    digest,
)
from tenfold.workflow.batch.progress import Progress
from tenfold.workflow.batch.sample import decide_on_sample
from tenfold.workflow.batch.shards import (
    PART_SIZE,
    Listing,
    Purpose,
    Shard,
    list_shards,
)
from tenfold.workflow.models.predictors import open_any_model
from tenfold.workflow.pool import Launcher, LocalPool
from tenfold.workflow.runs.progress import show_notes

if TYPE_CHECKING:
    import polars as pl

FUNCTIONS: dict[Purpose, str] = {"predict": predict_shard.SHARD, "read": read_shard.SHARD}


@dataclass(frozen=True)
class BatchResult:
    """What became of a job.

    Args:
        folder: the job's.
        purpose: "predict" or "read".
        images: how many are in its tables.
        failures: how many are in the side table of those that could not be read.
        rejected: how many were answered and not accepted.
        n_seen_in_training: how many the model was trained on.
        errors: what is missing, a line each: sources, files and shards that could not be had; the
            same command tries them again.
        notes: what was decided on the set as a whole, a sentence each.
        engines: what ran the model, with version and precision; machines may differ.
    """

    folder: Path
    purpose: Purpose
    images: int
    failures: int
    rejected: int
    n_seen_in_training: int
    errors: tuple[str, ...]
    notes: tuple[str, ...]
    engines: tuple[str, ...] = ()

    def table(self) -> "pl.LazyFrame":
        """Return the predictions or readings, a row an image, without loading them."""
        import polars as pl

        return pl.scan_parquet(JobFolder(self.folder).tables(TABLES[self.purpose]), glob=False)

    def __str__(self) -> str:
        what = "predictions" if self.purpose == "predict" else "readings"
        return (
            f"{self.images:,} {what}, {self.rejected:,} of them rejected, "
            f"{self.failures:,} images that could not be read"
            + (f" ({'; '.join(self.engines)})" if self.engines else "")
        )


def batch_predict(
    model: str | PathLike[str],
    sources: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    label_column: str | None = None,
    id_column: str | None = None,
    ink: bool = False,
    part_size: int | None = None,
    threads: int | None = None,
    engine: str = "auto",
    launcher: Launcher | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> BatchResult:
    """Predict sets that need not fit in memory, into a folder of Parquet files.

    The same call goes on where an earlier one was stopped: whole shards are kept, and what is
    missing is done. `predictions/` has `source`, `id`, `label`, `probability`, `accepted` and a
    probability for each class; `failures/` has `source`, `id` and `error`.

    Args:
        model: a run, its folder or a model file.
        sources: folders, globs, Parquet, zips and tars of small images, also as `s3://` and
            `https://` (the extra `remote`).
        out: the folder.
        label_column: of Parquet, which is then no pixel.
        id_column: of Parquet.
        ink: image files are drawings or photos of one digit each (see `tenfold.load`).
        part_size: images of a shard, about; by default 16,384.
        threads: processes of one thread each; by default one a core.
        engine: what runs the model, as `tenfold.Model` takes it; by default the fastest that is
            installed, on each machine for itself.
        launcher: what calls the function of a shard; by default processes of this machine.
        overwrite: remove an earlier job in `out`.
        progress: show progress on stderr.

    Raises:
        TenfoldError: where `out` holds anything else, the model cannot be read, the engine is not
            installed, no source can be listed, or the pixels' scale cannot be told.
    """
    options = Options(
        ink=ink,
        label_column=label_column,
        id_column=id_column,
        part_size=part_size or PART_SIZE["predict"],
        engine=engine,
    )
    opened = open_any_model(model, 1, engine)
    if isinstance(opened, ForeignModel):
        raise TenfoldError(
            f"{opened.name}: is an ONNX model that Tenfold did not write; its predictions go into "
            f"one file: predict a set that fits in memory, -o FILE.csv. Received: {out}"
        )
    if progress:
        show_notes(opened.engine_notes)
    content = opened.content
    words = tuple(map(str, sources))
    launcher = launcher or LocalPool(thread_count(threads))
    return _run("predict", words, out, content, options, launcher, overwrite, progress)


def batch_read(
    sources: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    model: str | PathLike[str] = SHIPPED,
    min_confidence: float = 0.0,
    single: bool = False,
    region: Region | None = None,
    marks: bool = False,
    part_size: int | None = None,
    threads: int | None = None,
    launcher: Launcher | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> BatchResult:
    """Read the digits of many pictures and pages of PDFs, into a folder of Parquet files.

    It is resumed as `batch_predict`. `readings/` has `source`, `id`, `text`, `accepted`,
    `probability`, `rows`, `digits` with their boxes, and `notes`; `failures/` has `source`, `id`
    and `error`.

    Args:
        sources: folders with all below them, globs, zips, tars, Parquet with a column of image
            files, and PDFs, also as `s3://` and `https://` (the extra `remote`).
        out: the folder.
        model, min_confidence: as `Reader` takes them.
        single, region, marks: as `Reader.read` takes them.
        part_size: pictures of a shard, about; by default 32.
        threads, launcher, overwrite, progress: as `batch_predict` takes them.

    Raises:
        TenfoldError: where `out` holds anything else, the model cannot be read, or no source can
            be listed.
    """
    content = Reader(model, min_confidence).model.content
    options = Options(
        single=single,
        region=None if region is None else tuple(map(float, region)),  # type: ignore[arg-type]
        marks=marks,
        min_confidence=float(min_confidence),
        part_size=part_size or PART_SIZE["read"],
    )
    words = tuple(map(str, sources))
    launcher = launcher or LocalPool(thread_count(threads))
    return _run("read", words, out, content, options, launcher, overwrite, progress)


def _run(
    purpose: Purpose,
    sources: tuple[str, ...],
    out: str | PathLike[str],
    model: bytes,
    options: Options,
    launcher: Launcher,
    overwrite: bool,
    progress: bool,
) -> BatchResult:
    job = JobFolder(out)
    if job.path.exists() and not job.path.is_dir():
        raise TenfoldError(f"{job.path}: is a file; name a folder")
    if is_url(str(out)):
        raise TenfoldError(
            f"{out}: is a URL; results go into a folder, on storage that every machine of the job "
            "sees: name that"
        )
    with job.locked():
        notes: tuple[str, ...] = ()
        if job.exists() and not overwrite:
            record, shards = _go_on(job, purpose, sources, model, options)
            notes = (f"goes on with the images that were listed at {record.started}",)
        else:
            if not job.exists():
                job.check_empty()
                job.empty()  # of a job that was killed while it was removed
            record, shards = _begin(job, purpose, sources, model, options)
        if progress:
            show_notes((*record.notes, *notes))
        return _execute(job, record, shards, launcher, progress, overwrite)


def _begin(
    job: JobFolder, purpose: Purpose, sources: tuple[str, ...], model: bytes, options: Options
) -> tuple[JobRecord, list[Shard]]:
    """Write down what is to be done; an earlier job is removed when nothing can be refused."""
    listing = list_shards(sources, purpose, options.part_size)
    if not listing.shards:
        raise TenfoldError("; ".join([*listing.errors.values()][:5]))
    decision, notes = decide_on_sample(purpose, sources, listing.shards, model, options)
    record = JobRecord(
        FORMAT,
        purpose,
        sources,
        digest(model),
        options,
        now(),
        os.getcwd(),
        decision,
        (*notes, *_found(listing)),
        listing.errors,
    )
    job.empty()
    job.write(record, listing.shards, model)
    return record, listing.shards


def _found(listing: Listing) -> list[str]:
    notes = []
    if listing.others:
        one = listing.others == 1
        notes.append(f"{listing.others:,} other file{' is' if one else 's are'} left out")
    if listing.twice:
        notes.append(f"{listing.twice:,} files are named twice and taken once")
    return notes


def _go_on(
    job: JobFolder, purpose: Purpose, sources: tuple[str, ...], model: bytes, options: Options
) -> tuple[JobRecord, list[Shard]]:
    """Check that a job is the one that is asked for, and list what could not be listed before."""
    record, shards = job.record(), job.shards()
    given = (purpose, _places(sources, os.getcwd()), options, digest(model))
    places = _places(record.sources, record.working_directory)
    before = (record.purpose, places, record.options, record.model)
    names = ("command", "sources", "options", "model")
    differs = [name for name, one, other in zip(names, given, before, strict=True) if one != other]
    if differs:
        raise TenfoldError(
            f"{job.path}: holds a job with other {' and '.join(differs)}; name another folder, or "
            "replace it with --overwrite"
        )
    if not record.errors:
        return record, shards
    known = {place for shard in shards for place in shard.within(record.working_directory).places()}
    failed = list(record.errors)
    more = list_shards(failed, purpose, options.part_size, len(shards), known)
    if more.shards or more.errors != record.errors:
        shards = [*shards, *more.shards]
        record = msgspec.structs.replace(record, errors=more.errors)
        job.write(record, shards, model)
    return record, shards


def _places(sources: tuple[str, ...], folder: str) -> list[str]:
    """Return sources as they are named from anywhere."""
    users = map(os.path.expanduser, sources)
    return [one if is_url(one) else os.path.join(folder, one) for one in users]


def _execute(
    job: JobFolder,
    record: JobRecord,
    shards: list[Shard],
    launcher: Launcher,
    show: bool,
    overwrite: bool,
) -> BatchResult:
    """Do the shards that are not done."""
    done = {one.number: one for one in job.done()}
    errors = list(record.errors.values())
    todo = [shard for shard in shards if shard.number not in done]
    shown = Progress(shards, done.values(), show, record.purpose)
    tasks = (msgspec.to_builtins(shard) for shard in todo)
    results = launcher.run(FUNCTIONS[record.purpose], str(job.path.absolute()), tasks)
    try:
        for error in errors:
            shown.error(error)
        for place, result in results:
            if isinstance(result, TenfoldError):
                errors.append(str(result))
                shown.error(str(result))
            else:
                marker = msgspec.convert(result, Done)
                done[marker.number] = marker
                shown.add(todo[place], marker)
    except KeyboardInterrupt:
        how = " without --overwrite" if overwrite else ""
        raise KeyboardInterrupt(f"stopped after {shown}; the same command{how} goes on") from None
    finally:
        close = getattr(results, "close", None)
        if close is not None:
            close()
    shown.end()
    total = [done[number] for number in sorted(done)]
    return BatchResult(
        job.path,
        record.purpose,
        images=sum(one.images for one in total),
        failures=sum(one.failures for one in total),
        rejected=sum(one.rejected for one in total),
        n_seen_in_training=sum(one.seen_in_training for one in total),
        errors=tuple(errors),
        notes=record.notes,
        engines=tuple(sorted({one.engine for one in total} - {""})),
    )
