"""What a run is made of and on: data, machine, versions."""

import os
import platform
import shlex
import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.run.layers import MAX_THREADS
from tenfold.run.records import Environment, Machine, RunRequest

OPENMP_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
# By turns, one epoch of `quick` on two cores, idle and with two other processes that spin: 8,280
# and 3,000 images/s with this, 8,300 and 1,750 without, 5,800-6,600 and 6,800 where threads sleep.
OPENMP_SPINS = 20_000
LOAD_SAMPLES, LOAD_INTERVAL = 5, 0.002  # seconds

PACKAGES = ("tenfold", "torch", "numpy", "onnx", "onnxruntime", "polars")


def describe(
    train_set: Dataset,
    test_set: Dataset | None,
    device: str,
    leaked: int,
    request: RunRequest,
    code: dict[str, str] | None = None,
) -> Environment:
    """Describe what a run is made of and on.

    Args:
        train_set: the training source, before any split.
        test_set: the test source, or None.
        device: the processor's or the GPU's name.
        leaked: how many test images are in the training set.
        request: what else was asked of the run.
        code: the sha256 of each file of code that the recipe names (see `run/own_code.py`).
    """
    return Environment(
        started=now(),
        command=shlex.join(["tenfold", *sys.argv[1:]]) if is_command() else None,
        machine=machine(),
        device=device,
        versions=versions(),
        source=train_set.source,
        fingerprint=train_set.fingerprint,
        images=len(train_set),
        classes=train_set.classes,
        test_source=test_set.source if test_set else None,
        test_fingerprint=test_set.fingerprint if test_set else None,
        leaked=leaked,
        request=request,
        code=code or {},
    )


def differences(before: Environment, device: str) -> tuple[str, ...]:
    """Name what differs from when a run began, of what its weights may depend on.

    Args:
        before: what `describe` returned then.
        device: the device's name now.
    """
    then = before.versions | {"processor": before.machine.cpu, "device": before.device}
    here = versions() | {"processor": cpu_name(), "device": device}
    if (then["device"], device) == (then["processor"], here["processor"]):
        del then["device"], here["device"]  # the same thing twice
    return tuple(
        f"{name} {here.get(name, 'absent')} for {then.get(name, 'absent')}"
        for name in sorted(here.keys() | then.keys())
        if here.get(name) != then.get(name)
    )


def now() -> str:
    """Return the time in UTC, as `2026-01-31T12:00:00+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def process_age() -> float:
    """Seconds since this process began; 0 where the system does not say."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return uptime - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def is_command() -> bool:
    """Whether this process is a `tenfold` command."""
    return Path(sys.argv[0]).name in ("tenfold", "__main__.py")


def machine() -> Machine:
    """Describe this computer."""
    return Machine(cpu_name(), cores(), platform.platform(terse=True))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a run's figures."""
    from importlib import metadata  # 15 ms, which predicting does without

    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """Count the threads to compute with: every core, or fewer where OMP_NUM_THREADS says so.

    joblib's workers have it set to their part of the machine: without it the two workers of a
    search would take every core each.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(limit)) if limit.isdecimal() and int(limit) else cores()


def limit_openmp_spinning() -> None:
    """Choose how GNU OpenMP's threads wait for each other; to be called before torch is imported.

    They spin, and on a machine with other work they spin away the time that the one they wait for
    needs. Where every core has work they sleep instead; elsewhere, where sleeping would cost a
    quarter of the speed, they spin for no longer than a training step's gaps. What is set in
    `OMP_WAIT_POLICY` or `GOMP_SPINCOUNT` stays.
    """
    if sys.platform != "linux" or any(name in os.environ for name in OPENMP_WAITING):
        return
    if running_elsewhere() > (os.cpu_count() or 1) - default_threads():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    else:
        os.environ["GOMP_SPINCOUNT"] = str(OPENMP_SPINS)


def running_elsewhere() -> int:
    """Count the other threads on this machine that run or wait for a core, without a break."""
    counts = []
    for _ in range(LOAD_SAMPLES):
        running = Path("/proc/loadavg").read_text().split()[3].partition("/")[0]
        counts.append(int(running) - 1)
        time.sleep(LOAD_INTERVAL)
    return max(0, min(counts))


def thread_count(threads: int | None) -> int:
    """Return the threads to compute with: as many as asked for, or every core (None or 0).

    Raises:
        TenfoldError: where there are more than `MAX_THREADS`, or less than none.
    """
    if threads is not None and not 0 <= threads <= MAX_THREADS:
        raise TenfoldError(f"threads: must be 1-{MAX_THREADS:,}. Received: {threads:,}")
    return threads or default_threads()


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
