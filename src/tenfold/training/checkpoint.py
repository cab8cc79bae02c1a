"""The full state of training, as one safetensors file; no pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from tenfold.data.atomic import atomic_write


def save(
    path: Path,
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    progress: dict[str, Any],
) -> None:
    """Write weights, the optimisers' state and the progress; a killed process leaves the last file.

    Tensors are named `network.<name>` and `optimiser.<which>.<weight>.<name>`; the optimisers'
    rates and the progress lie in the file's metadata as JSON.

    Args:
        path: the file to replace.
        network: its parameters and buffers are kept.
        optimisers: their whole `state_dict` is kept.
        progress: whatever else goes on from here, ready for JSON.
    """
    tensors: dict[str, Tensor] = {
        f"network.{name}": value for name, value in network.state_dict().items()
    }
    groups = []
    for which, optimiser in enumerate(optimisers):
        state = optimiser.state_dict()
        groups.append(state["param_groups"])
        for weight, values in state["state"].items():
            for name, value in values.items():
                tensors[f"optimiser.{which}.{weight}.{name}"] = torch.as_tensor(value)
    metadata = {"format": "1", "progress": json.dumps(progress), "groups": json.dumps(groups)}
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_write(path) as file:
        file.write(to_bytes(whole, metadata))
