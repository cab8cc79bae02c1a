"""Several networks of one recipe as one network, so that a GPU trains them in one step."""

import copy

import torch
from torch import Tensor, nn

from tenfold.training.network import CentreCrop, Network, Scale

_EACH_ALONE = (nn.ReLU, nn.GELU, nn.MaxPool2d, nn.Dropout, nn.Flatten, CentreCrop, Scale)


class GroupedLinear(nn.Module):
    """Dense layers side by side: values [n, members * in] to [n, members * out]."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        super().__init__()
        self.members = len(layers)
        self.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))

    def forward(self, values: Tensor) -> Tensor:
        """Answer values [n, members * in], each member's from its own."""
        mine = values.view(len(values), self.members, -1).transpose(0, 1)
        weight = self.weight.view(self.members, -1, mine.shape[2])
        bias = self.bias.view(self.members, 1, -1)
        answers = torch.baddbmm(bias, mine, weight.transpose(1, 2))
        return answers.transpose(0, 1).flatten(1)


class GroupedEnsemble(nn.Module):
    """Networks of one recipe whose layers are joined: convolutions in groups, a group a network.

    Every weight is the members' weights one behind the other along its first axis.

    Args:
        networks: what `network.build` made of one recipe; their weights are copied.
    """

    def __init__(self, networks: list[Network]) -> None:
        super().__init__()
        self.members = len(networks)
        layers = [_joined(list(same)) for same in zip(*networks, strict=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Answer pictures float [members * n, 1, h, w], the first n for the first member.

        Returns:
            Logits [members * n, classes], in the same order.
        """
        side_by_side = images.view(self.members, -1, *images.shape[2:]).transpose(0, 1)
        values = side_by_side.contiguous(memory_format=torch.channels_last)
        answers: Tensor = self.layers(values)
        return answers.view(len(answers), self.members, -1).transpose(0, 1).flatten(0, 1)

    def copy_to(self, networks: list[Network]) -> None:
        """Give the networks that this was made of the weights that it has come to."""
        mine = self.layers.state_dict()
        for number, network in enumerate(networks):
            theirs = network.state_dict()
            for name, value in mine.items():
                own = value.chunk(self.members)[number] if value.ndim else value
                theirs[name].copy_(own.view_as(theirs[name]))


def _joined(same: list[nn.Module]) -> nn.Module:
    """Join the layers that stand at the same place of every network."""
    first = same[0]
    if isinstance(first, nn.Sequential):
        return nn.Sequential(*(_joined(list(inner)) for inner in zip(*same, strict=True)))
    if isinstance(first, nn.Linear):
        return GroupedLinear([layer for layer in same if isinstance(layer, nn.Linear)])
    if isinstance(first, _EACH_ALONE):
        return copy.deepcopy(first)
    if isinstance(first, nn.Conv2d):
        whole: nn.Module = nn.Conv2d(
            first.in_channels * len(same),
            first.out_channels * len(same),
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            groups=len(same),
            bias=first.bias is not None,
        )
        whole.requires_grad_(first.weight.requires_grad)
    elif isinstance(first, nn.BatchNorm2d):
        whole = nn.BatchNorm2d(first.num_features * len(same), momentum=first.momentum)
    else:
        raise TypeError(type(first).__name__)
    states = [layer.state_dict() for layer in same]
    joined = {
        name: torch.cat([state[name] for state in states]) if value.ndim else value
        for name, value in states[0].items()
    }
    whole.load_state_dict(joined)
    return whole
