"""How the learning rate and augmentation change over training."""

import math
from dataclasses import dataclass

from msgspec import Struct

from tenfold.run import schedules as specs


def learning_rate_factor(schedule: specs.AnySchedule, done: float) -> float:
    """Return the factor on the learning rate when the share `done` (0-1) of all steps is done."""
    if not isinstance(schedule, specs.Linear | specs.Cosine):
        return 1.0
    if done < schedule.warmup:
        return done / schedule.warmup
    left = (1.0 - done) / (1.0 - schedule.warmup)
    if isinstance(schedule, specs.Linear):
        return left
    return schedule.final + (1.0 - schedule.final) * (1.0 - math.cos(math.pi * left)) / 2


def augment_fraction(fade: float, done: float) -> float:
    """Return the share (0-1) of images to augment when the share `done` of all steps is done.

    It is 1 until the last `fade` of the steps, and falls to 0 over those.
    """
    return min(1.0, (1.0 - done) / fade) if fade else 1.0


class PlateauState(Struct):
    """What the plateau schedule remembers: learning rate, best accuracy, epochs without a rise.

    `best` is -1 before the first epoch.
    """

    rate: float
    best: float = -1.0
    waited: int = 0


@dataclass
class ReduceOnPlateau:
    """Lower the learning rate when validation accuracy stands still, as Keras's ReduceLROnPlateau.

    Args:
        config: patience in epochs, factor, smallest rate, smallest rise that counts.
        state: what it remembers from epoch to epoch.
    """

    config: specs.Plateau
    state: PlateauState

    def after_epoch(self, accuracy: float) -> float:
        """Take an epoch's validation accuracy (0-1); return the next epoch's learning rate."""
        config, state = self.config, self.state
        if accuracy > state.best + config.min_delta:
            state.best, state.waited = accuracy, 0
            return state.rate
        state.waited += 1
        if state.waited >= config.patience and state.rate > config.min_learning_rate:
            state.rate = max(state.rate * config.factor, config.min_learning_rate)
            state.waited = 0
        return state.rate
