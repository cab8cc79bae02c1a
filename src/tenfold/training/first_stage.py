"""The first stage of a cascade in training: it learns from the whole network, step by step."""

import torch
from torch import Tensor
from torch.nn import functional

from tenfold.run.optimisers import Muon
from tenfold.training.backend import Backend
from tenfold.training.layers.module import lay_out
from tenfold.training.network import Network
from tenfold.training.optimisers import make_optimisers

OPTIMISER = Muon(learning_rate=0.03, adamw_learning_rate=0.005)
# It learns in one step of so many: a step of it costs a seventh of one of `quick`.
EVERY = 2


class FirstStage:
    """The small network of a cascade, and what trains it; the whole network learns as without it.

    Args:
        network: the small network, in training mode.
        backend: the device.
    """

    def __init__(self, network: Network, backend: Backend) -> None:
        self.network, self.backend = network, backend
        lay_out(network, backend.device)
        self.optimisers = make_optimisers(network, OPTIMISER, dtype=backend.dtype)

    def learn(self, images: Tensor, targets: Tensor, labels: Tensor) -> None:
        """Take a step.

        The loss is the sum of the cross-entropies with the whole network's answers and with the
        labels (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network").

        Args:
            images: float [n, 1, 28, 28], as the whole network has just seen them.
            targets: its logits, [n, classes].
            labels: int64 [m], of the first m images; the others show no class.
        """
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        with self.backend.autocast():
            outputs = self.network(images)
        logits = outputs.float()
        answers = torch.softmax(targets.detach().float(), dim=1)
        loss = functional.cross_entropy(logits, answers)
        loss = loss + functional.cross_entropy(logits[: len(labels)], labels)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in self.optimisers:
            optimiser.step()
