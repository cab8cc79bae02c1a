"""When the first stage of a cascade is sure, and how its answers join the whole network's."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images
from tenfold.data.scale import sample_rows
from tenfold.model.metadata import Confidence
from tenfold.run.recipe import Recipe
from tenfold.run.records import CascadeRecord
from tenfold.training.inference import (
    Probabilities,
    predict_logits,
    predict_probabilities,
    to_float,
)
from tenfold.training.negatives import make_negatives
from tenfold.training.network import Network, multiply_adds

EXAMINED = 100_000  # training images that the threshold is chosen on, at most
# Of the images that the first stage answers wrongly where the whole network is right: those with
# the largest margins, whose tail is extended, and the fewest that say anything.
TAIL, FEWEST = 50, 10
NORMAL_95 = 1.645
NEVER = 1e9  # a margin that no image reaches
# Images that the whole network answers too: at most so many of the validation images, which show
# what it rejects best, or else of the training images, where they cost 1 % of a run of `quick`.
ASKED_VALIDATION, ASKED, NON_DIGITS = 10_000, 2_000, 500
TEMPERATURES = np.geomspace(0.2, 5, 120)
NEAR = 1e-3  # of the threshold: so near it, rounding may decide
CPU = torch.device("cpu")


def margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each row's largest logit is above its second largest, float32 [n]."""
    top = np.partition(logits, -2, axis=1)
    gap: NDArray[np.float32] = top[:, -1] - top[:, -2]
    return gap


def answer_sure(
    first_stage: Network, cascade: CascadeRecord, images: Images, whole: Probabilities
) -> tuple[Probabilities, NDArray[np.bool_]]:
    """Put the first stage's answers in the place of the whole network's where it is sure.

    Args:
        first_stage: the small network, on the CPU.
        cascade: its threshold and temperature.
        images: uint8 [n, 28, 28].
        whole: the whole network's probabilities, float32 [n, classes].

    Returns:
        The probabilities, and the images so near the threshold that rounding may decide, bool [n].
    """
    logits = predict_logits(first_stage, np.ascontiguousarray(images), CPU)
    margin = margins(logits)
    sure = margin >= cascade.threshold
    answers = np.where(sure[:, None], _softmax(logits, cascade.temperature), whole)
    near = np.abs(margin - cascade.threshold) < NEAR * cascade.threshold
    return answers, near


def fit_cascade(
    first_stage: Network,
    networks: Sequence[Network],
    recipe: Recipe,
    confidence: Confidence,
    train_set: Dataset,
    val_set: Dataset | None = None,
) -> CascadeRecord:
    """Choose when the first stage is sure, and the temperature of its answers.

    It is sure where its largest logit is so far above the second largest that, of all images, it
    answers at most `max_error` wrongly where the whole network is right; so few are not to be
    counted, and the upper bound of an estimate (`_threshold`) keeps to it. Nor may it answer one of
    the images below that the whole network rejects.

    The temperature is the one at which its probabilities are nearest to the whole network's, in
    cross-entropy: both are as calibrated.

    Args:
        first_stage: the small network, in evaluation mode, on the CPU.
        networks: the whole network, or all members of it.
        recipe: the resolved recipe.
        confidence: the whole network's temperature and rejection threshold.
        train_set: what they were trained on.
        val_set: images that none has seen, if there are any: those that both stages answer.
    """
    threshold, examined, gaps = _threshold(
        first_stage, networks, recipe, confidence.temperature, train_set
    )
    images = train_set.images[sample_rows(len(train_set), ASKED)]
    if val_set is not None and len(val_set):
        images = val_set.images[sample_rows(len(val_set), ASKED_VALIDATION)]
    n = len(images)
    images = np.concatenate([images, *_non_digits(recipe, train_set)])
    whole = predict_probabilities(networks, images, recipe.test_time_shift, confidence.temperature)
    logits = predict_logits(first_stage, images, CPU)
    margin = margins(logits)
    rejected = margin[whole.max(axis=1) < confidence.threshold]
    threshold = max(threshold, _above(rejected.max(initial=0)))
    sure = margin >= threshold
    return CascadeRecord(
        threshold=threshold,
        temperature=_temperature(logits[sure], whole[sure]),
        share=round(float(sure[:n].mean()), 4),
        images=examined,
        errors=int((gaps >= threshold).sum()),
        multiply_adds=multiply_adds(first_stage),
        whole_multiply_adds=sum(map(multiply_adds, networks)),
    )


