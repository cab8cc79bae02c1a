"""Find the range of pixels that a model of digits was trained with, by trying it on digits.

Neither accuracy nor loss tells alone. A network that was trained on 0..1 reads 0..255 as well, with
a loss 20 times as high (95.2 % and 94.9 %); one that was trained with label smoothing has a lower
loss on pixels that are too strong (0.07 for 0.18, at 97.9 and 98.2 %). So one range must beat every
other, and where none does, or a range that is not in use does better, the user is asked.
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
SURE_RATIO = 4.0  # between two losses; with label smoothing 2.4 was seen the wrong way round
BETTER_RATIO = 1.1
MIN_ACCURACY = 0.8  # below, the range is not what the model lacks
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
        loss: mean cross entropy, nats; None without probabilities.
    """

    pixels: PixelRange
    accuracy: float
    correct: NDArray[np.bool_]
    labels: Labels
    loss: float | None

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
        if self.more_accurate(other):
            return not other.lower_loss(self, SURE_RATIO)
        return self.lower_loss(other, SURE_RATIO) and not other.more_accurate(self)

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
        if trial.accuracy < MIN_ACCURACY or any(_better(one, trial) for one in unusual):
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
    return one.lower_loss(found, BETTER_RATIO) and not found.more_accurate(one)


def _try(predict: Predict, pixels: PixelRange, images: Images, labels: Labels) -> Trial:
    predicted, probabilities = predict(images, pixels)
    correct = predicted == labels
    loss = None
    if probabilities is not None:
        of_label = probabilities[np.arange(len(labels)), labels]
        loss = float(-np.log(np.maximum(of_label, SMALLEST)).mean(dtype=np.float64))
    as_they_are = correct[:MANY]
    return Trial(pixels, float(as_they_are.mean()), correct, predicted, loss)
