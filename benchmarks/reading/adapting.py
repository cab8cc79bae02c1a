"""`tenfold adapt` on people whom the shipped model has not seen.

    python -m benchmarks run adapt

A group: 300 digits, drawn at random from those of a group of people, adapt the shipped model; the
others of these people, digits of people who are not among them, and MNIST's test set are predicted
before and after. Groups are UNIPEN's 15 test writers with most digits, as strokes; the 13 people of
optdigits who are in none of its other parts; and the second 40 people of semeion.

A writer: 20 digits of one of UNIPEN's test writers adapt it, and all others of that writer are
predicted before and after, for each writer who has more than 20.

Nothing here chose how a model is adapted: that was done on writers of UNIPEN's training half, with
a model that had not learned from them. A row is a group or a writer.
"""

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import code_digest, provenance
from benchmarks.core.store import Row, Store, log, matches
from benchmarks.reading import renderings, unipen
from benchmarks.reading.adapting_tables import group_table, writer_table
from benchmarks.reading.benchmark import model_digest
from benchmarks.reading.handwriting import handwriting_sets
from benchmarks.reading.page_confidence import judge_scenes
from tenfold import ink
from tenfold.data.atomic import atomic_write
from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.evaluation.mcnemar import mcnemar_test
from tenfold.model.file import Model
from tenfold.model.reader import MIN_COMBINED, SHIPPED, Reader, combine
from tenfold.model.replay import REPLAY
from tenfold.run.environment import thread_count
from tenfold.run.recipe import change, parse_recipe
from tenfold.training import adaptation
from tenfold.training.adaptation import Adapter
from tenfold.training.backend import Backend, resolve
from tenfold.training.inference import predict_probabilities
from tenfold.training.onnx_restore import restore_networks
from tenfold.workflow.models.adapt import adapt
from tenfold.workflow.models.adapt_sets import find_replay

GROUP_DIGITS, WRITER_DIGITS = 300, 20
SCENES = 100  # synthetic pages, of each model
LARGE_WRITERS = 15  # of UNIPEN's, those with most digits
RUNS = Path("runs")
UNIPEN, OPTDIGITS, SEMEION = "UNIPEN, 15 writers", "optdigits, 13 people", "semeion, 40 people"


@dataclass(frozen=True, eq=False)
class Group:
    """Digits of a group of people, and those of others.

    Args:
        digits: of the people, from whom the ones to adapt to are drawn.
        others: by people who are not among them; None where there are none.
        reads_pages: whether synthetic pages are read with the adapted model, too.
    """

    digits: Dataset
    others: Dataset | None
    reads_pages: bool = False


class Adapt(Benchmark):
    """Errors on people whom the shipped model has not seen, before and after `tenfold adapt`."""

    name = "adapt"
    description = "Errors on the digits of unseen people before and after `tenfold adapt`."
    section = "Adapting to people"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add how many times each group is drawn."""
        parser.add_argument("--seeds", type=int, default=3, metavar="N", help="draws of a group")
        parser.add_argument(
            "--only", choices=("groups", "writers"), help="measure these alone (default: both)"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure every group and writer that has no row yet, and print the tables."""
        store, threads = Store(self.file, arguments.results), arguments.threads or None
        if arguments.only != "writers":
            for name, group in _groups().items():
                for seed in range(arguments.seeds):
                    key = {"kind": "group", "name": name, "seed": seed, **_model_key()}
                    once = replace(group, reads_pages=group.reads_pages and seed == 0)
                    store.measure_once(key, partial(measure_group, once, seed, threads))
        if arguments.only != "groups":
            _measure_writers(store, stored_digits("unipen", unipen_digits), threads)
        print(self.table(store.rows()))
        return 0

    def table(self, rows: list[Row]) -> str:
        """Format the groups, and the writers in one line of each size."""
        now = [row for row in rows if matches(row, **_model_key())]
        groups = [row for row in now if row["kind"] == "group"]
        writers = [row for row in now if row["kind"] == "writer"]
        parts = [part for part in (group_table(groups), writer_table(writers)) if part]
        return "\n\n".join(parts)

    def pending(self, rows: list[Row]) -> list[str]:
        """List the groups that have no row."""
        measured = {row["name"] for row in rows if matches(row, kind="group", **_model_key())}
        missing = [name for name in (UNIPEN, OPTDIGITS, SEMEION) if name not in measured]
        return [f"adapting to {', '.join(missing)}: `{command(self.name)}`"] if missing else []


