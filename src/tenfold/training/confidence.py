"""Choose the temperature of the probabilities and the rejection threshold."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Images
from tenfold.model.metadata import Confidence
from tenfold.run.recipe import Recipe
from tenfold.training.inference import (
    TTA_THRESHOLD,
    Probabilities,
    predict_logits,
    shifted_views,
)
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
    rows, predict = np.arange(len(val_set)), _Tempered(networks, val_set.images, recipe)

    def loss(temperature: float) -> float:
        probabilities = predict(temperature)
        chosen = probabilities[rows, val_set.require_labels()].astype(np.float64)
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    best = minimize_scalar(
        loss,
        bounds=(MIN_TEMPERATURE, MAX_TEMPERATURE),
        method="bounded",
        options={"xatol": 0.01},
    )
    temperature = round(float(best.x), 3)
    confidences = predict(temperature).max(axis=1)
    return Confidence(
        temperature, round(float(np.quantile(confidences, recipe.reject_fraction)), 4)
    )


class _Tempered:
    """Gives the probabilities of images at any temperature; no view is predicted twice.

    The search asks for some fifteen temperatures, and each took a pass through the networks.

    Args:
        networks: of one recipe.
        images: uint8 [n, 28, 28].
        recipe: theirs, with the test-time augmentation.
    """

    def __init__(self, networks: Sequence[Network], images: Images, recipe: Recipe) -> None:
        self.networks, self.images, self.shift = networks, images, recipe.test_time_shift
        self.logits = self._predict(images)
        self.known = np.zeros(len(images), np.bool_)
        # of four shifted views, where an image was unsure at some temperature: [4, members, n, c]
        self.shifted = np.zeros((4, *self.logits.shape), np.float32)

    def __call__(self, temperature: float) -> Probabilities:
        """Return the mean of the networks' probabilities, float32 [n, classes]."""
        probabilities = _mean_probabilities(self.logits, temperature)
        unsure = probabilities.max(axis=1) < TTA_THRESHOLD
        if self.shift and unsure.any():
            self._look_at(np.flatnonzero(unsure & ~self.known))
            views = [_mean_probabilities(view[:, unsure], temperature) for view in self.shifted]
            probabilities[unsure] = np.mean([probabilities[unsure], *views], axis=0)
        return probabilities

    def _look_at(self, rows: NDArray[np.int64]) -> None:
        if len(rows):
            for view, images in enumerate(shifted_views(self.images[rows], self.shift)):
                self.shifted[view][:, rows] = self._predict(images)
            self.known[rows] = True

    def _predict(self, images: Images) -> NDArray[np.float32]:
        """Return the logits of each network, float32 [members, n, classes]."""
        return np.stack(
            [
                predict_logits(
                    network, np.ascontiguousarray(images), next(network.parameters()).device
                )
                for network in self.networks
            ]
        )


def _mean_probabilities(logits: NDArray[np.float32], temperature: float) -> Probabilities:
    mean: Probabilities = (
        torch.softmax(torch.from_numpy(logits) / temperature, dim=2).mean(dim=0).numpy()
    )
    return mean
