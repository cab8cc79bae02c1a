"""Set two runs, or two models, side by side on the same pictures."""

import os
import re
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison
from tenfold.model.file import open_model
from tenfold.run.folder import RunFolder
from tenfold.workflow.models.evaluate import refuse_leak
from tenfold.workflow.models.predict import check_destination
from tenfold.workflow.runs.plan import reload_source

if TYPE_CHECKING:
    import polars as pl

BEST = ("test", "validation")  # of several splits that both runs answered, the first is taken
ASK = "name a set for both to answer: tenfold compare A B SOURCE"


def compare(
    a: str | PathLike[str],
    b: str | PathLike[str],
    source: str | Path | Dataset | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_leak: bool = False,
    threads: int = 0,
) -> Comparison:
    """Say whether two models can be told apart, and on which pictures they differ.

    Args:
        a: a run or its folder; with `source` a model file as well.
        b: the other.
        source: pictures for both to answer. None: those that both runs have answered already,
            labelled ones first: test pictures, or else those held back that they share.
        out: an HTML page to write, which draws the pictures on which they differ; None for none.
        overwrite: replace `out` where it is there already.
        allow_leak: compare even where one was trained on some of the pictures; it is marked.
        threads: how many threads to answer `source` with; 0 for every core.

    Raises:
        TenfoldError: where there are no pictures that both have answered, the classes differ, one
            was trained on some of the pictures, or the page cannot be drawn.
    """
    if out is not None:
        check_destination(out, overwrite)
    names = fspath(a), fspath(b)
    if source is None:
        found = _read_answers(names, draw=out is not None)
    else:
        found = _answer(names, load(source), threads)
    if found.labels is not None and not allow_leak:
        for name, leaked in zip(names, found.leaked, strict=True):
            refuse_leak(leaked, f"{len(found):,} {found.pictures}", name)
    if out is not None:
        from tenfold.report.comparison import write_comparison

        write_comparison(found, Path(out))
    return found


def _answer(names: tuple[str, str], digits: Dataset, threads: int) -> Comparison:
    """Let both models answer a set."""
    if not len(digits):
        raise TenfoldError(f"{digits.source}: holds no pictures to compare on")
    first, second = (open_model(name, threads) for name in names)
    _check_classes(names, first.classes, second.classes)
    if digits.labels is not None:
        digits = digits.remap_classes(first.classes)
    answers = first.predict(digits.images), second.predict(digits.images)
    return Comparison(
        names=names,
        pictures=f"pictures of {digits.source}",
        rows=np.arange(len(digits)),
        images=digits.images,
        labels=digits.labels,
        probabilities=(answers[0].probabilities, answers[1].probabilities),
        classes=first.classes,
        leaked=(len(first.seen(digits)), len(second.seen(digits))),
    )


def _read_answers(names: tuple[str, str], draw: bool) -> Comparison:
    """Join the answers that two runs have kept."""
    for name in names:
        if os.path.isfile(name):
            raise TenfoldError(f"{name}: is a file and no run; {ASK}")
    first, second = (RunFolder.open(name) for name in names)
    environments = first.environment(), second.environment()
    split, table = _shared(names, environments, (first.predictions(), second.predictions()))
    classes = tuple(environments[0]["classes"])
    _check_classes(names, classes, tuple(environments[1]["classes"]))
    rows = table["id"].to_numpy().astype(np.int64)
    labels = None if table["label"].null_count() else table["label"].to_numpy().astype(np.int64)
    leaked = [told.get("leaked", 0) if split == "test" else 0 for told in environments]
    origin, _ = _origin(environments[0], split)
    return Comparison(
        names=names,
        pictures=f"{split.replace('_', '-')} pictures of {origin}",
        rows=rows,
        images=_images(environments[0], split, rows, draw),
        labels=labels,
        probabilities=(_probabilities(table, ""), _probabilities(table, "_b")),
        classes=classes,
        leaked=(leaked[0], leaked[1]),
    )


def _shared(
    names: tuple[str, str],
    environments: tuple[dict[str, Any], dict[str, Any]],
    tables: "tuple[pl.DataFrame, pl.DataFrame]",
) -> "tuple[str, pl.DataFrame]":
    """Find the best split that both runs answered; B's columns end in `_b`."""
    first, second = tables
    found = []
    for split in dict.fromkeys([*BEST, *first["split"].unique(maintain_order=True)]):
        origins = [_origin(told, split) for told in environments]
        if origins[0][1] is None or origins[0][1] != origins[1][1]:
            continue
        parts = (table.filter(table["split"] == split).sort("id") for table in (first, second))
        joined = next(parts).join(next(parts), on="id", suffix="_b")
        if len(joined):
            found.append((split, joined))
    if not found:
        said = " and ".join(
            f"{name} answered {_told(told, table)}"
            for name, told, table in zip(names, environments, tables, strict=True)
        )
        raise TenfoldError(f"no picture was answered by both: {said}; {ASK}")
    return min(found, key=lambda pair: pair[1]["label"].null_count() > 0)


def _origin(environment: dict[str, Any], split: str) -> tuple[str, str | None]:
    """Name the source that a split's rows count in, and its fingerprint."""
    kind = "test_" if split == "test" else ""
    return str(environment.get(f"{kind}source")), environment.get(f"{kind}fingerprint")


def _told(environment: dict[str, Any], table: "pl.DataFrame") -> str:
    counts = table["split"].value_counts(sort=True)
    parts = [
        f"{count:,} {split.replace('_', '-')} pictures of {_origin(environment, split)[0]}"
        for split, count in counts.iter_rows()
    ]
    return ", ".join(parts) or "none"


def _images(
    environment: dict[str, Any], split: str, rows: NDArray[np.int64], draw: bool
) -> Images | None:
    """Fetch the pictures; None where they are gone and nobody asked to draw them."""
    try:
        which = "test" if split == "test" else "source"
        return reload_source(environment, which).images[rows]
    except TenfoldError:
        if draw:
            raise
        return None


def _probabilities(table: "pl.DataFrame", ending: str) -> NDArray[np.float32]:
    names = [name for name in table.columns if re.fullmatch(rf"p\d+{ending}", name)]
    return np.ascontiguousarray(table.select(names).to_numpy(), np.float32)


def _check_classes(names: tuple[str, str], first: tuple[str, ...], second: tuple[str, ...]) -> None:
    if first != second:
        raise TenfoldError(
            f"{names[0]} tells {_listed(first)} apart and {names[1]} {_listed(second)}: "
            "only models of the same classes can be compared"
        )


def _listed(classes: tuple[str, ...]) -> str:
    most = 12
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return ", ".join(classes[:most]) + more