def _threshold(
    first_stage: Network,
    networks: Sequence[Network],
    recipe: Recipe,
    temperature: float,
    train_set: Dataset,
) -> tuple[float, int, NDArray[np.float32]]:
    """Choose the margin above which the first stage errs on at most `max_error` of all images.

    It is so small that it errs on training images as on others. Of its errors the whole network is
    asked alone, a few hundred images, which costs nothing.

    Of the `TAIL` errors with the largest margins, the margins above the smallest one are taken for
    exponential: their tail ends sooner, so that this errs on the safe side. Their mean is replaced
    by its upper 95 % bound (a gamma quantile, after Wilson and Hilferty).

    Returns:
        The margin; how many images it was chosen on; the margins of the errors, largest first.
    """
    rows = sample_rows(len(train_set), EXAMINED)
    images, labels = train_set.images[rows], train_set.require_labels()[rows]
    logits = predict_logits(first_stage, images, CPU)
    wrong = np.flatnonzero(logits.argmax(axis=1) != labels)
    if len(wrong):
        shift = recipe.test_time_shift
        whole = predict_probabilities(networks, images[wrong], shift, temperature)
        wrong = wrong[whole.argmax(axis=1) == labels[wrong]]
    gaps = np.sort(margins(logits[wrong]))[::-1]
    count = min(TAIL, len(gaps) - 1)
    if count < FEWEST:  # nothing is known of its errors, and it is never sure
        return NEVER, len(rows), gaps
    start = float(gaps[count])
    quantile = count * (1 - 1 / (9 * count) - NORMAL_95 / (3 * count**0.5)) ** 3
    mean = float((gaps[:count] - start).sum()) / quantile
    rate = count / len(rows)
    margin = start + mean * max(0.0, math.log(rate / recipe.cascade.max_error))
    # nor does it err on more of these images: two of 27,000 lay beyond a tail once
    first_too_many = gaps[min(int(recipe.cascade.max_error * len(rows)), len(gaps) - 1)]
    return max(margin, _above(first_too_many)), len(rows), gaps


def _above(margin: np.float32) -> float:
    return float(np.nextafter(margin, np.float32(np.inf)))


def _non_digits(recipe: Recipe, train_set: Dataset) -> list[Images]:
    """Return images of no class, where the recipe teaches the network to reject such."""
    if not recipe.negatives.share:
        return []
    some = train_set.subset(sample_rows(len(train_set), NON_DIGITS))
    generator = torch.Generator().manual_seed(recipe.seed)
    made = make_negatives(
        to_float(torch.tensor(some.images)),
        torch.tensor(some.require_labels()),
        NON_DIGITS,
        generator,
    )
    found = [(made[:, 0] * 255).round().clamp(0, 255).byte().numpy()]
    if train_set.negatives is not None:
        own = train_set.negatives
        found.append(own[sample_rows(len(own), NON_DIGITS)])
    return found


def _temperature(logits: NDArray[np.float32], whole: Probabilities) -> float:
    """Choose what brings the probabilities of logits nearest to the whole network's."""
    if not len(logits):
        return 1.0
    losses = [
        -(whole * np.log(np.maximum(_softmax(logits, temperature), 1e-12))).sum(axis=1).mean()
        for temperature in TEMPERATURES
    ]
    return round(float(TEMPERATURES[np.argmin(losses)]), 3)


def _softmax(logits: NDArray[np.float32], temperature: float) -> Probabilities:
    probabilities: Probabilities = torch.softmax(
        torch.from_numpy(logits) / temperature, dim=1
    ).numpy()
    return probabilities
