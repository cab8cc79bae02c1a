"""How the learning rate changes: by the step, or by what validation says."""

from dataclasses import dataclass

from tenfold.run import recipe as recipes


def step_factor(how: recipes.Constant | recipes.Plateau | recipes.Linear, share: float) -> float:
    """Give the factor on the learning rate once this share (0-1) of all steps is done."""
    if not isinstance(how, recipes.Linear):
        return 1.0
    if share < how.warmup:
        return share / how.warmup
    return (1.0 - share) / (1.0 - how.warmup)


@dataclass
class PlateauAnnealer:
    """Lower the rate when validation accuracy stands still, as Keras's ReduceLROnPlateau does.

    Args:
        how: patience in epochs, factor, smallest rate, smallest rise that counts.
        rate: the learning rate to begin with.
    """

    how: recipes.Plateau
    rate: float
    best: float = float("-inf")
    waited: int = 0

    def after_epoch(self, accuracy: float) -> float:
        """Take an epoch's validation accuracy (0-1); return the next epoch's learning rate."""
        if accuracy > self.best + self.how.min_delta:
            self.best, self.waited = accuracy, 0
            return self.rate
        self.waited += 1
        if self.waited >= self.how.patience and self.rate > self.how.min_learning_rate:
            self.rate = max(self.rate * self.how.factor, self.how.min_learning_rate)
            self.waited = 0
        return self.rate
