"""Settle what a recipe leaves to the machine: device, precision, threads."""

import ctypes
import sys

import torch

from tenfold.errors import TenfoldError
from tenfold.run import environment
from tenfold.run.recipe import Plateau, Recipe, change


def resolve(recipe: Recipe) -> Recipe:
    """Replace every `auto` of a recipe by what this machine offers.

    Raises:
        TenfoldError: where the recipe asks for a device that is not there, or for members at once
            that must learn one after another.
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
    at_once = _members_at_once(recipe, device)
    return change(
        recipe, device=device, precision=precision, threads=threads, parallel_members=at_once
    )


def _members_at_once(recipe: Recipe, device: str) -> int:
    """Settle how many members learn in one step; a schedule that watches them wants each alone."""
    apart = isinstance(recipe.schedule, Plateau) or recipe.negatives.share > 0
    if recipe.parallel_members > 1 and apart:
        raise TenfoldError(
            f"recipe {recipe.name}: members cannot learn at once where the schedule watches "
            "validation, or where there are negatives; give --set parallel_members=1. Received: "
            f"{recipe.parallel_members}"
        )
    together = device == "cuda" and recipe.members > 1 and not apart
    return recipe.parallel_members or (recipe.members if together else 1)


def prepare(recipe: Recipe) -> torch.device:
    """Set the process up for a resolved recipe and return its device."""
    torch.set_num_threads(recipe.threads)
    if sys.platform == "linux":
        _keep_freed_memory()
    return torch.device(recipe.device)


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


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
