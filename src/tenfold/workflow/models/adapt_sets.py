"""What adapting a model needs besides the new images: what it learned from, and what tests it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from tenfold.data.bundled import bundled
from tenfold.data.dataset import AnySource, Dataset, Images, concatenate
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.metadata import shorten_hashes
from tenfold.model.reader import DIGIT_NAMES
from tenfold.model.replay import stored_replay
from tenfold.run.folder import RunFolder
from tenfold.workflow.load import load
from tenfold.workflow.runs.plan import reload_named

LEAST_REPLAYED = 100  # images; with fewer it would forget what they do not show
MOST_HELD_BACK = 6_000
MOST_REPLAYED = 4_000  # of its training source; 12,000 kept no more of MNIST


@dataclass(frozen=True, eq=False)
class Replay:
    """What a model learned from, as far as it can be had.

    Args:
        digits: images that it learned from, with non-digits as `negatives` where there are some.
        guard: images of the same source that it has not learned from, to see on while it adapts
            whether it forgets; may be empty.
        validation: these and others that it has not learned from, to fit its confidence on.
        tests: sets on which it must not get worse.
        test_negatives: uint8 [n, 28, 28], non-digits that it must go on rejecting; None for none.
    """

    digits: Dataset
    guard: Dataset
    validation: Dataset
    tests: tuple[Dataset, ...]
    test_negatives: Images | None


def find_replay(
    path: str | PathLike[str],
    model: Model,
    own: Dataset,
    given: AnySource | None,
    tests: Sequence[AnySource],
) -> Replay:
    """Find what a model learned from, and the sets that show whether it forgets.

    It is the source of a run; of the shipped model, and of those that were adapted from it, MNIST
    and a part of everything else, which the package has; of another file of digits, MNIST where it
    learned from that. Which of the images it learned from is told by their hashes in the file.

    Args:
        path: the run folder or model file.
        model: what is there.
        own: the new images, which neither guard nor choose its confidence.
        given: what it learned from, as the user names it, or None.
        tests: sets that the user names, besides those that are there.

    Raises:
        TenfoldError: where nothing is there, or nothing to test on.
    """
    source = _source(path, model, given).remap_classes(model.classes)
    learned = np.isin(shorten_hashes(source.hashes), model.training_hashes)
    if learned.sum() < LEAST_REPLAYED:
        raise TenfoldError(
            f"{model.name}: learned from {int(learned.sum()):,} of the {len(source):,} images of "
            f"{source.source}; name what it was trained on, with --replay"
        )
    places = np.flatnonzero(learned)
    random = np.random.default_rng(0)
    digits = source.subset(np.sort(random.permutation(places)[:MOST_REPLAYED]))
    other = np.flatnonzero(~learned & ~np.isin(source.hashes, own.hashes))
    unseen = source.subset(np.sort(random.permutation(other)[:MOST_HELD_BACK]))
    stored = stored_replay(model)
    named = [load(one).remap_classes(model.classes) for one in tests]
    if model.classes == DIGIT_NAMES:
        named.append(bundled("mnist:test"))
    if stored is None:  # one half guards, the other tests
        guard, test = (unseen.subset(np.arange(first, len(unseen), 2)) for first in (0, 1))
        if len(test):
            named.append(replace(test, source=f"{source.source}, held back"))
        return Replay(digits, guard, unseen, _labelled(named, model), None)
    others = stored.validation
    kept = others.subset(np.flatnonzero(~np.isin(others.hashes, own.hashes)))
    validation = concatenate([replace(unseen, negatives=None), kept], "held back")
    named.append(others)
    joined = concatenate([digits, stored.digits], source.source)
    return Replay(joined, unseen, validation, _labelled(named, model), stored.test_negatives)


def without_leaks(test_set: Dataset, model: Model, own: Dataset) -> Dataset:
    """Leave out of a test set what a model, or the one adapted on `own`, was trained on."""
    known = np.union1d(model.training_hashes, shorten_hashes(own.hashes))
    seen = np.isin(shorten_hashes(test_set.hashes), known)
    return test_set.subset(np.flatnonzero(~seen)) if seen.any() else test_set


def _source(path: str | PathLike[str], model: Model, given: AnySource | None) -> Dataset:
    """Load what a model learned from, and more of the same where that is there."""
    if given is not None:
        return load(given)
    if os.path.isdir(os.path.expanduser(path)):
        try:
            return reload_named(RunFolder.open(path).environment(), "source", None)
        except TenfoldError as error:
            raise TenfoldError(
                f"{error.args[0].partition('; name')[0]}; name the images with "
                "--replay, or in Python with replay=..."
            ) from None
    if model.classes == DIGIT_NAMES:
        mnist = bundled("mnist")
        if len(model.training_overlap(mnist)) >= LEAST_REPLAYED:
            return mnist
    raise TenfoldError(
        f"{model.name}: what it learned from is not known, and without that it would forget it; "
        "name its run, or what it was trained on with --replay"
    )


def _labelled(sets: list[Dataset], model: Model) -> tuple[Dataset, ...]:
    for one in sets:
        one.require_labels()
    if not sets:
        raise TenfoldError(
            f"{model.name}: there is no set to see on whether it gets worse; name one with --test"
        )
    return tuple(sets)
