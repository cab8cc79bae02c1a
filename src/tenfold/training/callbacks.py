"""Callbacks: what training tells of itself as it goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tenfold.errors import TenfoldError
from tenfold.run.records import EpochRecord


@dataclass(frozen=True)
class ProgressEvent:
    """Where training stands.

    Args:
        epoch: the current epoch, from 1.
        epochs: how many there will be.
        step: optimiser steps done, over all epochs.
        steps: how many there will be.
        loss: mean training loss of the epoch so far.
        accuracy: training accuracy (0-1) of the epoch so far, on augmented images.
        images_per_second: of the epoch so far, over all networks that are trained at once.
        seconds_left: estimated until the last step.
        record: the epoch's row of `history.csv`, with validation; None within an epoch.
        network: which network of the run is trained, from 1; of several that are trained at once,
            the first.
        networks: how many networks the run has: folds or members, else 1.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float
    record: EpochRecord | None = None
    network: int = 1
    networks: int = 1


class StopTraining(Exception):  # a request, as StopIteration is, and not a failure
    """Raise it in a callback to end training at the end of the current epoch.

    That epoch is finished, validated and saved first, and all callbacks are told of it. The run is
    then scored, exported and reported with the weights that it has, and is marked as interrupted
    where its schedule has not come to its end; `tenfold resume` continues it. A run of several
    networks has no model before all are trained: there the run ends in a TenfoldError.
    """


@runtime_checkable
class Callback(Protocol):
    """What `tenfold.train(..., callbacks=[...])` calls: any object with `on_epoch_end`.

    An object that has `on_progress(event)` too is told a few times a second on the CPU; never
    within an epoch on a GPU, which would have to be waited for.

    A callback changes nothing of what is trained. It may end training by raising `StopTraining`.
    Any other exception ends training as well and reaches the caller of `train`; the checkpoint of
    the epoch is written before the callbacks are called, so that `tenfold resume` loses nothing.
    """

    def on_epoch_end(self, event: ProgressEvent) -> None:
        """Take note of an epoch that has ended, validation included: `event.record` is set."""


@runtime_checkable
class ProgressCallback(Callback, Protocol):
    """A callback that is told within epochs too."""

    def on_progress(self, event: ProgressEvent) -> None:
        """Take note of how far the epoch has come."""


def check_callbacks(callbacks: Iterable[object]) -> None:
    """Raise TenfoldError where one of them is no callback."""
    for index, callback in enumerate(callbacks):
        if isinstance(callback, type) or not isinstance(callback, Callback):
            name = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            what = f"the class {name}" if isinstance(callback, type) else name
            raise TenfoldError(
                f"callbacks[{index}] must be an object with a method on_epoch_end(event). "
                f"Received: {what}"
            )
