"""The errors that a reader should look at first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Labels


@dataclass(frozen=True)
class TopError:
    """One wrong answer: the row it is in, and how sure the model was of it and of the truth."""

    index: int
    label: int
    prediction: int
    label_probability: float
    prediction_probability: float
    gap: float


def top_errors(labels: Labels, probabilities: NDArray[np.float32], count: int) -> list[TopError]:
    """Rank the errors by how much surer the model was of its answer than of the true label.

    The ranking of the notebook "Introduction to CNN Keras": the largest probability of the given
    answer minus that of the true label comes first.

    Args:
        labels: int64 [n].
        probabilities: float32 [n, classes].
        count: how many to give at most; an excellent model makes fewer errors.
    """
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    given = probabilities[wrong, answers[wrong]].astype(np.float64)
    true = probabilities[wrong, labels[wrong]].astype(np.float64)
    first = np.argsort(true - given, kind="stable")[:count]
    return [
        TopError(
            index=int(wrong[at]),
            label=int(labels[wrong[at]]),
            prediction=int(answers[wrong[at]]),
            label_probability=float(true[at]),
            prediction_probability=float(given[at]),
            gap=float(given[at] - true[at]),
        )
        for at in first
    ]
