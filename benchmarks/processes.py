"""One training as whoever starts it meets it: a process of its own, timed from start to end."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def timed(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[float, str]:
    """Run a command to its end; return its seconds and what it said on stdout.

    What a compiler keeps from one process for the next goes to a folder that is gone afterwards.

    Raises:
        SystemExit: where the command fails, with the end of what it said on stderr.
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
        said = done.stderr.strip()[-2000:]
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}: {said}")
    return seconds, done.stdout


def train(
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
) -> tuple[float, dict[str, Any]]:
    """Train in a new process, report off; return its seconds and the run's `metrics.json`.

    Args:
        source: what to learn from, to the last picture.
        recipe: a recipe's name or file.
        out: the run folder; one that is there is replaced.
        seed: of weights, order and augmentation.
        epochs: 0 for the recipe's.
        settings: `key=value` changes to the recipe.
        threads: 0 for every core.
        device: as `tenfold train --device` takes it.
        options: what else the command is to be told.
    """
    command = [sys.executable, "-m", "tenfold", "train", source, "--recipe", recipe, "--val", "0"]
    command += ["--no-report", "--seed", str(seed), "--out", str(out), "--overwrite", "--json"]
    command += ["--device", device, *options]
    if epochs:
        command += ["--epochs", str(epochs)]
    if threads:
        command += ["--threads", str(threads)]
    for setting in settings:
        command += ["--set", setting]
    seconds, said = timed(command)
    return seconds, json.loads(said)
