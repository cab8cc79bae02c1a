"""The errors to look at first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels


@dataclass(frozen=True)
class TopError:
    """One wrong prediction: its row, both classes and the probability of each."""

    index: int
    label: int
    prediction: int
    label_probability: float
    prediction_probability: float
    gap: float


def top_errors(labels: Labels, probabilities: NDArray[np.float32], count: int) -> list[TopError]:
    """Rank the errors by the probability of the prediction minus that of the label, largest first.

    The ranking of the notebook "Introduction to CNN Keras".

    Args:
        labels: int64 [n].
        probabilities: float32 [n, classes].
        count: how many to give at most; an excellent model makes fewer errors.
    """
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    of_prediction = probabilities[wrong, predictions[wrong]].astype(np.float64)
    of_label = probabilities[wrong, labels[wrong]].astype(np.float64)
    order = np.argsort(of_label - of_prediction, kind="stable")[:count]
    return [
        TopError(
            index=int(wrong[at]),
            label=int(labels[wrong[at]]),
            prediction=int(predictions[wrong[at]]),
            label_probability=float(of_label[at]),
            prediction_probability=float(of_prediction[at]),
            gap=float(of_prediction[at] - of_label[at]),
        )
        for at in order
    ]
