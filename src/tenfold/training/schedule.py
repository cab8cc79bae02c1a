"""How the learning rate and the augmentation change: by the step, or by what validation says."""

from dataclasses import dataclass

from tenfold.run import recipe as recipes


def step_factor(how: recipes.Constant | recipes.Plateau | recipes.Linear, share: float) -> float:
    """Give the factor on the learning rate once this share (0-1) of all steps is done."""
    if not isinstance(how, recipes.Linear):
        return 1.0
    if share < how.warmup:
        return share / how.warmup
    return (1.0 - share) / (1.0 - how.warmup)


def augmented_share(fade: float, share: float) -> float:
    """Give the share (0-1) of the pictures to augment once this share (0-1) of all steps is done.

    It is 1 until the last `fade` of the steps, and falls to 0 over those.
    """
    return min(1.0, (1.0 - share) / fade) if fade else 1.0


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
