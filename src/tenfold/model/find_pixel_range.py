"""Find the range of pixels that a model of digits was trained with, by trying it on digits.

Neither accuracy nor loss tells alone. A network that was trained on 0..1 reads 0..255 as well, with
a loss 20 times as high (95.2 % and 94.9 %); one that was trained with label smoothing has a lower
loss on pixels that are too strong (0.07 for 0.18, at 97.9 and 98.2 %); one that was trained on
-0.5..0.5 reads 0.1307/0.3081 better than -1..1, with a higher loss (91.8 % and 87.5 %, 2.8 and
1.7). So one range must beat every other, and where none does, its loss is that of no classifier, or
a range that is not in use does better, the user is asked. Shifted images are half of those tried:
on images that a network knows by heart the loss tells little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tenfold.data.bundled import bundled
from tenfold.data.dataset import Images, Labels
from tenfold.errors import TenfoldError
from tenfold.model.pixel_range import PixelRange

FEW, MANY = 200, 2000  # MNIST's training images: for a first look, and to decide on
HOPELESS = 0.15  # of accuracy on the few: 30 images of 200
SURE_Z = 3.3  # McNemar's test without correction, p = 0.001
SURE_RATIO = 2.0  # between two losses; with label smoothing 1.04 was seen the wrong way round
BETTER_RATIO = 1.1
MIN_ACCURACY, MAX_LOSS = (
    0.8,
    1.0,
)  # on images as they are; 0.1-0.3 were seen where the range was right
SMALLEST = np.finfo(np.float32).tiny

# The class predicted, int64 [n], and the probability of every class, or None.
Predict = Callable[[Images, PixelRange], tuple[Labels, NDArray[np.float32] | None]]


@dataclass(frozen=True, eq=False)
class Trial:
    """How a model did with one range.

    Args:
        pixels: the range.
        accuracy: on images as they are, 0-1.
        correct: bool [n], on those and on shifted ones.
        labels: int64 [n], what was predicted.
        loss: mean cross entropy of those, nats; None without probabilities.
        clean_loss: likewise, on images as they are.
    """

    pixels: PixelRange
    accuracy: float
    correct: NDArray[np.bool_]
    labels: Labels
    loss: float | None
    clean_loss: float | None

    def more_accurate(self, other: "Trial") -> bool:
        """Whether it is more accurate, beyond chance."""
        mine = int((self.correct & ~other.correct).sum())
        others = int((~self.correct & other.correct).sum())
        return mine > others and (mine - others) / sqrt(mine + others) > SURE_Z

    def lower_loss(self, other: "Trial", ratio: float) -> bool:
        """Whether the loss is lower, by that factor."""
        return self.loss is not None and other.loss is not None and self.loss * ratio < other.loss

    def same(self, other: "Trial") -> bool:
        """Whether it makes no difference which of the two is taken."""
        alike = bool((self.labels == other.labels).all())
        if self.loss is None or other.loss is None:
            return alike
        return alike and abs(self.loss - other.loss) <= 1e-3 * max(self.loss, 1e-3)

    def beats(self, other: "Trial") -> bool:
        """Whether it is the range of the two, for certain."""
        if other.more_accurate(self) or other.lower_loss(self, BETTER_RATIO):
            return False
        return self.more_accurate(other) or self.lower_loss(other, SURE_RATIO)

    @property
    def plausible(self) -> bool:
        """Whether it is as a classifier of digits is on the range that it was trained on."""
        sane = self.clean_loss is None or self.clean_loss < MAX_LOSS
        return sane and self.accuracy > MIN_ACCURACY

    def __str__(self) -> str:
        loss = "" if self.loss is None else f" and {self.loss:.3g}"
        return f"{self.pixels}: {self.accuracy * 100:.1f} %{loss}"


def find_pixel_range(
    predict: Predict, ranges: Sequence[PixelRange], name: str
) -> tuple[PixelRange, str]:
    """Try ranges on MNIST's training images, as they are and shifted by a pixel or two.

    Args:
        predict: the model; its classes are the ten digits.
        ranges: those that are in use.
        name: the model, for errors.

    Returns:
        The range, and a sentence on how it was found.

    Raises:
        TenfoldError: where none is certain.
    """
    digits = bundled("mnist")
    images, labels = digits.images[:MANY], digits.require_labels()[:MANY]
    looks = [_try(predict, one, images[:FEW], labels[:FEW]) for one in ranges]
    best = max(look.accuracy for look in looks)
    left = [look.pixels for look in looks if look.accuracy > best - HOPELESS]
    both, twice = np.concatenate([images, shifted(images)]), np.tile(labels, 2)
    trials = [_try(predict, one, both, twice) for one in left]
    trials.sort(key=lambda trial: -trial.accuracy)
    for trial in trials:
        others = [other for other in trials if other is not trial]
        if not all(trial.beats(other) or trial.same(other) for other in others):
            continue
        unusual = [_try(predict, one, both, twice) for one in _stretched(trial.pixels)]
        if not trial.plausible or any(_better(one, trial) for one in unusual):
            break
        found = f"pixels {trial.pixels}, found by trying {MANY:,} of MNIST's training images"
        rest = "; ".join(map(str, others)) or "all others are far worse"
        loss = "" if trial.loss is None else ", and loss with shifted ones"
        return trial.pixels, f"{found} (accuracy{loss}, {trial}; {rest})"
    raise TenfoldError(
        f"{name}: does not say what its pixels must be, and trying MNIST's training images does "
        f"not tell for certain ({'; '.join(map(str, trials[:3]))}); say what it was trained with, "
        f"as {name}:pixels=0..1 (BACKGROUND..INK), or 0.1307/0.3081 (mean/std)"
    )


def shifted(images: Images) -> Images:
    """Move each image, uint8 [n, 28, 28], by one or two pixels each way: harder to predict."""
    ways = [(down, right) for down in (-2, -1, 1, 2) for right in (-2, -1, 1, 2)]
    moved = np.empty_like(images)
    for at, way in enumerate(ways):
        moved[at :: len(ways)] = np.roll(images[at :: len(ways)], way, (1, 2))
    return moved


def _stretched(pixels: PixelRange) -> list[PixelRange]:
    """Give ranges half and twice as wide, about the same middle."""
    middle, half = (pixels.background + pixels.ink) / 2, (pixels.ink - pixels.background) / 2
    return [PixelRange(middle - half * factor, middle + half * factor, "") for factor in (0.5, 2.0)]


def _better(one: Trial, found: Trial) -> bool:
    if one.more_accurate(found):
        return True
    lower = one.lower_loss(found, BETTER_RATIO)
    if one.clean_loss is not None and found.clean_loss is not None:
        lower |= one.clean_loss * BETTER_RATIO < found.clean_loss
    return lower and not found.more_accurate(one)


def _try(predict: Predict, pixels: PixelRange, images: Images, labels: Labels) -> Trial:
    predicted, probabilities = predict(images, pixels)
    correct = predicted == labels
    loss = clean_loss = None
    if probabilities is not None:
        of_label = probabilities[np.arange(len(labels)), labels]
        losses = -np.log(np.maximum(of_label, SMALLEST), dtype=np.float64)
        loss, clean_loss = float(losses.mean()), float(losses[:MANY].mean())
    accuracy = float(correct[:MANY].mean())
    return Trial(pixels, accuracy, correct, predicted, loss, clean_loss)
