"""What a run ran on and with: machine, versions, data."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tenfold.data.dataset import Dataset

PACKAGES = ("tenfold", "torch", "numpy", "onnx", "onnxruntime", "polars")


def describe(train: Dataset, test: Dataset | None, device: str, leaked: int) -> dict[str, Any]:
    """Say what a run runs on and with.

    Args:
        train: the pictures that are learned from, before any split.
        test: the pictures that are answered at the end, where there are any.
        device: the device as it will be named, "cpu" or a GPU's name.
        leaked: how many of the test pictures are among those learned from.

    Returns:
        What `environment.json` holds.
    """
    return {
        "started": now(),
        "command": shlex.join(["tenfold", *sys.argv[1:]]) if is_command() else None,
        "machine": machine(),
        "device": device,
        "versions": versions(),
        "source": train.source,
        "fingerprint": train.fingerprint,
        "pictures": len(train),
        "classes": list(train.classes),
        "test_source": test.source if test else None,
        "test_fingerprint": test.fingerprint if test else None,
        "leaked": leaked,
        "resumed": [],  # when, and what was otherwise then
        "finished": None,
    }


def differences(then: dict[str, Any], device: str) -> list[str]:
    """Say what is otherwise than when a run began, of what its weights may depend on.

    Args:
        then: what `describe` said.
        device: the device's name now.
    """
    was = then["versions"] | {"processor": then["machine"]["cpu"], "device": then["device"]}
    here = versions() | {"processor": cpu_name(), "device": device}
    if (was["device"], device) == (was["processor"], here["processor"]):
        del was["device"], here["device"]  # the same thing twice
    return [
        f"{name} {here.get(name, 'absent')} for {was.get(name, 'absent')}"
        for name in sorted(here.keys() | was.keys())
        if here.get(name) != was.get(name)
    ]


def now() -> str:
    """Give the time in UTC, as `2026-01-31T12:00:00+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def process_age() -> float:
    """Seconds since this process began; 0 where the system does not tell."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return uptime - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def is_command() -> bool:
    """Tell whether this process is a `tenfold` command."""
    return Path(sys.argv[0]).name in ("tenfold", "__main__.py")


def machine() -> dict[str, Any]:
    """Describe the computer: processor, cores that this process may use, system."""
    return {"cpu": cpu_name(), "cores": cores(), "system": platform.platform(terse=True)}


def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that decide a run's figures."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """Count the threads to compute with: every core, or fewer where OMP_NUM_THREADS says so.

    joblib's workers have it set to their part of the machine: without it the two workers of a
    search would take every core each.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(asked)) if asked.isdecimal() and int(asked) else cores()


def cpu_name() -> str:
    """Name the processor."""
    return cpu_info().get("model name") or platform.processor() or platform.machine()


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices itself (AVX-512, AMX, Arm's bf16)."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())


def cpu_has_amx() -> bool:
    """Whether the processor multiplies tiles of bfloat16 (Intel's AMX)."""
    return "amx_bf16" in _cpu_flags()


def _cpu_flags() -> set[str]:
    return set((cpu_info().get("flags") or cpu_info().get("Features") or "").split())


@cache
def cpu_info() -> dict[str, str]:
    """Read the first processor's lines of /proc/cpuinfo; empty where there is none."""
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return {}
    lines = file.read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
