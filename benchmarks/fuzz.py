"""Give Tenfold files that were broken on purpose, of every kind that it takes.

    python -m benchmarks.fuzz sources --examples 5000
    python -m benchmarks.fuzz pictures --examples 2000

Hypothesis draws the edits: bytes set, cut, repeated or put in, at the heads and ends above all, and
within containers that are then packed anew. A source must load, and a picture be read, or be
refused by a `TenfoldError` of one line, within 5 s and a bound on memory. Each run adds a line to
`results/fuzz.jsonl`; the exit status is 1 where a file did neither.
"""

import argparse
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks import results
from benchmarks.fuzz_samples import Sample, picture_samples, source_samples
from tenfold.data.source import load
from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader
from tenfold.workflow.models.read import find_pictures, read_pictures

NAME = "fuzz"
MOST_SECONDS = 5
MOST_MORE_BYTES = 1 << 30

Edit = tuple[str, bool, int, bytes]
Take = Callable[[Path], None]


def edits() -> st.SearchStrategy[list[Edit]]:
    """Draw 1-6 edits: what to do, from which end, how far from it, with which bytes."""
    words = st.sampled_from(
        [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0", b"\n", b",", b"9"]
    )
    far = st.one_of(st.integers(0, 64), st.integers(0, 40_000))
    what = st.sampled_from(["set", "set", "put", "cut", "repeat", "end"])
    content = st.one_of(words, st.binary(min_size=1, max_size=8))
    return st.lists(st.tuples(what, st.booleans(), far, content), min_size=1, max_size=6)


def broken(content: bytes, changes: list[Edit]) -> bytes:
    """Apply edits to a file's bytes."""
    for what, from_end, far, piece in changes:
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


def attempt(sample: Sample, changes: list[Edit], take: Take) -> str:
    """Break a sample, take it in, and say what became of it: "taken" or "refused".

    Raises:
        Exception: whatever `take` raises that is no TenfoldError of one line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        broken_file = (sample.name, sample.pack(broken(sample.content, changes)))
        for name, content in (*sample.beside, broken_file):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        try:
            take(folder / (sample.source or sample.name))
        except TenfoldError as error:
            if not str(error).isprintable() or len(str(error)) > 1000:
                raise ValueError(f"not one short line: {error!r}") from error
            return "refused"
        return "taken"


def load_source(path: Path) -> None:
    """Load a source; it must hold pictures."""
    if len(load(path)) == 0:
        raise ValueError("loaded without a picture")


def picture_reader() -> Take:
    """Give what reads a picture with the shipped model, page by page where it is a PDF."""
    reader = Reader(threads=1)

    def read(path: Path) -> None:
        for outcome in read_pictures(find_pictures([str(path)]), reader):
            if outcome.error:
                raise outcome.error

    return read


def main() -> int:
    """Break files, write the results and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("what", choices=("sources", "pictures"))
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    sources = arguments.what == "sources"
    with tempfile.TemporaryDirectory() as folder:
        kinds = source_samples(Path(folder)) if sources else picture_samples()
    take = load_source if sources else picture_reader()
    for sample in kinds.values():  # what loading imports is no file's doing
        attempt(sample, [], take)
    limit = _bound_memory()
    signal.signal(signal.SIGALRM, _too_long)
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    failures: list[str] = []
    slowest = 0.0

    def one(kind: str, changes: list[Edit]) -> None:
        nonlocal slowest
        signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        start = time.perf_counter()
        try:
            outcomes[kind][attempt(kinds[kind], changes, take)] += 1
        except Exception as error:
            outcomes[kind]["failed"] += 1
            failures.append(f"{kind} {changes}: {type(error).__name__}: {error}"[:500])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.perf_counter() - start)

    start = time.perf_counter()
    for number, kind in enumerate(kinds):  # kind by kind: drawn, some would come rarely
        share = (arguments.examples + number) // len(kinds)
        if share:
            _drawn(partial(one, kind), share, arguments.seed)
    total: Counter[str] = sum(outcomes.values(), Counter())
    row: results.Row = {
        "what": f"broken {arguments.what} of every kind, taken or refused in one line",
        "seed": arguments.seed,
        "n": total.total(),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "total": dict(total),
        "failures": failures[:20],
        "slowest_seconds": round(slowest, 3),
        "seconds": round(time.perf_counter() - start, 1),
        "memory_limit_bytes": limit,
        "peak_bytes": _peak(),
    }
    row |= results.stamp()
    row["versions"] |= {name: version(name) for name in ("hypothesis", "pillow", "polars")}
    results.append(NAME, row, arguments.results)
    print(
        f"{row['n']:,} broken {arguments.what}: {total['refused']:,} refused in one line, "
        f"{total['taken']:,} taken, {total['failed']:,} failed; slowest {slowest:.2f} s, peak "
        f"{row['peak_bytes'] >> 20} MiB"
    )
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _drawn(run: Callable[[list[Edit]], None], examples: int, start: int) -> None:
    """Call a function with as many drawn lists of edits."""
    test = given(edits())(lambda changes: run(changes))
    test = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    seed(start)(test)()


def _bound_memory() -> int:
    """Let this process take 1 GiB more than it has; return the bound in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MOST_MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return limit


def _too_long(signal_number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"took more than {MOST_SECONDS} s")


def _peak() -> int:
    """Return this process's peak resident bytes; getrusage's would be its parent's where higher."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    sys.exit(main())
