"""What a sweep records: what it searches, and how each trial ended."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tenfold.run.recipe import Recipe, parse_recipe
from tenfold.run.records import Fraction, Number, Sha256
from tenfold.run.space import SearchRange, Value

State = Literal["finished", "stopped", "failed"]


class SweepRecord(Struct, frozen=True, kw_only=True):
    """What a sweep searches: `sweep.json`. Nothing else decides what a trial comes to.

    Args:
        space: where the ranges come from, as the user named it.
        ranges: of each key.
        recipe: the base recipe, as TOML.
        source: the training source, as the user named it.
        in_memory: whether that was no file.
        fingerprint: sha256 of the images.
        images: how many there are.
        folds: how many each trial has.
        split: how they are drawn: "writer", where writers are known, else "stratified".
        writers: how many wrote the images; None where that is unknown.
        working_directory: against which the source is read.
        ink: whether the images of class folders are drawings.
        started: UTC, ISO 8601.
        format: of the folder.
    """

    space: str
    ranges: tuple[SearchRange, ...]
    recipe: str
    source: str
    in_memory: bool
    fingerprint: Sha256
    images: Number
    folds: Annotated[int, Meta(ge=2)]
    split: Literal["writer", "stratified"]
    writers: int | None
    working_directory: str
    ink: bool
    started: str
    format: int = 1

    @property
    def base(self) -> Recipe:
        """The recipe that the sweep starts from."""
        return parse_recipe(self.recipe, "of the sweep")

    @property
    def folding(self) -> str:
        """How the folds were drawn, in words."""
        if self.split == "writer":
            return f"{self.folds} folds that share none of the {self.writers:,} writers"
        return (
            f"{self.folds} folds with the same share of each class; the writers are unknown, so "
            "that one writer's digits may be on both sides"
        )


class TrialRecord(Struct, frozen=True, kw_only=True):
    """How a trial ended: `trial.json`, the marker that it has.

    Args:
        number: from 0.
        state: "finished"; "stopped" early, as hopeless; or "failed".
        values: the proposed value of each key.
        reason: why it failed, or where it was stopped; "" where it finished.
        progress: the share of its training that was done, 0-1.
        accuracy: out of fold, 0-1; of a stopped trial of the images scored until then; None where
            it failed.
        n, correct: the images behind it.
        interval: Wilson's 95 % interval of it.
        loss: mean cross-entropy out of fold, where it finished.
        seconds: that it took, over all processes that worked on it.
    """

    number: Number
    state: State
    values: dict[str, Value]
    reason: str = ""
    progress: Fraction = 0.0
    accuracy: Fraction | None = None
    n: Number = 0
    correct: Number = 0
    interval: tuple[Fraction, Fraction] | None = None
    loss: float | None = None
    seconds: float = 0.0


def best_of(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the best trial that finished; of equal accuracy the one of less loss."""
    finished = [one for one in trials if one.state == "finished"]
    return min(finished, key=_badness, default=None)


def _badness(trial: TrialRecord) -> tuple[float, float, int]:
    assert trial.accuracy is not None
    return -trial.accuracy, trial.loss or 0.0, trial.number
