"""What a run is made from, and what is to be made of it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.bundled import BUNDLED
from tenfold.data.dataset import Dataset
from tenfold.data.split import Indices, folds, split
from tenfold.errors import TenfoldError
from tenfold.ink.drawings import load
from tenfold.run.recipe import Recipe, change


@dataclass(frozen=True, eq=False)
class Part:
    """The pictures of one network: int64 rows of the training source.

    Args:
        number: its fold or member, from 1; 0 where the run has one network.
        recipe: the run's, with a seed of its own for each network.
        train: what it learns from.
        validation: what it is scored on after each epoch; may be empty.
        left_out: what it alone of all networks has not seen; empty where there are no folds.
    """

    number: int
    recipe: Recipe
    train: Indices
    validation: Indices
    left_out: Indices

    @property
    def name(self) -> str:
        """How its lines of progress begin."""
        kind = "fold" if self.recipe.folds else "member"
        return f"{kind} {self.number}/{self.recipe.networks}  " if self.number else ""

    @property
    def place(self) -> str:
        """Where its files lie in the run folder, as `folds/1`; only for one of several."""
        return f"{'folds' if self.recipe.folds else 'members'}/{self.number}"


@dataclass(frozen=True, eq=False)
class Plan:
    """A run before it is carried out: nothing else decides its end.

    Args:
        recipe: the resolved recipe.
        digits: the training source, before any split.
        questions: the test pictures, or None.
        submission: the absolute path of the submission, or None.
        report: whether to draw plots and report.
        errors: how many of the most important errors to draw.
        track: the tracker that the curves and scores go to as well, or None.
        ink: whether the pictures of class folders are drawings, as `--ink` says.
    """

    recipe: Recipe
    digits: Dataset
    questions: Dataset | None
    submission: str | None
    report: bool
    errors: int
    track: str | None
    ink: bool = False

    def parts(self) -> list[Part]:
        """Give the pictures of each network: one a fold, one a member, or one alone.

        Where there are folds, the validation share is held back from the others that a network
        learns from, so that nothing ever looks at the pictures that it is to be judged on.
        """
        recipe, digits = self.recipe, self.digits
        if not recipe.folds:
            whole, none = (
                split(digits, recipe.val_fraction, recipe.split, recipe.seed),
                np.empty(0, np.int64),
            )
            if recipe.members == 1:
                return [Part(0, recipe, whole.train, whole.validation, none)]
            return [
                Part(number, _own(recipe, number), whole.train, whole.validation, none)
                for number in range(1, recipe.members + 1)
            ]
        found = []
        for number, fold in enumerate(folds(digits, recipe.folds, recipe.split, recipe.seed), 1):
            own = _own(recipe, number)
            inner = split(digits.subset(fold.train), recipe.val_fraction, recipe.split, own.seed)
            train, held_back = fold.train[inner.train], fold.train[inner.validation]
            found.append(Part(number, own, train, held_back, fold.validation))
        return found

    def groups(self) -> list[list[Part]]:
        """Give the parts in groups that learn at once; a group's checkpoint lies with its first."""
        parts = self.parts()
        size = self.recipe.parallel_members if self.recipe.members > 1 else 1
        size = max(1, size)  # a recipe of before members could learn at once says 0
        return [parts[start : start + size] for start in range(0, len(parts), size)]

    def asked(self, in_memory: list[str]) -> dict[str, Any]:
        """Tell what neither recipe nor sources tell, for `environment.json`.

        Args:
            in_memory: which of "source" and "test" were given as pictures, not by name.
        """
        return {
            "folder": os.getcwd(),
            "in_memory": in_memory,
            "submission": self.submission,
            "report": self.report,
            "errors": self.errors,
            "track": self.track,
            "ink": self.ink,
        }


def _own(recipe: Recipe, number: int) -> Recipe:
    """Give a network of several its own seed; the first has the run's."""
    return change(recipe, seed=(recipe.seed + number - 1) % 2**31)


def reload_source(
    environment: dict[str, Any], which: str = "source", given: str | Path | Dataset | None = None
) -> Dataset:
    """Load the pictures of a run once more.

    Args:
        environment: what the run's `environment.json` says.
        which: "source" or "test", which the run must have.
        given: where they are now; by default where they were when the run began.

    Raises:
        TenfoldError: where they are gone, or are no longer those of the run.
    """
    prefix = "" if which == "source" else "test_"
    name, fingerprint = environment[f"{prefix}source"], environment[f"{prefix}fingerprint"]
    asked = environment.get("asked", {"folder": "", "in_memory": []})
    where = given
    if where is None:
        where = name if name in BUNDLED else os.path.join(asked["folder"], name)
    try:
        digits = load(where, asked.get("ink", False))
        if which == "test" and digits.labels is not None:
            digits = digits.remap_classes(tuple(environment["classes"]))
        if digits.fingerprint != fingerprint:
            raise TenfoldError(f"{where}: is no longer the set that the run was made from")
    except TenfoldError:
        if given is None and which in asked["in_memory"]:
            raise TenfoldError(f"{name}: were pictures in memory, and no file has them") from None
        raise
    return replace(digits, source=name)
