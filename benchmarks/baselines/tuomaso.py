"""The last network of tuomaso's train_mnist_fast, as its page describes it.

Two narrow convolutions, 5x5 and 3x3, each with its maximum taken before ReLU; a dense layer of 256;
no dropout, no augmentation. Adam with betas 0.7 and 0.9 and one cycle up to 0.01, batches of 256,
one epoch. Its author states 99.04 % on MNIST's test set after one epoch, 99.245 % after two.
"""

import torch
from exchange import task
from torch import Tensor, nn
from torch_parts import answer, set_up, train

BATCH = 256
MEAN, SPREAD = 0.1307, 0.3081  # of MNIST's training pictures


def ready(images: Tensor) -> Tensor:
    """Normalise pictures uint8 [n, 1, 28, 28]."""
    return (images.float() / 255 - MEAN) / SPREAD


def main() -> None:
    """Train and answer."""
    work = task()
    device = set_up(work.seed, work.threads, work.device)
    network = nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(800, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    ).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.7, 0.9))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=0.01,
        total_steps=work.epochs * (len(work.x_train) // BATCH),
        cycle_momentum=False,
    )
    train(work, network, device, optimiser, batch=BATCH, ready=ready, after_step=schedule.step)
    answer(work, network, device, ready(torch.from_numpy(work.x_test).to(device).unsqueeze(1)))


if __name__ == "__main__":
    main()
