"""Predict with networks: logits, and probabilities as the model file gives them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tenfold.data.dataset import SIDE, Images
from tenfold.training.network import Network

TTA_THRESHOLD = 0.8  # where the first confidence is below it, shifted views are averaged in

Probabilities = NDArray[np.float32]


def to_float(images: Tensor) -> Tensor:
    """Turn uint8 [n, 28, 28] into float32 [n, 1, 28, 28] in 0-1."""
    return images.unsqueeze(1).float().div_(255)


@torch.no_grad()
def predict_logits(
    network: nn.Module, images: Images, device: torch.device, batch_size: int = 256
) -> NDArray[np.float32]:
    """Return the logits of images uint8 [n, 28, 28], float32 [n, classes], in evaluation mode."""
    was_training = network.training
    network.eval()
    batches = [
        network(
            to_float(torch.tensor(images[start : start + batch_size], device=device)).contiguous(
                memory_format=torch.channels_last
            )
        ).cpu()
        for start in range(0, len(images), batch_size)
    ]
    network.train(was_training)
    return torch.cat(batches).numpy()


def predict_probabilities(
    networks: Sequence[Network], images: Images, shift: int = 0, temperature: float = 1.0
) -> Probabilities:
    """Return the networks' mean probabilities, test-time augmentation included.

    Args:
        networks: trained networks; at least one.
        images: uint8 [n, 28, 28].
        shift: pixels; where the mean's confidence is below `TTA_THRESHOLD`, it is averaged with
            that of four views shifted by so much. 0: never.
        temperature: what logits are divided by.

    Returns:
        float32 [n, classes].
    """
    first = predict_single_view(networks, images, temperature)
    return average_shifted_views(networks, images, first, shift, temperature)


def predict_combinations(
    networks: Sequence[Network],
    images: Images,
    combinations: Sequence[Sequence[int]],
    shift: int = 0,
) -> Probabilities:
    """Return what `predict_probabilities` does for several ensembles of the same networks.

    Each network predicts each image once, and the shifted views of those alone of which an
    ensemble is unsure: all ensembles without one of m members cost as much as one of them.

    Args:
        networks: trained networks; at least one.
        images: uint8 [n, 28, 28].
        combinations: the indices of the networks of each ensemble.
        shift: as `predict_probabilities` takes it.

    Returns:
        float32 [combinations, n, classes].
    """
    first = np.stack([predict_single_view([network], images) for network in networks])
    means = np.stack([first[list(members)].mean(axis=0) for members in combinations])
    unsure = means.max(axis=2) < TTA_THRESHOLD
    rows = np.flatnonzero(unsure.any(axis=0))
    if shift and len(rows):
        views = shifted_views(images[rows], shift)
        averaged = np.stack(
            [
                np.mean([own[rows], *(predict_single_view([net], view) for view in views)], axis=0)
                for net, own in zip(networks, first, strict=True)
            ]
        )
        for mean, is_unsure, members in zip(means, unsure, combinations, strict=True):
            mine = is_unsure[rows]
            mean[rows[mine]] = averaged[list(members)][:, mine].mean(axis=0)
    return means


def predict_single_view(
    networks: Sequence[Network], images: Images, temperature: float = 1.0
) -> Probabilities:
    """Return the networks' mean probabilities of the images as they are, float32 [n, classes]."""
    members = []
    for network in networks:
        device = next(network.parameters()).device
        logits = torch.from_numpy(predict_logits(network, np.ascontiguousarray(images), device))
        members.append(torch.softmax(logits / temperature, dim=1))
    probabilities: Probabilities = torch.stack(members).mean(dim=0).numpy()
    return probabilities


def average_shifted_views(
    networks: Sequence[Network],
    images: Images,
    first: Probabilities,
    shift: int,
    temperature: float,
) -> Probabilities:
    """Average shifted views into the unsure rows of `first`, float32 [n, classes]."""
    probabilities = first.copy()
    unsure = first.max(axis=1) < TTA_THRESHOLD
    if shift and unsure.any():
        views = shifted_views(images[unsure], shift)
        shifted = [predict_single_view(networks, view, temperature) for view in views]
        probabilities[unsure] = np.mean([first[unsure], *shifted], axis=0)
    return probabilities


def shifted_views(images: Images, shift: int) -> list[Images]:
    """Return images [n, 28, 28], shifted four ways by so many pixels."""
    padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift)))
    return [padded[:, top : top + SIDE, left : left + SIDE] for top, left in view_corners(shift)]


def view_corners(shift: int) -> list[tuple[int, int]]:
    """Return where the four shifted views begin in an image padded by `shift`: row, column."""
    return [(0, shift), (2 * shift, shift), (shift, 0), (shift, 2 * shift)]
