"""Set two runs, or two models, side by side on the same images."""

import os
import re
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import check_destination
from tenfold.data.dataset import AnySource, Dataset, Images
from tenfold.data.display import listed
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison
from tenfold.extras import missing_extra_named
from tenfold.model.file import model_file, open_model
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import differ_only_in_seed, parse_recipe
from tenfold.run.records import Environment
from tenfold.workflow.load import load
from tenfold.workflow.models.evaluate import refuse_leak
from tenfold.workflow.runs.plan import reload_source

if TYPE_CHECKING:
    import polars as pl

BEST = ("test", "validation")  # of several splits that both predicted, the first is taken
ASK = "name a set for both to predict: tenfold compare A B SOURCE"


@missing_extra_named("compare")
def compare(
    a: str | PathLike[str],
    b: str | PathLike[str],
    source: AnySource | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_leak: bool = False,
    threads: int | None = None,
    ink: bool = False,
) -> Comparison:
    """Test whether two models differ significantly, and list the images on which they differ.

    Args:
        a: a run or its folder; with `source` a model file as well.
        b: the other.
        source: images for both to predict. None: those that both runs have predicted already,
            labelled ones first: test images, or else validation images that they share.
        out: an HTML page to write, which draws the images on which they differ; None for none.
        overwrite: replace `out` where it is there already.
        allow_leak: compare even where one was trained on some of the images; it is marked.
        threads: CPU threads; by default every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Raises:
        TenfoldError: where there are no images that both have predicted, the classes differ, one
            was trained on some of the images, or the page cannot be drawn.
    """
    if out is not None:
        check_destination(out, overwrite, [*map(model_file, (a, b)), *files_of(source)])
    names = fspath(a), fspath(b)
    if source is None:
        comparison = _from_predictions(names, draw=out is not None)
    else:
        comparison = _from_models(names, load(source, ink), threads)
    if comparison.labels is not None and not allow_leak:
        for name, leaked in zip(names, comparison.leaked, strict=True):
            refuse_leak(leaked, f"{len(comparison):,} {comparison.compared_on}", name)
    if out is not None:
        from tenfold.report.comparison import write_comparison

        write_comparison(comparison, Path(out))
    return comparison


def _from_models(names: tuple[str, str], dataset: Dataset, threads: int | None) -> Comparison:
    """Let both models predict a set."""
    if not len(dataset):
        raise TenfoldError(f"{dataset.source}: holds no images to compare on")
    first, second = (open_model(name, threads) for name in names)
    classes = _common_classes(names, first.classes, second.classes)
    if dataset.labels is not None:
        dataset = dataset.remap_classes(classes)
    matched = first.matched(dataset), second.matched(dataset)
    predictions = first.predict(matched[0].images), second.predict(matched[1].images)
    return Comparison(
        names=names,
        compared_on=f"images of {dataset.source}",
        rows=np.arange(len(dataset)),
        images=dataset.images,
        labels=dataset.labels,
        probabilities=(
            _columns(predictions[0].probabilities, first.classes, classes),
            _columns(predictions[1].probabilities, second.classes, classes),
        ),
        classes=classes,
        leaked=(len(first.training_overlap(dataset)), len(second.training_overlap(dataset))),
        same_recipe=differ_only_in_seed(
            *(parse_recipe(model.recipe_toml, model.name) for model in (first, second))
        ),
        notes=tuple(dict.fromkeys(note for each in matched for note in each.notes)),
    )


def _from_predictions(names: tuple[str, str], draw: bool) -> Comparison:
    """Join the predictions that two runs have kept."""
    for name in names:
        if os.path.isfile(name):
            raise TenfoldError(f"{name}: is a file and not a run; {ASK}")
    first, second = (RunFolder.open(name) for name in names)
    environments = first.environment(), second.environment()
    split, table = _shared(names, environments, (first.predictions(), second.predictions()))
    classes = environments[0].classes
    _common_classes(names, classes, environments[1].classes)
    if classes != environments[1].classes:
        raise TenfoldError(f"{names[0]} and {names[1]} number their classes differently; {ASK}")
    rows = table["id"].to_numpy().astype(np.int64)
    labels = None if table["label"].null_count() else table["label"].to_numpy().astype(np.int64)
    leaked = [one.leaked if split == "test" else 0 for one in environments]
    origin, _ = _origin(environments[0], split)
    return Comparison(
        names=names,
        compared_on=f"{split.replace('_', '-')} images of {origin}",
        rows=rows,
        images=_images(environments[0], split, rows, draw),
        labels=labels,
        probabilities=(_probabilities(table, ""), _probabilities(table, "_b")),
        classes=classes,
        leaked=(leaked[0], leaked[1]),
        same_recipe=differ_only_in_seed(first.recipe(), second.recipe()),
    )


def _shared(
    names: tuple[str, str],
    environments: tuple[Environment, Environment],
    tables: "tuple[pl.DataFrame, pl.DataFrame]",
) -> "tuple[str, pl.DataFrame]":
    """Find the best split that both runs predicted; B's columns end in `_b`."""
    first, second = tables
    found = []
    for split in dict.fromkeys([*BEST, *first["split"].unique(maintain_order=True)]):
        origins = [_origin(environment, split) for environment in environments]
        if origins[0][1] is None or origins[0][1] != origins[1][1]:
            continue
        parts = (table.filter(table["split"] == split).sort("id") for table in (first, second))
        joined = next(parts).join(next(parts), on="id", suffix="_b")
        if len(joined):
            found.append((split, joined))
    if not found:
        splits = " and ".join(
            f"{name} predicted {_describe_splits(environment, table)}"
            for name, environment, table in zip(names, environments, tables, strict=True)
        )
        raise TenfoldError(f"no image was predicted by both: {splits}; {ASK}")
    return min(found, key=lambda pair: pair[1]["label"].null_count() > 0)


def _origin(environment: Environment, split: str) -> tuple[str, str | None]:
    """Name the source that a split's rows count in, and its fingerprint."""
    if split == "test":
        return str(environment.test_source), environment.test_fingerprint
    return environment.source, environment.fingerprint


def _describe_splits(environment: Environment, table: "pl.DataFrame") -> str:
    counts = table["split"].value_counts(sort=True)
    parts = [
        f"{count:,} {split.replace('_', '-')} images of {_origin(environment, split)[0]}"
        for split, count in counts.iter_rows()
    ]
    return ", ".join(parts) or "none"


def _images(
    environment: Environment, split: str, rows: NDArray[np.int64], draw: bool
) -> Images | None:
    """Fetch the images; None where they are gone and nobody asked to draw them."""
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


def _common_classes(
    names: tuple[str, str], first: tuple[str, ...], second: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the classes to compare by: the first's, or the second's where it has more."""
    if set(first) >= set(second):
        return first
    if set(first) < set(second):
        return second
    raise TenfoldError(
        f"{names[0]} has the classes {listed(first)} and {names[1]} {listed(second)}: "
        "only models of the same classes can be compared"
    )


def _columns(
    probabilities: NDArray[np.float32], own: tuple[str, ...], classes: tuple[str, ...]
) -> NDArray[np.float32]:
    """Put probabilities in the order of other classes; 0 for a class that the model lacks."""
    if own == classes:
        return probabilities
    ordered = np.zeros((len(probabilities), len(classes)), np.float32)
    ordered[:, [classes.index(name) for name in own]] = probabilities
    return ordered
