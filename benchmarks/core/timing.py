"""One command as its user meets it: a process of its own, timed from start to end."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def time_command(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """Run a command to its end; return its wall-clock seconds and its stdout.

    Compiler caches go to a folder that is deleted afterwards, so no process profits from another.

    Args:
        command: the program and its arguments.
        environment: variables to add to those of this process.

    Raises:
        SystemExit: where the command fails, with the end of its stderr.
    """
    with tempfile.TemporaryDirectory() as cache:
        caches = {"TORCHINDUCTOR_CACHE_DIR": f"{cache}/inductor", "TRITON_CACHE_DIR": f"{cache}/t"}
        began = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, **caches, **(environment or {})},
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        stderr = done.stderr.strip()[-2000:]
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}: {stderr}")
    return seconds, done.stdout


def train_command(
    source: str,
    recipe: str,
    out: Path,
    *,
    seed: int = 0,
    epochs: int = 0,
    settings: Sequence[str] = (),
    threads: int = 0,
    device: str = "auto",
    options: Sequence[str] = (),
) -> list[str]:
    """Return the arguments of `tenfold` that train on every image, without a report.

    Args:
        source: the training set.
        recipe: a recipe's name or file.
        out: the run folder; an existing one is replaced.
        seed: random seed for initialisation, shuffling and augmentation.
        epochs: 0 for the recipe's; ignored where the settings count steps.
        settings: `key=value` changes to the recipe.
        threads: 0 for every core.
        device: as `tenfold train --device` takes it.
        options: further options of the command.
    """
    command = ["train", source, "--recipe", recipe, "--val", "0", "--no-report"]
    command += ["--seed", str(seed), "--out", str(out), "--overwrite", "--json"]
    command += ["--device", device, *options]
    if epochs and not any(one.startswith("steps=") for one in settings):
        command += ["--epochs", str(epochs)]
    if threads:
        command += ["--threads", str(threads)]
    for setting in settings:
        command += ["--set", setting]
    return command


def time_training(
    source: str, recipe: str, out: Path, **keywords: Any
) -> tuple[float, dict[str, Any]]:
    """Train in a new process; return its seconds and the run's `metrics.json`.

    Args:
        source: the training set.
        recipe: a recipe's name or file.
        out: the run folder.
        keywords: as `train_command` takes them.
    """
    words = train_command(source, recipe, out, **keywords)
    seconds, stdout = time_command([sys.executable, "-m", "tenfold", *words])
    return seconds, json.loads(stdout)
