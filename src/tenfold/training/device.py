"""Settle what a recipe leaves to the machine: device, precision, threads."""

import ctypes
import sys

import torch

from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.recipe import Recipe, change


def settle(recipe: Recipe) -> Recipe:
    """Replace every `auto` of a recipe by what this machine offers.

    Raises:
        TenfoldError: where the recipe asks for a device that is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    device = recipe.device
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps else "cpu"
    if (device == "cuda" and not cuda) or (device == "mps" and not mps):
        found = "cuda" if cuda else "mps" if mps else "cpu alone"
        raise TenfoldError(f"--device {device}: torch finds no such device here, but {found}")
    precision = recipe.precision
    if precision == "auto":
        # Without the instructions bfloat16 is emulated: 0.9 GFLOP/s, float32 110 (Zen 3).
        quick = device == "cuda" or (device == "cpu" and environment.cpu_has_bfloat16())
        precision = "bfloat16" if quick else "float32"
    threads = recipe.threads or environment.default_threads()
    return change(recipe, device=device, precision=precision, threads=threads)


def prepare(recipe: Recipe) -> torch.device:
    """Set the process up for a settled recipe and return its device."""
    torch.set_num_threads(recipe.threads)
    if sys.platform == "linux":
        _keep_freed_memory()
    return torch.device(recipe.device)


def device_name(device: str) -> str:
    """Name a device as a person would: the processor's or the GPU's name."""
    return torch.cuda.get_device_name() if device == "cuda" else environment.cpu_name()


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
