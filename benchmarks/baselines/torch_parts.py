"""What the peers in PyTorch have in common: device, augmentation, answers, cost."""

import math
from collections.abc import Callable

import numpy as np
import torch
from exchange import Task
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def set_up(seed: int, threads: int, device: str) -> torch.device:
    """Seed, choose threads and device."""
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if device == "auto" else device)


def moved(images: Tensor, rotation: float, zoom: float, shift: float) -> Tensor:
    """Turn, scale and shift each picture of float [n, 1, 28, 28] by amounts of its own.

    Args:
        images: pictures on black.
        rotation: at most so many degrees either way.
        zoom: at most this share larger or smaller.
        shift: at most this share of the side, each way.
    """

    def draw(most: float) -> Tensor:
        return (torch.rand(len(images), device=images.device) * 2 - 1) * most

    angle, scale = draw(math.radians(rotation)), 1 + draw(zoom)
    cosine, sine = angle.cos() / scale, angle.sin() / scale
    across = torch.stack([cosine, -sine, draw(2 * shift)], 1)
    down = torch.stack([sine, cosine, draw(2 * shift)], 1)
    size = list(images.shape)
    grid = functional.affine_grid(torch.stack([across, down], 1), size, align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


@torch.no_grad()
def probabilities(network: nn.Module, images: Tensor, batch: int = 1000) -> NDArray[np.float32]:
    """Answer pictures float [n, 1, 28, 28]; return float32 [n, 10]."""
    network.eval()
    parts = [network(images[i : i + batch]).float() for i in range(0, len(images), batch)]
    answers: NDArray[np.float32] = torch.cat(parts).softmax(1).cpu().numpy()
    return answers


@torch.no_grad()
def costs(network: nn.Module) -> dict[str, int]:
    """Count the parameters, and the multiply-adds of a picture in convolutions and dense layers."""
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() * out.shape[2] * out.shape[3]
        elif isinstance(module, nn.Linear):
            total += module.weight.numel()

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    network.eval()(torch.zeros(1, 1, 28, 28, device=next(network.parameters()).device))
    for hook in hooks:
        hook.remove()
    parameters = sum(weight.numel() for weight in network.parameters())
    return {"parameters": parameters, "multiply_adds": total}


def train(
    work: Task,
    network: nn.Module,
    device: torch.device,
    optimiser: torch.optim.Optimizer,
    *,
    batch: int,
    ready: Callable[[Tensor], Tensor],
    after_step: Callable[[], None] = lambda: None,
    after_epoch: Callable[[], None] = lambda: None,
) -> None:
    """Take every step of the schedule, in a new order each epoch.

    Args:
        work: the pictures and the terms.
        network: from pictures float [n, 1, 28, 28] to logits.
        device: where the pictures go, as one tensor.
        optimiser: of the network's weights.
        batch: pictures a step; what is left of an epoch is left out.
        ready: turns pictures uint8 [n, 1, 28, 28] into what the network learns from.
        after_step: called after each step.
        after_epoch: called after each epoch.
    """
    images = torch.from_numpy(work.x_train).to(device).unsqueeze(1)
    labels = torch.from_numpy(work.y_train).to(device)
    network.train()
    work.begin()
    done = 0
    for epoch in range(1, work.epochs + 1):
        order = torch.randperm(len(images), device=device)
        taken = 0
        for start in range(0, len(images) - batch + 1, batch):
            rows = order[start : start + batch]
            loss = functional.cross_entropy(network(ready(images[rows])), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            after_step()
            done, taken = done + 1, taken + batch
            if done == work.steps:
                break
        work.epoch(epoch, taken, loss=float(loss.detach()))
        after_epoch()
        if done == work.steps:
            break
    work.end()


def answer(
    work: Task,
    network: nn.Module,
    device: torch.device,
    images: Tensor,
    precision: str = "float32",
) -> None:
    """Answer the test pictures, made ready as float [m, 1, 28, 28], and say what it cost."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    work.answer(
        probabilities(network, images),
        ("torch",),
        precision=precision,
        device=name,
        **costs(network),
    )
