"""Where the time of training goes, and what the machine could do at best."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import torch

from tenfold.training.backend import Backend

MATRIX_SIDE = {"cpu": 2048, "mps": 4096, "cuda": 8192}  # of the matrices: 20-100 ms a product
PRODUCTS = 5


class PhaseTimer:
    """Sums up the seconds of each phase of training: `step.PHASES`, and validation.

    A GPU is waited for behind each phase, so that its time is found where it arose, and steps are
    not captured; that makes the whole slower. Nothing of what is computed changes.

    Attributes:
        seconds: of each phase so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, backend: Backend) -> Iterator[None]:
        """Count the time spent within as a phase's."""
        started = time.perf_counter()
        yield
        backend.synchronize()
        elapsed = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + elapsed


def peak_flops(precision: str, device: str = "cpu") -> float:
    """Measure how many floating-point operations a second a matrix product reaches here.

    Args:
        precision: "float32" or "bfloat16".
        device: "cpu", which takes the threads that torch has now, "cuda" or "mps".

    Returns:
        The median of five products of square matrices; a multiply-add is two operations.
    """
    side = MATRIX_SIDE[device]
    backend = Backend(torch.device(device), getattr(torch, precision))
    matrix = torch.rand(side, side, device=backend.device).to(backend.dtype)
    times = []
    for _ in range(PRODUCTS + 1):  # the first one allocates and chooses its kernel
        started = time.perf_counter()
        matrix @ matrix
        backend.synchronize()
        times.append(time.perf_counter() - started)
    return 2 * side**3 / median(times[1:])
