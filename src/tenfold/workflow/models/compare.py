"""Set two models, or two groups of runs, side by side on the same images."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tenfold.data.atomic import check_destination
from tenfold.data.dataset import AnySource, Dataset, Images
from tenfold.data.source_name import files_of
from tenfold.errors import TenfoldError
from tenfold.evaluation.comparison import Comparison
from tenfold.extras import missing_extra_named
from tenfold.model.file import Model
from tenfold.model.foreign_file import ForeignModel
from tenfold.model.model_name import ModelName
from tenfold.run.folder import RunFolder
from tenfold.run.recipe import Recipe, parse_recipe
from tenfold.run.records import Environment
from tenfold.workflow.load import load
from tenfold.workflow.models.comparison_sides import (
    Sides,
    common_classes,
    compare_recipes,
    find_side,
    in_order,
    other_training_set,
)
from tenfold.workflow.models.evaluate import refuse_leak
from tenfold.workflow.models.predictors import (
    AnyModel,
    Predicted,
    Predictor,
    file_of,
    open_predictor,
    predict_set,
)
from tenfold.workflow.runs.plan import reload_source

if TYPE_CHECKING:
    import polars as pl

BEST = ("test", "validation")  # of several splits that both predicted, the first is taken
ASK = "name a set for both to predict: tenfold compare A B SOURCE"


@missing_extra_named("compare")
def compare(
    a: AnyModel,
    b: AnyModel,
    source: AnySource | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_leak: bool = False,
    threads: int | None = None,
    ink: bool = False,
) -> Comparison:
    """Test whether two models, or two recipes, differ significantly; list what differs.

    Of two groups of runs (`tenfold.train(seeds=...)`) the recipes are compared, by Welch's t-test
    over the seeds; the first run of each stands for it where single images are concerned.

    Args:
        a: a run, a group of runs or the folder of one; with `source` also a model file, of
            Tenfold's or of others, or a file of predictions (see `tenfold.evaluate`).
        b: the other.
        source: images for both to predict. None: those that both have predicted already, labelled
            ones first: test images, or else validation images that they share.
        out: an HTML page to write, which draws the images on which they differ and the learning
            curves; None for none.
        overwrite: replace `out` where it is there already.
        allow_leak: compare even where one was trained on some of the images; it is marked.
        threads: CPU threads; by default every core.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).

    Raises:
        TenfoldError: where there are no images that both have predicted, the classes differ, one
            was trained on some of the images, a group is not finished, or the page cannot be drawn.
    """
    if out is not None:
        check_destination(out, overwrite, [file_of(a), file_of(b), *files_of(source)])
    sides = find_side(a), find_side(b)
    if source is None:
        comparison = _from_predictions(sides, draw=out is not None)
    else:
        comparison = _from_models(sides, load(source, ink), threads, draw=out is not None)
    if comparison.labels is not None and not allow_leak:
        for side, leaked in zip(sides, comparison.leaked, strict=True):
            refuse_leak(leaked or 0, f"{len(comparison):,} {comparison.compared_on}", side.name)
    if out is not None:
        from tenfold.report.comparison import write_comparison

        write_comparison(comparison, Path(out))
    return comparison


def _from_models(sides: Sides, dataset: Dataset, threads: int | None, draw: bool) -> Comparison:
    """Let the models of both sides predict a set."""
    if not len(dataset):
        raise TenfoldError(f"{dataset.source}: holds no images to compare on")
    opened = [[open_predictor(one, dataset, threads) for one in side.members] for side in sides]
    classes = opened[0][0].classes
    for side, own in zip(sides, opened, strict=True):
        for one in own:
            classes = common_classes((sides[0].name, side.name), classes, one.classes)
    if dataset.labels is not None:
        dataset = dataset.remap_classes(classes)
    both = [[_predict(one, dataset, classes) for one in own] for own in opened]
    accuracies: list[tuple[float, ...]] = [(), ()]
    if dataset.labels is not None:
        accuracies = [
            tuple(float((one.labels == dataset.labels).mean()) for one in own) for own in both
        ]
    first, second = both[0][0], both[1][0]
    return Comparison(
        names=(sides[0].paths[0], sides[1].paths[0]),
        compared_on=f"images of {dataset.source}",
        rows=np.arange(len(dataset)),
        images=dataset.images,
        labels=dataset.labels,
        probabilities=(first.probabilities, second.probabilities),
        classes=classes,
        recipes=compare_recipes(sides, _recipes_of(opened), accuracies, draw, _others(opened)),
        leaked=(_leaked(both[0]), _leaked(both[1])),
        notes=_notes(opened, both),
        labels_only=(first.labels, second.labels),
    )


def _predict(predictor: Predictor, dataset: Dataset, classes: tuple[str, ...]) -> Predicted:
    """Predict a set, with the classes numbered as the comparison has them."""
    found = predict_set(predictor, dataset)
    if predictor.classes == classes:
        return found
    place = np.array([classes.index(name) for name in predictor.classes], np.int64)
    probabilities = found.probabilities
    if probabilities is not None:
        probabilities = in_order(probabilities, predictor.classes, classes)
    return replace(found, labels=place[found.labels], probabilities=probabilities)


def _leaked(predicted: list[Predicted]) -> int | None:
    counts = [one.leaked for one in predicted if one.leaked is not None]
    return max(counts, default=None)


def _recipes_of(opened: list[list[Predictor]]) -> list[list[Recipe]]:
    """Read the recipes of each side; none where it is no model of Tenfold's."""
    return [
        [parse_recipe(one.recipe_toml, one.name) for one in own if isinstance(one, Model)]
        for own in opened
    ]


