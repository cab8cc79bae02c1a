"""Look at images from all over a set, and decide on them what its pixels mean."""

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.parquet_rows import RowLayout, count_rows, find_columns
from tenfold.data.image_decoding import Decoded
from tenfold.data.source_name import ReadOptions
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.workflow.batch import predict_shard
from tenfold.workflow.batch.decision import SetDecision, decide
from tenfold.workflow.batch.job import Options
from tenfold.workflow.batch.progress import image_count
from tenfold.workflow.batch.shards import Purpose, Shard

SAMPLE_SHARDS, SAMPLE_IMAGES = 64, 4096  # that a set's scale and polarity are decided on


def decide_on_sample(
    purpose: Purpose,
    sources: tuple[str, ...],
    shards: list[Shard],
    model: bytes,
    options: Options,
) -> tuple[SetDecision | None, tuple[str, ...]]:
    """Decide what pixels mean on images from all over the set; and the columns of Parquet.

    Args:
        purpose: of the job; to read, only the columns are decided.
        sources: as given, for errors.
        shards: all of them.
        model: the content of the model file.
        options: of the job.

    Returns:
        The decision, None where there is nothing to decide; and what was decided, a sentence each.

    Raises:
        TenfoldError: where the pixels' scale cannot be told, or a table to read has only pixels.
    """
    where = sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"
    layout = _layout(shards, options)
    if purpose == "read":
        if layout is not None and layout.kind != "encoded":
            raise TenfoldError(
                f"{where}: holds pixels and no pictures; predict them with `tenfold predict`"
            )
        return (None if layout is None else SetDecision(layout=layout)), ()
    squares, arrays = _sample(shards, options, layout)
    statistics = Model(model, 1).pixels
    decision, notes = decide(squares, arrays, layout, statistics, where)
    count, total = len(squares) + sum(map(len, arrays)), sum(shard.images for shard in shards)
    if notes and count < total:
        notes = tuple(
            f"{note} (decided on {image_count(count)} from all over the set)" for note in notes
        )
    return decision, notes


def _layout(shards: list[Shard], options: Options) -> RowLayout | None:
    """Find the columns of the first table that can be read; None where there is no table."""
    read = ReadOptions(label_column=options.label_column, id_column=options.id_column)
    failure = None
    for source in dict.fromkeys(shard.source for shard in shards if shard.kind == "parquet"):
        try:
            return find_columns(source, count_rows(source), read)
        except TenfoldError as error:  # another may be whole; this one is named at its turn
            failure = failure or error
    if failure is not None:
        raise failure
    return None


def _sample(
    shards: list[Shard], options: Options, layout: RowLayout | None
) -> tuple[list[Decoded], list[NDArray[Any]]]:
    """Read images from all over the set: files, as decoded, and arrays [n, pixels]."""
    total = sum(shard.images for shard in shards)
    chosen = shards
    if total > SAMPLE_IMAGES and len(shards) > SAMPLE_SHARDS:
        places = np.linspace(0, len(shards) - 1, SAMPLE_SHARDS).round().astype(int)
        chosen = [shards[place] for place in np.unique(places).tolist()]
    each = math.ceil(SAMPLE_IMAGES / len(chosen)) if total > SAMPLE_IMAGES else SAMPLE_IMAGES
    decision = SetDecision(layout=layout)
    squares: list[Decoded] = []
    arrays: list[NDArray[Any]] = []
    for shard in chosen:
        failures = predict_shard.Failures(shard.source)
        few = _some_of(shard, each)
        try:
            if shard.kind == "parquet" and layout is not None and layout.kind != "encoded":
                arrays += [array for _, array in predict_shard.read_arrays(few, decision, failures)]
            else:
                found = predict_shard.read_squares(few, decision, options, failures, None, each)
                squares += next(found, ([], []))[1]
        except TenfoldError:  # it will fail, and be named, when its turn comes
            continue
    return squares, [array for array in arrays if len(array)]


def _some_of(shard: Shard, count: int) -> Shard:
    """Return a shard with `count` of its images: files from all over it, the first of others."""
    if shard.kind == "files":
        places = np.linspace(0, len(shard.names) - 1, min(count, len(shard.names)))
        names = tuple(shard.names[place] for place in np.unique(places.round().astype(int)))
        return msgspec.structs.replace(shard, names=names)
    if shard.kind == "tar":
        return shard
    return msgspec.structs.replace(shard, stop=min(shard.stop, shard.start + count))
