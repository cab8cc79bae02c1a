"""One network of C. Deotte's "25 Million Images! [0.99757] MNIST", as the notebook describes it.

Twice two 3x3 convolutions and a 5x5 one of stride 2 in place of pooling, 32 and then 64 filters; a
4x4 convolution of 128; batch norm behind each ReLU; dropout 0.4 three times. Adam, batches of 64,
the rate 0.001 times 0.95 an epoch, 45 epochs; rotation 10 degrees, zoom and shift 10 %.
"""

import torch
from exchange import task
from torch import Tensor, nn
from torch_parts import answer, moved, set_up, train


def block(inputs: int, filters: int, size: int, stride: int = 1) -> list[nn.Module]:
    """Convolve, ReLU, normalise as Keras does by default; only strides are padded."""
    return [
        nn.Conv2d(inputs, filters, size, stride, padding=size // 2 if stride > 1 else 0),
        nn.ReLU(),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    ]


def ready(images: Tensor) -> Tensor:
    """Move pictures uint8 [n, 1, 28, 28] about."""
    pictures: Tensor = moved(images.float() / 255, rotation=10, zoom=0.1, shift=0.1)
    return pictures


def main() -> None:
    """Train and answer."""
    work = task()
    device = set_up(work.seed, work.threads, work.device)
    network = nn.Sequential(
        *block(1, 32, 3),
        *block(32, 32, 3),
        *block(32, 32, 5, 2),
        nn.Dropout(0.4),
        *block(32, 64, 3),
        *block(64, 64, 3),
        *block(64, 64, 5, 2),
        nn.Dropout(0.4),
        *block(64, 128, 4),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(128, 10),
    ).to(device)
    for module in network.modules():  # as Keras begins
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.001, eps=1e-7)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.95)
    train(work, network, device, optimiser, batch=64, ready=ready, after_epoch=schedule.step)
    answer(work, network, device, torch.from_numpy(work.x_test).to(device).unsqueeze(1) / 255)


if __name__ == "__main__":
    main()
