"""Choose, on held-back pictures, the temperature of the probabilities and what is refused."""

from collections.abc import Sequence

import numpy as np
from torch import nn

from tenfold.data.dataset import Dataset
from tenfold.model.file import Confidence
from tenfold.run.recipe import Recipe
from tenfold.training.onnx_export import UNCALIBRATED, predict_networks

COLDEST, HOTTEST = 0.2, 5.0


def fit_confidence(
    networks: Sequence[nn.Sequential], recipe: Recipe, held_back: Dataset | None
) -> Confidence:
    """Make networks as sure as they are right, and find below what to refuse.

    The temperature is the one with the least mean loss (Guo et al. 2017, "On Calibration of Modern
    Neural Networks"), the test-time shifts included. The threshold rejects
    `recipe.reject_fraction` of the images.

    Args:
        networks: trained networks of one recipe.
        recipe: the resolved recipe.
        held_back: pictures that none of the networks learned from; None only where `refuse` is 0.

    Returns:
        What was chosen; a temperature of 1 and a threshold of one half where `refuse` is 0.
    """
    if not recipe.reject_fraction:
        return UNCALIBRATED
    from scipy.optimize import minimize_scalar  # 0.3 s, which most runs do without

    assert held_back is not None
    rows = np.arange(len(held_back))

    def loss(temperature: float) -> float:
        answers = predict_networks(networks, recipe, held_back.images, temperature)
        chosen = answers[rows, held_back.require_labels()].astype(np.float64)
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    best = minimize_scalar(
        loss, bounds=(COLDEST, HOTTEST), method="bounded", options={"xatol": 0.01}
    )
    temperature = round(float(best.x), 3)
    surest = predict_networks(networks, recipe, held_back.images, temperature).max(axis=1)
    return Confidence(temperature, round(float(np.quantile(surest, recipe.reject_fraction)), 4))
