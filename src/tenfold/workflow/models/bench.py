"""Measure how fast a model file answers on this machine."""

import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tenfold.data.dataset import Images
from tenfold.data.source import load
from tenfold.model.file import Model, open_model
from tenfold.run.environment import cores

BATCHES = (1, 8, 64, 512, 4096)
LEAST_SECONDS = 0.3  # of each measurement, and at least five repetitions
LEAST_REPETITIONS = 5
STARTS = 3


@dataclass(frozen=True)
class Pace:
    """How fast batches of one size are answered.

    Args:
        batch: pictures at once.
        threads: threads to answer with.
        latency: seconds for a batch, the median.
        images_per_second: pictures a second, from the median.
        repetitions: how many batches were timed.
    """

    batch: int
    threads: int
    latency: float
    images_per_second: float
    repetitions: int


@dataclass(frozen=True)
class Benchmark:
    """How fast a model file is.

    Args:
        name: the model.
        bytes: the size of its file.
        paces: a measurement for each size of batch and number of threads.
        start: seconds of a whole new process `tenfold predict` on one picture, the median of 3.
    """

    name: str
    bytes: int
    paces: tuple[Pace, ...]
    start: float

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.bytes:,} bytes", "  batch  threads       latency    images/s"]
        lines += [
            f"  {pace.batch:>5,}  {pace.threads:>7}  {pace.latency * 1000:>9.2f} ms"
            f"  {pace.images_per_second:>10,.0f}"
            for pace in self.paces
        ]
        lines.append(f"a new process answers its first picture after {self.start:.2f} s")
        return "\n".join(lines)


def bench(model: str | PathLike[str], threads: int = 0) -> Benchmark:
    """Measure a model file on pictures of `mnist:test`.

    The time of each batch is that of the whole answer, from uint8 pictures to labels. Sizes and
    threads take turns, so that all meet the same machine.

    Args:
        model: a run, its folder or a model file.
        threads: measure this number alone; 0 for one and every core.

    Raises:
        TenfoldError: where the model cannot be read.
    """
    images = load("mnist:test").images
    counts = [threads] if threads else sorted({1, cores()})
    opened = {count: open_model(model, count) for count in counts}
    paces = [_pace(opened[count], images, batch, count) for batch in BATCHES for count in counts]
    first = opened[counts[0]]
    return Benchmark(str(first.name), len(first.content), tuple(paces), _start(model))


def _pace(model: Model, images: Images, batch: int, threads: int) -> Pace:
    pictures = images[:batch]
    model.predict(pictures, batch)  # the first one allocates
    times: list[float] = []
    while len(times) < LEAST_REPETITIONS or sum(times) < LEAST_SECONDS:
        began = time.perf_counter()
        model.predict(pictures, batch)
        times.append(time.perf_counter() - began)
    middle = median(times)
    return Pace(batch, threads, middle, batch / middle, len(times))


def _start(model: str | PathLike[str]) -> float:
    """Time whole processes that answer one picture."""
    from tenfold.data.export import export

    with TemporaryDirectory() as folder:
        one = load("mnist:test").subset(np.arange(1))
        (table,) = export(one, folder)
        command = [sys.executable, "-m", "tenfold", "predict", str(Path(model)), str(table)]
        command += ["-o", str(Path(folder) / "answer.csv"), "--overwrite"]
        times = []
        for _ in range(STARTS):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - began)
    return median(times)