def _others(opened: list[list[Predictor]]) -> tuple[str, str]:
    """Say what each side is, where it is no model of Tenfold's."""
    words = [
        ""
        if isinstance(own[0], Model)
        else "another tool's model"
        if isinstance(own[0], ForeignModel)
        else "predictions"
        for own in opened
    ]
    return words[0], words[1]


def _notes(opened: list[list[Predictor]], both: list[list[Predicted]]) -> tuple[str, ...]:
    """Say what was decided on reading, of what it is where only one side has it."""
    firsts = [own[0] for own in opened]
    notes: list[str] = []
    if isinstance(firsts[0], Model) and isinstance(firsts[1], Model):
        notes += other_training_set(firsts[0].fingerprint, firsts[1].fingerprint)
    for letter, own, predicted in zip("AB", opened, both, strict=True):
        for one, found in zip(own, predicted, strict=True):
            known = isinstance(one, Model)
            notes += [
                note if known or note in found.dataset.notes else f"{letter}: {note}"
                for note in found.notes
            ]
            if found.leaked is None:
                notes.append(f"{letter}: whether it was trained on some of these images is unknown")
    return tuple(dict.fromkeys(notes))


def _from_predictions(sides: Sides, draw: bool) -> Comparison:
    """Join the predictions that two runs, or the runs of two groups, have kept."""
    for side in sides:
        if not isinstance(side.members[0], str) or os.path.isfile(ModelName.parse(side.name).path):
            raise TenfoldError(f"{side.name}: is a file and not a run; {ASK}")
    runs = [[RunFolder.open(name) for name in side.paths] for side in sides]
    names = sides[0].paths[0], sides[1].paths[0]
    environments = [[run.environment() for run in own] for own in runs]
    firsts = environments[0][0], environments[1][0]
    tables = [[run.predictions() for run in own] for own in runs]
    split, table = _shared(names, firsts, (tables[0][0], tables[1][0]))
    for side, own in zip(sides, environments, strict=True):
        for name, environment in zip(side.paths, own, strict=True):
            _check_comparable(split, names[0], firsts[0], name, environment)
    rows = table["id"].to_numpy().astype(np.int64)
    labels = None if table["label"].null_count() else table["label"].to_numpy().astype(np.int64)
    accuracies: list[tuple[float, ...]] = [(), ()]
    if labels is not None:
        accuracies = [tuple(_accuracy(one, split) for one in own) for own in tables]
    leaked = [max(one.leaked if split == "test" else 0 for one in own) for own in environments]
    origin, _ = _origin(firsts[0], split)
    return Comparison(
        names=names,
        compared_on=f"{split.replace('_', '-')} images of {origin}",
        rows=rows,
        images=_images(firsts[0], split, rows, draw),
        labels=labels,
        probabilities=(_probabilities(table, ""), _probabilities(table, "_b")),
        classes=firsts[0].classes,
        recipes=compare_recipes(
            sides, [[run.recipe() for run in own] for own in runs], accuracies, draw
        ),
        leaked=(leaked[0], leaked[1]),
        notes=(
            *other_training_set(firsts[0].fingerprint, firsts[1].fingerprint),
            *_part_in_common(split, len(table), (tables[0][0], tables[1][0])),
        ),
    )


def _part_in_common(
    split: str, common: int, tables: "tuple[pl.DataFrame, pl.DataFrame]"
) -> tuple[str, ...]:
    """Note where two runs drew other validation images, so that few are left to compare on."""
    first, second = (int((table["split"] == split).sum()) for table in tables)
    if common == first == second:
        return ()
    return (
        f"{common:,} of A's {first:,} {split.replace('_', '-')} images are among B's {second:,}, "
        f"since each run draws its own by its seed; to compare on more, {ASK}",
    )


def _check_comparable(
    split: str, name: str, environment: Environment, other_name: str, other: Environment
) -> None:
    """Raise TenfoldError where a run has other classes or predicted another set than the first."""
    classes = environment.classes
    common_classes((name, other_name), classes, other.classes)
    if classes != other.classes:
        raise TenfoldError(f"{name} and {other_name} number their classes differently; {ASK}")
    if _origin(environment, split)[1] != _origin(other, split)[1]:
        raise TenfoldError(
            f"{other_name}: predicted {split.replace('_', '-')} images of another set than {name}; "
            f"{ASK}"
        )


def _accuracy(table: "pl.DataFrame", split: str) -> float:
    """The accuracy of a run on all its images of a split."""
    rows = table.filter(table["split"] == split)
    return float((rows["prediction"] == rows["label"]).to_numpy().mean())


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
