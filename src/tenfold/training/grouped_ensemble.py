"""Several networks of one recipe as one network, so that a GPU trains them in one step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tenfold.training.layers import layer_type
from tenfold.training.network import Network


class GroupedEnsemble(nn.Module):
    """Networks of one recipe whose layers are joined: convolutions in groups, a group a network.

    Every weight is the members' weights one behind the other along its first axis.

    Args:
        networks: of one recipe, all of whose layers can be stacked; their weights are copied.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.members = len(networks)
        stacked = []
        for layer, modules in zip(networks[0].layers, zip(*networks, strict=True), strict=True):
            stack = layer_type(layer).stack
            assert stack is not None
            stacked.append(stack(modules))
        self.layers = nn.Sequential(*stacked)

    def forward(self, images: Tensor) -> Tensor:
        """Map images float [members * n, 1, h, w], the first n for the first member, to logits.

        Returns:
            Logits [members * n, classes], in the same order.
        """
        side_by_side = images.view(self.members, -1, *images.shape[2:]).transpose(0, 1)
        values = side_by_side.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.layers(values)
        return logits.view(len(logits), self.members, -1).transpose(0, 1).flatten(0, 1)

    def copy_to(self, networks: Sequence[Network]) -> None:
        """Copy the members' weights to networks of the same recipe."""
        stacked = self.layers.state_dict()
        for number, network in enumerate(networks):
            state = network.state_dict()
            for name, value in stacked.items():
                own = value.chunk(self.members)[number] if value.ndim else value
                state[name].copy_(own.view_as(state[name]))
