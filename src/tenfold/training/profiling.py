"""Where the time of a training goes, and what the machine could do at best."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from tenfold.training.backend import synchronize
from tenfold.training.trainer import Trainer

# What the steps of a Trainer are made of, by the method that does it.
PARTS = {
    "_moved": "augmentation",
    "_answers": "forward",
    "_backward": "backward",
    "_update": "optimiser",
    "_validate": "validation",
}
SIDE = {"cpu": 2048, "mps": 4096, "cuda": 8192}  # of the matrices: 20-100 ms a product
PRODUCTS = 5


def watch_parts(trainer: Trainer) -> dict[str, float]:
    """Have a trainer measure its own parts from here on; nothing of what it computes changes.

    A GPU is waited for behind each part, so that its time is found where it arose, and its steps
    are not captured; that makes the whole slower.

    Returns:
        The seconds of each part so far, which grow as it trains.
    """
    trainer.use_cuda_graph = False
    seconds = dict.fromkeys(PARTS.values(), 0.0)
    for method, part in PARTS.items():
        setattr(trainer, method, _timed(getattr(trainer, method), part, seconds, trainer.device))
    return seconds


def _timed(
    method: Callable[..., Any], part: str, seconds: dict[str, float], device: torch.device
) -> Callable[..., Any]:
    def timed(*values: Any) -> Any:
        began = time.perf_counter()
        result = method(*values)
        synchronize(device)
        seconds[part] += time.perf_counter() - began
        return result

    return timed


def peak_flops(precision: str, device: str = "cpu") -> float:
    """Measure how many floating-point operations a second a matrix product reaches here.

    Args:
        precision: "float32" or "bfloat16".
        device: "cpu", which takes the threads that torch has now, "cuda" or "mps".

    Returns:
        The median of five products of square matrices; a multiply-add is two operations.
    """
    side, where = SIDE[device], torch.device(device)
    matrix = torch.rand(side, side, device=where).to(getattr(torch, precision))
    times = []
    for _ in range(PRODUCTS + 1):  # the first one allocates and chooses its way
        began = time.perf_counter()
        matrix @ matrix
        synchronize(where)
        times.append(time.perf_counter() - began)
    return 2 * side**3 / median(times[1:])
