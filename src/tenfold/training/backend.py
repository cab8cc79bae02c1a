"""The device: what a recipe leaves to the machine, and how to compute on it."""

import ctypes
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.own_code import code_names
from tenfold.run.recipe import Recipe, change
from tenfold.run.schedules import Plateau
from tenfold.training.layers import unstackable


@dataclass(frozen=True)
class Backend:
    """A device, set up for a recipe.

    Args:
        device: where everything is computed.
        dtype: what convolutions and matrix products are computed in: float32 or bfloat16.
    """

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def prepare(cls, recipe: Recipe) -> "Backend":
        """Set the process up for a resolved recipe."""
        torch.set_num_threads(recipe.threads)
        if sys.platform == "linux":
            _keep_freed_memory()
        return cls(torch.device(recipe.device), getattr(torch, recipe.precision))

    @property
    def is_synchronous(self) -> bool:
        """Whether an operation is done when its call returns: on the CPU."""
        return self.device.type == "cpu"

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def autocast(self) -> AbstractContextManager[None]:
        """Compute within in `dtype` what gains by it."""
        enabled = self.dtype == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)


def resolve(recipe: Recipe) -> Recipe:
    """Replace every `auto` of a recipe by what this machine offers.

    Raises:
        TenfoldError: where the recipe wants a device that is absent, or wants to train members at
            once that must be trained one after another.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    device = recipe.device
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps else "cpu"
    if (device == "cuda" and not cuda) or (device == "mps" and not mps):
        available = "cuda" if cuda else "mps" if mps else "cpu only"
        raise TenfoldError(f"--device {device}: not available here. Available: {available}")
    precision = recipe.precision
    if precision == "auto":
        # Without the instructions bfloat16 is emulated: 0.9 GFLOP/s, float32 110 (Zen 3).
        native = device == "cuda" or (device == "cpu" and environment.cpu_has_bfloat16())
        precision = "bfloat16" if native else "float32"
    return change(
        recipe,
        device=device,
        precision=precision,
        threads=recipe.threads or environment.default_threads(),
        parallel_members=_parallel_members(recipe, device),
    )


def _parallel_members(recipe: Recipe, device: str) -> int:
    """Decide how many members to train in one step."""
    if recipe.members == 1:
        return 1
    reason = None
    if isinstance(recipe.schedule, Plateau):
        reason = "the plateau schedule watches the validation accuracy of each"
    elif recipe.negatives.share > 0:
        reason = "the recipe has negatives"
    elif layer := unstackable(recipe.network):
        reason = f"{layer} cannot be stacked"
    elif own := code_names(recipe):
        reason = f"{own[0]} takes one network at a time"
    if recipe.parallel_members > 1 and reason:
        raise TenfoldError(
            f"recipe {recipe.name}: members cannot be trained at once: {reason}; give --set "
            f"parallel_members=1. Received: {recipe.parallel_members}"
        )
    together = device == "cuda" and reason is None
    return recipe.parallel_members or (recipe.members if together else 1)


def device_name(device: str) -> str:
    """Return the name of the processor or the GPU."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{environment.cpu_name()} GPU" if device == "mps" else environment.cpu_name()


def _keep_freed_memory() -> None:
    """Have glibc keep freed memory: each step asks for the same large blocks again.

    Otherwise every block is mapped, zeroed and unmapped by the kernel, step after step: 2,074
    against 2,116 and 2,547 against 2,678 images/s in two networks of a quick run's size.
    """
    largest, mmap_threshold, trim_threshold = 2**30, -3, -1
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(mmap_threshold, largest)
    mallopt(trim_threshold, largest)
