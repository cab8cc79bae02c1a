"""Measure the inference speed of a model file on this machine."""

import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec
import numpy as np

from tenfold.data.atomic import scratch_folder
from tenfold.data.dataset import Images
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.file import Model
from tenfold.model.foreign_file import ForeignModel
from tenfold.model.reader import SHIPPED
from tenfold.run.environment import cores
from tenfold.run.records import CascadeRecord
from tenfold.workflow.models.predictors import AnyModel, open_any_model

BATCH_SIZES = (1, 8, 64, 512, 4096)
MIN_SECONDS = 0.3  # of each measurement, and at least five repetitions
MIN_REPETITIONS = 5
PROCESSES = 3
WIDTH = 80


@dataclass(frozen=True)
class Timing:
    """How fast batches of one size are predicted.

    Args:
        batch_size: images at once.
        threads: CPU threads.
        latency: seconds for a batch, the median.
        images_per_second: from the median.
        repetitions: how many batches were timed.
    """

    batch_size: int
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
        timings: a measurement for each size of batch and number of threads.
        first_prediction: seconds of a new process `tenfold predict` of one image, the median of 3.
        engine: what ran it, with its version and precision.
        notes: why it was another engine than was to be expected, a sentence each.
        cascade: what its first stage answers, at what cost; None where it has none.
    """

    name: str
    bytes: int
    timings: tuple[Timing, ...]
    first_prediction: float
    engine: str
    notes: tuple[str, ...] = ()
    cascade: CascadeRecord | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def __str__(self) -> str:
        lines = [f"note: {note}" for note in self.notes]
        lines.append(f"{self.name}: {self.bytes:,} bytes, {self.engine}")
        if self.cascade is not None:
            lines += textwrap.wrap(str(self.cascade), WIDTH)
        lines.append("  batch  threads       latency    images/s")
        lines += [
            f"  {timing.batch_size:>5,}  {timing.threads:>7}  {timing.latency * 1000:>9.2f} ms"
            f"  {timing.images_per_second:>10,.0f}"
            for timing in self.timings
        ]
        lines.append(f"first prediction of a new process after {self.first_prediction:.2f} s")
        return "\n".join(lines)


def bench(model: AnyModel = SHIPPED, threads: int | None = None, engine: str = "auto") -> Benchmark:
    """Measure a model file on images of `mnist:test`.

    The time of each batch is that of the whole prediction, from uint8 images to labels. Sizes and
    threads take turns, so that all meet the same machine.

    Args:
        model: a run, its folder or a model file, of Tenfold's or of others (see
            `tenfold.ForeignModel`); the shipped model by default.
        threads: measure this number only; by default one, and every core.
        engine: what runs it, as `tenfold.Model` takes it; by default the fastest that is installed.

    Raises:
        TenfoldError: where the model cannot be read, or the engine is not installed.
    """
    counts = [threads] if threads else sorted({1, cores()})
    if isinstance(model, Model | ForeignModel):
        model = _spec(model)
    first = open_any_model(model, counts[0], engine)
    spec = _spec(first)
    others = {count: open_any_model(spec, count, engine) for count in counts[1:]}
    opened = {counts[0]: first} | others
    images = first.matched(load("mnist:test")).images
    timings = [
        _time(opened[count], images, size, count) for size in BATCH_SIZES for count in counts
    ]
    own = first if isinstance(first, Model) else None
    return Benchmark(
        str(first.name),
        len(first.content),
        tuple(timings),
        _time_process(spec, engine),
        first.engine,
        own.engine_notes if own else (),
        own.cascade if own else None,
    )


def _spec(model: Model | ForeignModel) -> str:
    """Give the name that opens a model again, with all that was found on opening it."""
    return model.spec if isinstance(model, ForeignModel) else model.name


def _time(model: Model | ForeignModel, images: Images, batch_size: int, threads: int) -> Timing:
    batch = images[:batch_size]
    model.predict(batch, batch_size)  # the first one allocates
    times: list[float] = []
    while len(times) < MIN_REPETITIONS or sum(times) < MIN_SECONDS:
        started = time.perf_counter()
        model.predict(batch, batch_size)
        times.append(time.perf_counter() - started)
    latency = median(times)
    return Timing(batch_size, threads, latency, batch_size / latency, len(times))


def _time_process(model: str, engine: str) -> float:
    """Time whole processes that predict one image."""
    from tenfold.data.dataset_export import export_dataset

    with scratch_folder() as folder:
        one = load("mnist:test").subset(np.arange(1))
        (table,) = export_dataset(one, folder)
        command = [sys.executable, "-m", "tenfold", "predict", model, str(table)]
        command += ["-o", str(folder / "prediction.csv"), "--overwrite", "--engine", engine]
        times = []
        for _ in range(PROCESSES):
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            times.append(time.perf_counter() - started)
            if done.returncode:
                raise TenfoldError(done.stderr.strip().removeprefix("tenfold: "))
    return median(times)
