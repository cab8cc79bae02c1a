"""What each training image counts for in the loss."""

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.recipe import Recipe


def loss_weights(recipe: Recipe, train_set: Dataset) -> NDArray[np.float32] | None:
    """Weigh the images of a training set: an image's own weight times that of its class.

    The weights are scaled to a mean of 1, so that the learning rate means what it meant without,
    and the loss of a batch is the mean of weight times cross-entropy: a batch of light images moves
    the weights less. "balanced" is as scikit-learn has it, n / (classes * n of the class), with
    sums of weights for the numbers.

    Args:
        recipe: with its `class_weight`.
        train_set: with its labels, and `weights` where the images have some.

    Returns:
        float32 [n], or None where all count the same.

    Raises:
        TenfoldError: where a class that is weighed is none of the set's, or nothing has a weight.
    """
    labels = train_set.require_labels()
    weights = np.ones(len(labels)) if train_set.weights is None else train_set.weights
    weights = weights * _class_weights(recipe, train_set, weights)[labels]
    mean = weights.mean() if len(weights) else 1.0
    if not 0 < mean < np.inf:
        raise TenfoldError(
            f"{train_set.source}: the weights of its images must be finite, and one above 0"
        )
    scaled: NDArray[np.float32] = (weights / mean).astype(np.float32)
    return None if (scaled == 1).all() else scaled


def _class_weights(
    recipe: Recipe, train_set: Dataset, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the weight of each class, float64 [classes]."""
    classes, given = train_set.classes, recipe.class_weight
    if isinstance(given, str):  # balanced
        sums = np.bincount(train_set.require_labels(), weights, len(classes))
        occurring = sums > 0
        balanced = np.zeros(len(classes))
        balanced[occurring] = sums.sum() / (occurring.sum() * sums[occurring])
        return balanced
    unknown = [name for name in given if name not in classes]
    if unknown:
        shown = ", ".join(classes[:12]) + (", ..." if len(classes) > 12 else "")
        raise TenfoldError(
            f"recipe {recipe.name}: class_weight names {unknown[0]!r}, which is no class of "
            f"{train_set.source}; there are: {shown}"
        )
    return np.array([given.get(name, 1.0) for name in classes])
