"""Choose the temperature of the probabilities and the rejection threshold."""

from collections.abc import Sequence

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.model.metadata import Confidence
from tenfold.run.recipe import Recipe
from tenfold.training.inference import predict_probabilities
from tenfold.training.network import Network

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.2, 5.0


def fit_confidence(
    networks: Sequence[Network], recipe: Recipe, val_set: Dataset | None
) -> Confidence:
    """Calibrate networks on a validation set, and choose the threshold below which to reject.

    The temperature is the one with the least mean loss (Guo et al. 2017, "On Calibration of Modern
    Neural Networks"), test-time augmentation included. The threshold rejects
    `recipe.reject_fraction` of the images.

    Args:
        networks: trained networks of one recipe.
        recipe: the resolved recipe.
        val_set: images that none of the networks was trained on; None only where
            `reject_fraction` is 0.

    Returns:
        What was chosen; a temperature of 1 and a threshold of 0.5 where `reject_fraction` is 0.
    """
    if not recipe.reject_fraction:
        return Confidence()
    from scipy.optimize import minimize_scalar  # 0.3 s, which most runs do without

    assert val_set is not None
    rows, shift = np.arange(len(val_set)), recipe.test_time_shift

    def loss(temperature: float) -> float:
        probabilities = predict_probabilities(networks, val_set.images, shift, temperature)
        chosen = probabilities[rows, val_set.require_labels()].astype(np.float64)
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    best = minimize_scalar(
        loss,
        bounds=(MIN_TEMPERATURE, MAX_TEMPERATURE),
        method="bounded",
        options={"xatol": 0.01},
    )
    temperature = round(float(best.x), 3)
    confidences = predict_probabilities(networks, val_set.images, shift, temperature).max(axis=1)
    return Confidence(
        temperature, round(float(np.quantile(confidences, recipe.reject_fraction)), 4)
    )
