"""Adapt a model to new images, and keep the result only where it is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold.data.atomic import atomic_write, check_destination, expanded
from tenfold.data.dataset import AnySource, Dataset, concatenate
from tenfold.data.source_name import files_of
from tenfold.data.split import Indices
from tenfold.errors import TenfoldError
from tenfold.evaluation.adaptation import BeforeAfter, before_after, table, verdict
from tenfold.extras import missing_extra_named
from tenfold.model.file import Model, model_file, open_model
from tenfold.model.metadata import Adaptation, shorten_hashes
from tenfold.model.reader import SHIPPED
from tenfold.run.environment import thread_count
from tenfold.run.recipe import Recipe, change, parse_recipe
from tenfold.workflow.load import load
from tenfold.workflow.models.adapt_sets import Replay, find_replay, without_leaks
from tenfold.workflow.runs.progress import notice

if TYPE_CHECKING:
    from tenfold.training.adaptation import Adapter
    from tenfold.training.network import Network

OUT = "adapted.onnx"
FOLDS = 5  # each new image is predicted by networks that have not seen its fifth
PARITY_IMAGES = 200


@dataclass(frozen=True)
class Adapted:
    """What came of adapting a model.

    Args:
        path: the file of the adapted model; None where the old one is kept.
        model: the model that was adapted, as the user named it.
        source: what it was adapted on.
        better: whether the adapted model is better on the new images and not worse elsewhere.
        reason: why, in a sentence.
        own: the new images, each predicted by networks that have not learned from it.
        others: what the model must not get worse on; of non-digits, how many are rejected.
        notes: what was noticed and decided, a sentence each.
    """

    path: Path | None
    model: str
    source: str
    better: bool
    reason: str
    own: BeforeAfter
    others: tuple[BeforeAfter, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [*table((self.own, *self.others)), *(f"note: {note}" for note in self.notes)]
        if self.path is None:
            return "\n".join([*lines, f"{self.model} is kept, nothing was written: {self.reason}"])
        return "\n".join([*lines, f"{self.path}: {self.reason}"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return {
            "path": None if self.path is None else str(self.path),
            "model": self.model,
            "source": self.source,
            "better": self.better,
            "reason": self.reason,
            "own": self.own.to_dict(),
            "others": [one.to_dict() for one in self.others],
            "notes": list(self.notes),
        }


@missing_extra_named("adapt")
def adapt(
    source: AnySource,
    model: str | PathLike[str] = SHIPPED,
    out: str | Path = OUT,
    *,
    replay: AnySource | None = None,
    tests: Sequence[AnySource] = (),
    always: bool = False,
    overwrite: bool = False,
    ink: bool = False,
    threads: int | None = None,
) -> Adapted:
    """Adapt a model to new images, and write it where it is better on them and nowhere worse.

    Its last layers learn from the new images and again from what they learned from before; the
    others stay as they are. Temperature and rejection threshold are fitted anew, on images that
    the model has not learned from, where its recipe has a `reject_fraction`.

    It is better where it reads significantly more of the new images (McNemar's exact test), each
    predicted by networks that were adapted to the others; and not worse where it is not
    significantly worse on any other set, and rejects not significantly fewer non-digits.

    Args:
        source: the labelled images to adapt to; its `negatives` are learned as non-digits.
        model: a run, its folder or a model file, not quantised; the shipped model by default.
        out: the file to write.
        replay: what the model was trained on, where that is neither in the package nor where the
            run read it.
        tests: more sets on which it must not get worse, besides `mnist:test` and those at hand.
        always: write the adapted model wherever it can be made, better or not.
        overwrite: replace `out` where it is there already.
        ink: `source` is a folder of drawings or photos, one digit each (see `tenfold.load`).
        threads: CPU threads; by default every core.

    Raises:
        TenfoldError: where the images have no labels or other classes, the model has learned from
            all of them, what it learned from is not to be had, or the file cannot be written.
    """
    from tenfold.training.adaptation import Adapter
    from tenfold.training.backend import Backend, resolve
    from tenfold.training.onnx_restore import restore_networks

    read = [file for one in (source, replay, *tests) for file in files_of(one)]
    check_destination(out, overwrite, [model_file(model), *read])
    opened = open_model(model, threads)
    recipe = parse_recipe(opened.recipe_toml, opened.name)
    recipe = resolve(change(recipe, device="cpu", threads=thread_count(threads)))
    Backend.prepare(recipe)
    own = _own(load(source, ink), opened)
    unseen = _unseen(own, opened)
    found = find_replay(model, opened, own, replay, tests)
    networks = restore_networks(opened, found.digits.images[:PARITY_IMAGES])
    notice(f"adapting to {len(own):,} images of {own.source}")
    adapters = [Adapter(one, recipe, own, found.digits, found.guard) for one in networks]
    result = _held_back(adapters, opened, recipe, own, unseen)
    notice("exporting, and comparing the new model with the old one")
    content = _export(
        [one.adapt(np.arange(len(own))) for one in adapters], opened, recipe, own, found
    )
    others = _compare(opened, Model(content, threads), own, found)
    better, reason = verdict(result, others)
    path = expanded(out) if better or always else None
    if path is not None:
        with atomic_write(path) as file:
            file.write(content)
    name = "the shipped model" if Path(model) == SHIPPED else str(model)
    notes = (*own.notes, *_notes(own, unseen, opened))
    return Adapted(path, name, own.source, better, reason, result, others, notes)


def _own(dataset: Dataset, model: Model) -> Dataset:
    """Bring the new images to the classes and pixels of a model; of equal ones the first is kept.

    Raises:
        TenfoldError: where there are no labels or other classes, or equal images have two labels.
    """
    labelled = model.matched(dataset.remap_classes(model.classes))
    labels = labelled.require_labels()
    _, first, group = np.unique(labelled.hashes, return_index=True, return_inverse=True)
    differs = np.flatnonzero(labels != labels[first[group]])
    if len(differs):
        at, before = int(differs[0]), int(first[group][differs[0]])
        raise TenfoldError(
            f"{dataset.source}: image {at} is labelled {model.classes[labels[at]]!r}, and the "
            f"equal image {before} {model.classes[labels[before]]!r}; correct one of them"
        )
    return labelled.subset(np.sort(first))


def _unseen(own: Dataset, model: Model) -> Indices:
    """Return the rows that a model has not learned from: they tell whether another is better."""
    rows = np.setdiff1d(np.arange(len(own)), model.training_overlap(own))
    if len(rows) < 2:
        raise TenfoldError(
            f"{own.source}: to see whether the model gets better takes two images or more that it "
            f"has not learned from. Received: {len(rows)} of {len(own):,}"
        )
    return rows


def _held_back(
    adapters: "Sequence[Adapter]", model: Model, recipe: Recipe, own: Dataset, unseen: Indices
) -> BeforeAfter:
    """Predict each unseen image by networks that were adapted to the images of the other folds."""
    from tenfold.training.inference import predict_probabilities

    labels, images = own.require_labels()[unseen], own.images[unseen]
    order = np.argsort(labels, kind="stable")
    fold = np.empty(len(unseen), np.int64)
    fold[order] = np.arange(len(unseen)) % FOLDS
    after = np.empty(len(unseen), np.int64)
    for number in np.unique(fold):
        held_back = fold == number
        rows = np.setdiff1d(np.arange(len(own)), unseen[held_back])
        probabilities = predict_probabilities(
            [adapter.adapt(rows) for adapter in adapters],
            images[held_back],
            recipe.test_time_shift,
            model.confidence.temperature,
        )
        after[held_back] = probabilities.argmax(axis=1)
    return before_after(
        "your digits, held back", model.predict(images).labels == labels, after == labels
    )


def _export(
    networks: "Sequence[Network]", model: Model, recipe: Recipe, own: Dataset, found: Replay
) -> bytes:
    """Write adapted networks as a model file, calibrated anew where the recipe rejects."""
    from tenfold.training.onnx_export import export_onnx

    if not len(found.validation):
        recipe = change(recipe, reject_fraction=0)
    recipe = change(recipe, cascade={})  # its first stage has not learned the new images
    negatives = 0 if own.negatives is None else len(own.negatives)
    record = Adaptation(Path(model.name).name, model.fingerprint, own.source, len(own), negatives)
    train_set = concatenate([found.digits, own], own.source)
    return export_onnx(
        networks,
        recipe,
        train_set,
        found.validation,
        own.images,
        labels=model.labels,
        hashes=np.union1d(model.training_hashes, shorten_hashes(own.hashes)),
        scale=model.scale,
        adaptations=(*model.adaptations, record),
    ).content


def _compare(before: Model, after: Model, own: Dataset, found: Replay) -> tuple[BeforeAfter, ...]:
    """Predict with both models what the new one must not get worse on."""
    results = []
    for test_set in found.tests:
        kept = without_leaks(test_set, before, own)
        if len(kept):
            images, labels = before.matched(kept).images, kept.require_labels()
            old, new = (one.predict(images).labels == labels for one in (before, after))
            results.append(before_after(kept.source, old, new, len(test_set) - len(kept)))
    if found.test_negatives is not None:
        old, new = (~one.predict(found.test_negatives).accepted for one in (before, after))
        results.append(before_after("non-digits, rejected", old, new))
    return tuple(results)


def _notes(own: Dataset, unseen: Indices, model: Model) -> list[str]:
    notes = []
    learned = len(own) - len(unseen)
    if learned:
        notes.append(f"{learned:,} of the images were learned from before: they are not scored")
    if model.cascade is not None:
        notes.append(
            "the first stage of its cascade has not learned the new images: the adapted model has "
            "none, and the whole network answers every image"
        )
    return notes