def _groups() -> dict[str, Group]:
    """Return the groups of people; each has its digits as the Reader hands them to a model."""
    digits = stored_digits("unipen", unipen_digits)
    assert digits.writers is not None
    writers, counts = np.unique(digits.writers, return_counts=True)
    large = writers[np.argsort(-counts, kind="stable")[:LARGE_WRITERS]]
    among = np.isin(digits.writers, large)
    unipen_group = Group(
        digits.subset(np.flatnonzero(among)), digits.subset(np.flatnonzero(~among)), True
    )
    return {
        UNIPEN: unipen_group,
        OPTDIGITS: Group(stored_digits("optdigits", partial(_found, "optdigits, others")), None),
        SEMEION: Group(stored_digits("semeion", partial(_found, "semeion:test")), None),
    }


def unipen_digits() -> Dataset:
    """Draw the digits of UNIPEN's test writers as the page to draw on does, each in one image."""
    characters = unipen.load_unipen()
    rows = characters.halves(characters.digits)[1]
    images = [renderings.find_strokes(characters.digits.strokes(row)) for row in rows.tolist()]
    found = np.array([image is not None for image in images])
    return Dataset(
        np.stack([image for image in images if image is not None]),
        characters.digits.labels[rows[found]].astype(np.int64),
        writers=characters.digits.writers[rows[found]].astype(np.int64),
    )


def _found(name: str) -> Dataset:
    """Find the digits of a set of other people's handwriting, one on each image."""
    labelled = handwriting_sets()[name]()
    images = [renderings.find(image) for image in labelled.images]
    found = np.array([image is not None for image in images])
    return Dataset(
        np.stack([image for image in images if image is not None]), labelled.labels[found]
    )


def stored_digits(name: str, make: Callable[[], Dataset]) -> Dataset:
    """Return digits from a file, or make them and write the file, a minute's work.

    Args:
        name: of the set, in the file's name.
        make: makes them; anew where the code that finds digits has changed.
    """
    path = RUNS / f"adapt-{name}.npz"
    made_by = code_digest([Path(renderings.__file__), *Path(ink.__path__[0]).glob("*.py")])
    if path.exists():
        with np.load(path) as stored:
            if str(stored["made_by"]) == made_by:
                writers = stored.get("writers")
                return Dataset(stored["images"], stored["labels"], source=name, writers=writers)
    digits = make()
    columns: dict[str, Any] = {"images": digits.images, "labels": digits.require_labels()}
    if digits.writers is not None:
        columns["writers"] = digits.writers
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.savez_compressed(file, made_by=made_by, **columns)
    return replace(digits, source=name)


def measure_group(group: Group, seed: int, threads: int | None) -> Row:
    """Adapt the shipped model to digits of a group; predict the group's others, and other people.

    Args:
        group: the people.
        seed: draws the digits.
        threads: CPU threads; None for every core.
    """
    order = np.random.default_rng(seed).permutation(len(group.digits))
    own, same = (group.digits.subset(part) for part in (order[:GROUP_DIGITS], order[GROUP_DIGITS:]))
    started, cpu = time.perf_counter(), time.process_time()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "adapted.onnx"
        result = adapt(own, out=out, always=True, threads=threads)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
        models = Model(SHIPPED, threads), Model(out, threads)
        pages = [read_pages(one, threads) for one in (SHIPPED, out)] if group.reads_pages else None
    row: Row = {"n_own": len(own), "seconds": seconds, "cpu_seconds": cpu_seconds, "pages": pages}
    row |= {"threads": thread_count(threads), "better": result.better}
    row["same"] = _counts(models, same)
    row["others"] = None if group.others is None else _counts(models, group.others)
    row["held_back"] = result.own.to_dict()
    row["sets"] = {one.name: one.to_dict() for one in result.others}
    row["mnist:test"] = _counts(models, bundled("mnist:test"))
    return row


