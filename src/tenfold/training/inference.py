"""What a network says of pictures, as they come and outside training."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tenfold.data.dataset import Images


def to_float(images: Tensor) -> Tensor:
    """Turn uint8 [n, 28, 28] into float32 [n, 1, 28, 28] in 0-1."""
    return images.unsqueeze(1).float().div_(255)


@torch.no_grad()
def forward(
    network: nn.Module, images: Images, device: torch.device, batch: int = 256
) -> NDArray[np.float32]:
    """Answer pictures uint8 [n, 28, 28] in float32; return logits float32 [n, classes]."""
    was_training = network.training
    network.eval()
    parts = [
        network(
            to_float(torch.tensor(images[start : start + batch], device=device)).contiguous(
                memory_format=torch.channels_last
            )
        ).cpu()
        for start in range(0, len(images), batch)
    ]
    network.train(was_training)
    return torch.cat(parts).numpy()
