"""How probable it is that a label is wrong, by what a model can know."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels
from tenfold.evaluation.scores import wilson

LIKELY = 0.5  # the probability from which a label is called likely wrong
# Of a class, the lower ends of 95 % intervals below which nothing is said of its labels.
MIN_ACCURACY = 0.8  # where labels that are likely wrong do not count
MIN_AGREEMENT = 0.5  # where they do: wrong labels and a wrong model cannot be told apart there
MAX_FITTED = 10_000  # images that the noise is fitted to
BIAS_PENALTY = 0.01
SMALLEST = 1e-9  # probability, where float32 underflows


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """How probable it is that labels are wrong.

    Args:
        wrong: float64 [n], for each image, within 0-1; 0 where prediction and label agree and where
            one of the two is a class that is not judged.
        judged: bool [classes], False for classes that the model knows too little of.
    """

    wrong: NDArray[np.float64]
    judged: NDArray[np.bool_]


def estimate_label_noise(labels: Labels, probabilities: NDArray[np.float32]) -> LabelNoise:
    """Estimate for each image how probable it is that its label is wrong.

    A label is modelled as drawn from the model's probabilities, recalibrated by a temperature and a
    bias per class (Guo et al. 2017), or, for a share of the images, as any other class, each as
    probable. Share, temperature and biases are those of the largest likelihood; Bayes' rule does
    the rest. So an error that the model makes often, at that confidence, says nothing about its
    label.

    A class is not judged where the model knows too little of it: where of the images with that
    label, or with that prediction, the lower end of the accuracy's 95 % interval is below 0.8,
    labels that are likely wrong left out, or below 0.5 with them.

    Tried on MNIST's training images with labels flipped at random and networks of one to four
    epochs; in parentheses the share of the labels with 0.5 or more that were flipped, and what was
    estimated. At 6 % errors, 1 % flipped: 40 labels (0.85, 0.90); 3 %: 157 (0.85, 0.92); none: 5.
    At 28 % errors the 142 to 196 that cleanlab names come down to none, 4 and 7. Similar classes
    that were mixed up are harder to find than random labels.

    Args:
        labels: int64 [n], class indices.
        probabilities: float32 [n, classes], of a model that was not trained on these images.
    """
    classes = probabilities.shape[1]
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))
    step = -(-len(labels) // MAX_FITTED) or 1
    rate, calibrated = _fit(logits[::step], labels[::step], logits)
    of_label = calibrated[np.arange(len(labels)), labels]
    by_noise = rate * (1 - of_label) / max(1, classes - 1)
    wrong: NDArray[np.float64] = by_noise / (by_noise + (1 - rate) * of_label)
    predictions = probabilities.argmax(axis=1)
    correct = predictions == labels
    wrong[correct] = 0
    trusted = wrong < LIKELY
    judged = np.ones(classes, np.bool_)
    for indices in (labels, predictions):
        judged &= _lowest_accuracy(indices[trusted], correct[trusted], classes) >= MIN_ACCURACY
        judged &= _lowest_accuracy(indices, correct, classes) >= MIN_AGREEMENT
    wrong[~(judged[labels] & judged[predictions])] = 0
    return LabelNoise(wrong, judged)


def _fit(
    logits: NDArray[np.float64], labels: Labels, all_logits: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Give the share of random labels, and the calibrated probabilities of `all_logits`."""
    from scipy.optimize import minimize
    from scipy.special import expit, softmax

    classes = logits.shape[1]
    truth = np.eye(classes)[labels]
    others = max(1, classes - 1)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, rate, bias = np.exp(values[0]), expit(values[1]), values[2:]
        calibrated = softmax(scale * logits + bias, axis=1)
        of_label = (calibrated * truth).sum(axis=1)
        likelihood = (1 - rate) * of_label + rate * (1 - of_label) / others
        by_label = (1 - rate - rate / others) * of_label / likelihood
        by_logit = by_label[:, None] * (truth - calibrated)
        by_rate = ((1 - of_label) / others - of_label) / likelihood * rate * (1 - rate)
        gradient = np.concatenate(
            [
                [-(by_logit * logits).sum() * scale / len(labels), -by_rate.mean()],
                2 * BIAS_PENALTY * bias - by_logit.mean(axis=0),
            ]
        )
        return float(BIAS_PENALTY * (bias**2).sum() - np.log(likelihood).mean()), gradient

    start = np.concatenate([[0.5, -4.0], np.zeros(classes)])
    limits = [(-3.0, 3.0), (-12.0, 0.0), *[(-5.0, 5.0)] * classes]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return float(expit(best[1])), softmax(np.exp(best[0]) * all_logits + best[2:], axis=1)


def _lowest_accuracy(
    indices: Labels, correct: NDArray[np.bool_], classes: int
) -> NDArray[np.float64]:
    """Give the lower end of each class's accuracy, float64 [classes]; 1 for one without images."""
    counts = np.bincount(indices, minlength=classes)
    hits = np.bincount(indices, correct, minlength=classes).astype(np.int64)
    lowest = [wilson(int(hit), int(count))[0] for hit, count in zip(hits, counts, strict=True)]
    return np.where(counts == 0, 1.0, lowest)
