"""An exponential moving average of a network's weights."""

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """A second network, whose weights are a moving average of those of one that is trained.

    The statistics of batch norms are averaged too. In the first steps the average forgets faster,
    so that the first weights, which know nothing, have no share in it for long: the decay is at
    most (1 + steps) / (10 + steps), as in TensorFlow.

    Args:
        network: what is trained, on its device.
        decay: of the average in each step, 0-1.

    Attributes:
        network: the network that has the average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network)
        current, average = network.state_dict(), self.network.state_dict()
        names = [name for name, value in current.items() if value.is_floating_point()]
        self._current, self._average = (
            [state[name] for name in names] for state in (current, average)
        )
        others = [name for name in current if name not in set(names)]
        self._counts = [(average[name], current[name]) for name in others]
        # read where the weights are, as a learning rate is
        self._weight = torch.zeros((), device=self._current[0].device)

    def tensors(self) -> list[Tensor]:
        """Return what an update changes."""
        return [*self._average, *(ours for ours, _ in self._counts)]

    def prepare(self, step: int) -> None:
        """Choose the weight of the network's next weights, those of step `step`, from 0."""
        self._weight.fill_(1 - min(self.decay, (1 + step) / (10 + step)))

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights of the network."""
        gaps = torch._foreach_sub(self._current, self._average)
        torch._foreach_mul_(gaps, self._weight)
        torch._foreach_add_(self._average, gaps)
        for ours, theirs in self._counts:
            ours.copy_(theirs)