def read_pages(path: Path, threads: int | None) -> Row:
    """Read synthetic pages with a model beside the page network.

    They are the first of those on which the two were weighed (`page_confidence`), with the shipped
    model.

    Returns:
        Of the characters found: how many digits there are, how many of them are accepted and right,
        and how much is accepted and wrong, what is no digit included; the mean loss of the joint
        probabilities.
    """
    judged = judge_scenes(Reader(path, threads=threads), SCENES)
    joined = np.array([combine(one.evidence, one.probabilities, one.accepted) for one in judged])
    truth = np.array([one.truth for one in judged])
    accepted, right = joined.max(axis=1) >= MIN_COMBINED, joined.argmax(axis=1) == truth
    sure = np.column_stack([joined, 1 - joined.sum(axis=1)])[np.arange(len(truth)), truth]
    return {
        "characters": len(judged),
        "digits": int((truth < 10).sum()),
        "right": int((accepted & right).sum()),
        "wrong": int((accepted & ~right).sum()),
        "loss": float(-np.log(sure.clip(1e-6)).mean()),
    }


def _counts(models: tuple[Model, Model], digits: Dataset) -> Row:
    """Count errors, and what is not both right and accepted, before and after."""
    labels = digits.require_labels()
    predicted = [model.predict(digits.images) for model in models]
    right = [one.labels == labels for one in predicted]
    return {
        "n": len(labels),
        "errors": [int((~one).sum()) for one in right],
        "not_read": [
            int((~(one & found.accepted)).sum())
            for one, found in zip(right, predicted, strict=True)
        ],
        "p": mcnemar_test(*right).p_value,
    }


def _measure_writers(store: Store, digits: Dataset, threads: int | None) -> None:
    """Adapt the shipped model to 20 digits of each writer who has more, and predict the others.

    The new images of all writers pass through the layers that stay as they are at once; `adapt`
    does the same for those of one, and the file that it writes predicts as the networks do.
    """
    assert digits.writers is not None
    writers, counts = np.unique(digits.writers, return_counts=True)
    chosen = writers[counts > WRITER_DIGITS].tolist()
    digits = digits.subset(np.flatnonzero(np.isin(digits.writers, chosen)))
    missing = [one for one in chosen if not store.has(kind="writer", writer=one, **_model_key())]
    if not missing:
        return
    model, own = Model(SHIPPED, threads), digits
    assert own.writers is not None
    recipe = parse_recipe(model.recipe_toml, model.name, [f"threads={thread_count(threads)}"])
    Backend.prepare(resolve(change(recipe, device="cpu")))
    replay = find_replay(SHIPPED, model, own, None, ())
    (network,) = restore_networks(model, replay.digits.images[:100])
    adapter = Adapter(network, recipe, own, replay.digits, replay.guard)
    mnist = bundled("mnist:test")
    features = adapter.features(mnist.images)
    for writer in missing:
        rows = np.random.default_rng(writer).permutation(np.flatnonzero(own.writers == writer))
        adapted, rest = adapter.adapt(rows[:WRITER_DIGITS]), own.subset(rows[WRITER_DIGITS:])
        labels = rest.require_labels()
        row: Row = {"n": len(rest), "errors": [], "mnist_errors": []}
        for one in (network, adapted):
            probabilities = predict_probabilities(
                [one], rest.images, recipe.test_time_shift, model.confidence.temperature
            )
            row["errors"].append(int((probabilities.argmax(axis=1) != labels).sum()))
            found = one[-1](features).argmax(1).numpy()
            row["mnist_errors"].append(int((found != mnist.require_labels()).sum()))
        store.append({"kind": "writer", "writer": writer, **_model_key(), **row, **provenance()})
        log(f"writer {writer}: {row['errors'][0]} -> {row['errors'][1]} of {row['n']}")


@cache
def _model_key() -> Row:
    """Return what a result depends on: the shipped model, and how it is adapted."""
    shipped = model_digest(Model(SHIPPED))
    replayed = hashlib.sha256(REPLAY.read_bytes()).hexdigest()[:12]
    names = ("STEPS", "LEARNING_RATE", "OWN_WEIGHT", "OWN", "AGAIN", "NEGATIVE", "VIEWS")
    settings = {name.lower(): getattr(adaptation, name) for name in names}
    settings["lengths"] = list(adaptation.LENGTHS)  # as JSON has it
    return {"model": shipped, "replay": replayed, "settings": settings}
