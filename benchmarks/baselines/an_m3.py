"""The network M3 of An et al., "An Ensemble of Simple CNN Models" (2020).

Ten unpadded 3x3 convolutions with 32, 48, ... 176 filters, each with batch norm and ReLU, no
pooling; one dense layer, normalised too. Adam, the rate 0.001 times 0.98 an epoch, batches of 120,
150 epochs; rotation 20 degrees, shift 20 %. Weights averaged with 0.999 a step answer.
"""

from itertools import pairwise

import torch
from exchange import task
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch_parts import answer, moved, set_up, train


def ready(images: Tensor) -> Tensor:
    """Move pictures uint8 [n, 1, 28, 28] about, then bring them to -1 to 1."""
    pictures: Tensor = moved(images.float() / 255, rotation=20, zoom=0, shift=0.2) * 2 - 1
    return pictures


def network() -> nn.Sequential:
    """Build it."""
    widths = [1, *range(32, 177, 16)]
    layers: list[nn.Module] = []
    for inputs, filters in pairwise(widths):
        layers += [nn.Conv2d(inputs, filters, 3, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
    side = 28 - 2 * (len(widths) - 1)
    dense = nn.Linear(widths[-1] * side * side, 10, bias=False)
    return nn.Sequential(*layers, nn.Flatten(), dense, nn.BatchNorm1d(10))


def main() -> None:
    """Train and answer."""
    work = task()
    device = set_up(work.seed, work.threads, work.device)
    model = network().to(device)
    averaged = get_ema_multi_avg_fn(0.999)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=averaged, use_buffers=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.98)
    train(
        work,
        model,
        device,
        optimiser,
        batch=120,
        ready=ready,
        after_step=lambda: average.update_parameters(model),
        after_epoch=schedule.step,
    )
    asked = torch.from_numpy(work.x_test).to(device).unsqueeze(1) / 255 * 2 - 1
    answer(work, average.module, device, asked)


if __name__ == "__main__":
    main()
