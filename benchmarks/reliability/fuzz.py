"""Corrupted files of every kind that Tenfold reads: accepted, or rejected in one line.

    python -m benchmarks run fuzz sources --examples 5000
    python -m benchmarks run fuzz images --examples 2000

Hypothesis draws the edits: bytes set, cut, repeated or inserted, mostly at heads and ends, and
within containers that are then packed again. A source must load, and an image be read, or be
rejected by a `TenfoldError` of one line, within 5 s of the processor, 60 s in all, and a bound on
memory. Each run adds a row; the exit status is 1 where a file did neither.
"""

import argparse
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as set_seed
from hypothesis import strategies as st

from benchmarks.core.benchmark import Benchmark
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from benchmarks.reliability.fuzz_samples import Sample, image_samples, source_samples
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.workflow.models.read import find_images

MAX_SECONDS, MAX_WAIT = 5, 60  # of the processor, and in all: the machine may be busy
MAX_MORE_BYTES = 1 << 30

Edit = tuple[str, bool, int, bytes]
Consume = Callable[[Path], None]


def draw_edits() -> st.SearchStrategy[list[Edit]]:
    """Draw 1-6 edits: what to do, from which end, how far from it, with which bytes."""
    words = st.sampled_from(
        [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0", b"\n", b",", b"9"]
    )
    far = st.one_of(st.integers(0, 64), st.integers(0, 40_000))
    what = st.sampled_from(["set", "set", "put", "cut", "repeat", "end"])
    content = st.one_of(words, st.binary(min_size=1, max_size=8))
    return st.lists(st.tuples(what, st.booleans(), far, content), min_size=1, max_size=6)


def corrupt(content: bytes, edits: list[Edit]) -> bytes:
    """Apply edits to a file's bytes."""
    for what, from_end, far, piece in edits:
        at = min(far, len(content))
        at = len(content) - at if from_end else at
        span = len(piece) ** 3  # 1-512 bytes
        if what == "set":
            content = content[:at] + piece + content[at + len(piece) :]
        elif what == "put":
            content = content[:at] + piece + content[at:]
        elif what == "cut":
            content = content[:at] + content[at + span :]
        elif what == "repeat":
            content = content[:at] + content[at : at + span] * 3 + content[at + span :]
        else:
            content = content[:at]
    return content


def attempt(sample: Sample, edits: list[Edit], consume: Consume) -> str:
    """Corrupt a sample and read it; return what became of it: "accepted" or "rejected".

    Raises:
        Exception: whatever `consume` raises that is not a TenfoldError of one line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        corrupted = (sample.name, sample.pack(corrupt(sample.content, edits)))
        for name, content in (*sample.beside, corrupted):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        try:
            consume(folder / (sample.source or sample.name))
        except TenfoldError as error:
            if not str(error).isprintable() or len(str(error)) > 1000:
                raise ValueError(f"not one short line: {error!r}") from error
            return "rejected"
        return "accepted"


def load_source(path: Path) -> None:
    """Load a source; it must hold images."""
    if len(load(path)) == 0:
        raise ValueError("loaded without an image")


def make_image_reader() -> Consume:
    """Return what reads an image with the shipped model, page by page where it is a PDF."""
    reader = Reader(threads=1)

    def read(path: Path) -> None:
        for outcome in reader.read_many(find_images([str(path)]), batch_size=1):
            outcome.result()

    return read


class Fuzz(Benchmark):
    """What becomes of corrupted files."""

    name = "fuzz"
    description = "Corrupted files of every kind: each must be accepted, or rejected in one line."
    options = ()
    section = "Corrupted files"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what is corrupted and how often."""
        parser.add_argument("target", choices=("sources", "images"))
        parser.add_argument("--examples", type=int, default=5000, metavar="N")
        parser.add_argument("--seed", type=int, default=0)

    def run(self, arguments: argparse.Namespace) -> int:
        """Corrupt files, append a row and print the table; return 1 where a file failed."""
        row = fuzz(arguments.target, arguments.examples, arguments.seed)
        Store(self.file, arguments.results).append(row)
        print(self.table([row]))
        for failure in row["failures"]:
            log(failure)
        return 1 if row["failures"] else 0

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        return "\n".join(
            f"- {row['n']:,} corrupted {row['target']} of {len(row['outcomes'])} kinds: "
            f"{row['total'].get('rejected', 0):,} rejected in one line, "
            f"{row['total'].get('accepted', 0):,} accepted, "
            f"{row['total'].get('failed', 0):,} failed; slowest "
            f"{row['slowest_seconds']:.2f} s, peak memory {row['peak_bytes'] >> 20} MiB (seed "
            f"{row['seed']}, commit {row['commit']}, {row['date'][:10]})."
            for row in rows
        )


def fuzz(target: str, examples: int, seed: int) -> Row:
    """Corrupt files of every kind within bounds on time and memory; return the counts.

    The bound on memory holds for this process from here on.

    Args:
        target: "sources" or "images".
        examples: how many files.
        seed: of the edits.
    """
    sources = target == "sources"
    with tempfile.TemporaryDirectory() as folder:
        samples = source_samples(Path(folder)) if sources else image_samples()
    consume = load_source if sources else make_image_reader()
    for sample in samples.values():  # what loading imports is not counted to a file
        attempt(sample, [], consume)
    limit = _bound_memory()
    for timer in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(timer, _time_out)
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in samples}
    failures: list[str] = []
    slowest = 0.0

    def one(kind: str, edits: list[Edit]) -> None:
        nonlocal slowest
        _set_timers(MAX_SECONDS, MAX_WAIT)
        start = time.perf_counter()
        try:
            outcomes[kind][attempt(samples[kind], edits, consume)] += 1
        except Exception as error:
            outcomes[kind]["failed"] += 1
            failures.append(f"{kind} {edits}: {type(error).__name__}: {error}"[:500])
        finally:
            _set_timers(0, 0)
        slowest = max(slowest, time.perf_counter() - start)

    start = time.perf_counter()
    for number, kind in enumerate(samples):  # kind by kind: drawn, some would come rarely
        share = (examples + number) // len(samples)
        if share:
            _call_with_edits(partial(one, kind), share, seed)
    total: Counter[str] = sum(outcomes.values(), Counter())
    row: Row = {
        "target": target,
        "seed": seed,
        "n": total.total(),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "total": dict(total),
        "failures": failures[:20],
        "slowest_seconds": round(slowest, 3),
        "seconds": round(time.perf_counter() - start, 1),
        "memory_limit_bytes": limit,
        "peak_bytes": _peak_memory(),
        **provenance(),
    }
    row["versions"] |= {name: version(name) for name in ("hypothesis", "pillow", "polars")}
    return row


def _call_with_edits(run: Callable[[list[Edit]], None], examples: int, seed: int) -> None:
    """Call a function with as many drawn lists of edits."""
    test = given(draw_edits())(lambda edits: run(edits))
    test = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    set_seed(seed)(test)()


def _bound_memory() -> int:
    """Let this process allocate 1 GiB more than it has; return the bound in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return limit


def _set_timers(processor: float, in_all: float) -> None:
    """Set the timers of a file; each goes off again, since an error in a callback is swallowed."""
    signal.setitimer(signal.ITIMER_PROF, processor, 1)
    signal.setitimer(signal.ITIMER_REAL, in_all, 1)


def _time_out(signal_number: int, frame: FrameType | None) -> None:
    of = f"{MAX_SECONDS} s of the processor" if signal_number == signal.SIGPROF else f"{MAX_WAIT} s"
    raise TimeoutError(f"took more than {of}")


def _peak_memory() -> int:
    """Return this process's peak resident bytes; getrusage's would be its parent's where higher."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
