"""What a run is made from, and what is to be made of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tenfold.data.atomic import expanded
from tenfold.data.dataset import AnySource, Dataset
from tenfold.data.matching import matched, pixel_statistics
from tenfold.data.source_name import moved, reads_stdin
from tenfold.data.split import Indices, folds, split
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe, change
from tenfold.run.records import Environment, RunRequest, Tracker
from tenfold.workflow.load import load

MAX_SEED = 2**31
# Images that a model file is compared on, where there is neither a test nor a validation set.
PARITY_IMAGES = 1000


@dataclass(frozen=True, eq=False)
class TrainJob:
    """The images of one network: int64 rows of the training source.

    Args:
        number: its fold or member, from 1.
        recipe: the run's, with a seed of its own for each network.
        train: rows to train on.
        validation: rows to score after each epoch; may be empty.
        held_out: rows that it alone of all networks has not seen; empty where there are no folds.
    """

    number: int
    recipe: Recipe
    train: Indices
    validation: Indices
    held_out: Indices


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is executed: nothing else decides its outcome.

    Args:
        recipe: the resolved recipe.
        train_set: the training source, before any split.
        test_set: the test images, or None.
        request: what else was asked for.
        watch_held_out: of a run with folds and no validation share, score each network after each
            epoch on its fold. Nothing of training follows from it but an early end.
    """

    recipe: Recipe
    train_set: Dataset
    test_set: Dataset | None
    request: RunRequest
    watch_held_out: bool = False

    @cached_property
    def matched_test_set(self) -> Dataset | None:
        """The test images, brought to the polarity and contrast of the training images.

        Raises:
            TenfoldError: where they differ and that cannot be mended with certainty.
        """
        test = self.test_set
        if test is None:
            return None
        images, notes = matched(test.images, pixel_statistics(self.train_set.images), test.source)
        return replace(test, images=images, notes=(*test.notes, *notes)) if notes else test

    def with_seeds(self, count: int) -> "list[Plan]":
        """Make the plans of so many runs of the recipe: no two networks of them share a seed.

        The first has the recipe's seed, the next the following one; of several networks a run has
        several seeds.
        """
        first, step = self.recipe.seed, self.recipe.networks
        seeds = [(first + number * step) % MAX_SEED for number in range(count)]
        return [replace(self, recipe=change(self.recipe, seed=seed)) for seed in seeds]

    def jobs(self) -> list[TrainJob]:
        """List the networks to train: one a fold, one a member, or a single one.

        Where there are folds, the validation share is held back from the others that a network is
        trained on, so that nothing ever looks at the images that it is to be judged on.
        """
        recipe, train_set = self.recipe, self.train_set
        if not recipe.folds:
            whole = split(train_set, recipe.val_fraction, recipe.split, recipe.seed)
            none = np.empty(0, np.int64)
            return [
                TrainJob(number, _seeded(recipe, number), whole.train, whole.validation, none)
                for number in range(1, recipe.members + 1)
            ]
        jobs = []
        for number, fold in enumerate(folds(train_set, recipe.folds, recipe.split, recipe.seed), 1):
            own = _seeded(recipe, number)
            inner = split(train_set.subset(fold.train), recipe.val_fraction, recipe.split, own.seed)
            train, validation = fold.train[inner.train], fold.train[inner.validation]
            if self.watch_held_out and not recipe.val_fraction:
                validation = fold.validation
            jobs.append(TrainJob(number, own, train, validation, fold.validation))
        return jobs

    def groups(self) -> list[list[TrainJob]]:
        """List the jobs in groups that are trained at once."""
        jobs, size = self.jobs(), self.recipe.group_size
        return [jobs[start : start + size] for start in range(0, len(jobs), size)]

    def splits(self, job: TrainJob) -> tuple[Dataset, Dataset | None]:
        """Return the images of a job: to train on, and to validate on where there are any."""
        val_set = self.train_set.subset(job.validation) if len(job.validation) else None
        return self.train_set.subset(job.train), val_set


def _seeded(recipe: Recipe, number: int) -> Recipe:
    """Give a network of several its own seed; the first has the run's, and trains the cascade's."""
    if recipe.networks == 1:
        return recipe
    seeded = change(recipe, seed=(recipe.seed + number - 1) % MAX_SEED)
    return seeded if number == 1 else change(seeded, cascade={})


def request_for(
    named: dict[str, AnySource],
    submission: str | Path | None,
    report: bool,
    errors: int,
    trackers: Sequence[Tracker],
    ink: bool,
) -> RunRequest:
    """Record what was asked of a run, with paths that hold from any folder.

    Args:
        named: "source" and "test" as they were given.
        submission, report, errors, ink: as `train` takes them.
        trackers: what the run is logged to.
    """
    return RunRequest(
        working_directory=os.getcwd(),
        in_memory=tuple(
            name
            for name, value in named.items()
            if value is not None and not isinstance(value, str | Path)
        ),
        submission=None if submission is None else str(expanded(submission).absolute()),
        report=report,
        errors=errors,
        trackers=tuple(trackers),
        ink=ink,
    )


def reload_named(
    environment: Environment, which: str, given: str | Path | Dataset | None
) -> Dataset:
    """Do as `reload_source` does; an error says how to name the images of a run that moved."""
    try:
        return reload_source(environment, which, given)
    except TenfoldError as error:
        raise TenfoldError(
            f"{error}; name the images with --{which}, or in Python with {which}=..."
        ) from None


def reload_source(
    environment: Environment, which: str = "source", given: AnySource | None = None
) -> Dataset:
    """Load the images of a run once more.

    Args:
        environment: the run's.
        which: "source" or "test", which the run must have.
        given: where they are now; by default where they were when the run began.

    Raises:
        TenfoldError: where they are gone, or are no longer those of the run.
    """
    name, fingerprint = environment.source, environment.fingerprint
    if which == "test":
        assert environment.test_source is not None
        assert environment.test_fingerprint is not None
        name, fingerprint = environment.test_source, environment.test_fingerprint
    request, place = environment.request, given
    if place is None and reads_stdin(name):
        raise TenfoldError(f"{name}: came in on stdin, and no file has it")
    if place is None:
        place = moved(name, request.working_directory)
    try:
        dataset = load(place, request.ink)
        if which == "test" and dataset.labels is not None:
            dataset = dataset.remap_classes(environment.classes)
        if dataset.fingerprint != fingerprint:
            raise TenfoldError(f"{place}: is no longer the set that the run was made from")
    except TenfoldError:
        if given is None and which in request.in_memory:
            raise TenfoldError(f"{name}: was an array in memory, and no file has it") from None
        raise
    return replace(dataset, source=name)
