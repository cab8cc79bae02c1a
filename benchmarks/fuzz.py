"""Load files that were broken on purpose, of every kind that is read: one line, or a sound set.

Hypothesis draws the edits: bytes set, cut, repeated or put in, at the heads and ends above all, and
within containers that are then packed anew. A file must load, or be refused by a `TenfoldError` of
one line, within 5 s and a bound on memory. Run with `python -m benchmarks.fuzz --examples 5000`,
which adds a line to `results/fuzz.jsonl`; the exit status is 1 where a file did neither.
"""

import argparse
import gzip
import io
import resource
import signal
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks import results
from tenfold.data.bundled import bundled
from tenfold.data.dataset import Dataset
from tenfold.data.export import export
from tenfold.data.source import load
from tenfold.errors import TenfoldError

NAME = "fuzz"
MOST_SECONDS = 5
MOST_MORE_BYTES = 1 << 30

Edit = tuple[str, bool, int, bytes]
Pack = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Sample:
    """A sound file that is to be broken.

    Args:
        content: its bytes, before `pack`.
        name: where it is put.
        source: what is loaded, if not the file itself.
        pack: wraps the broken bytes.
        beside: other files, left sound.
    """

    content: bytes
    name: str
    source: str = ""
    pack: Pack = bytes
    beside: tuple[tuple[str, bytes], ...] = ()


def samples(folder: Path) -> dict[str, Sample]:
    """Make a sound file of each kind from real digits, using `folder` for scratch."""
    digits = bundled("kaggle").subset(np.arange(12))
    files = {
        form: [path.read_bytes() for path in export(digits, folder / form, format=form)]
        for form in ("csv", "idx", "npz", "parquet")
    }
    table, parquet = files["csv"][0], files["parquet"][0]
    pictures, labels = map(gzip.decompress, files["idx"])
    rows = np.column_stack([digits.known_labels, digits.images.reshape(12, -1) / 255])
    text = io.StringIO()
    np.savetxt(text, rows, "%.4f", ",")
    array, flat = io.BytesIO(), io.BytesIO()
    np.save(array, digits.images)
    import polars as pl

    columns = {f"p{index}": column for index, column in enumerate(digits.images.reshape(12, -1).T)}
    pl.DataFrame(columns).write_parquet(flat)
    png, jpeg = _encoded(digits, "PNG"), _encoded(digits, "JPEG")
    of_labels, of_pictures = "a-labels-idx1-ubyte", "a-images-idx3-ubyte"
    return {
        "csv": Sample(table, "a.csv"),
        "csv without header": Sample(text.getvalue().encode(), "a.csv"),
        "csv in gzip": Sample(gzip.compress(table), "a.csv.gz"),
        "csv inside zip": Sample(table, "a.zip", pack=lambda b: _zip({"a.csv": b})),
        "zip": Sample(_zip({"a.csv": table, "b.txt": b"b"}), "a.zip"),
        "idx": Sample(pictures, of_pictures, beside=((of_labels, labels),)),
        "idx inside gzip": Sample(pictures, of_pictures, pack=gzip.compress),
        "idx labels": Sample(labels, of_labels, of_pictures, beside=((of_pictures, pictures),)),
        "npy": Sample(array.getvalue(), "a.npy"),
        "npy inside npz": Sample(array.getvalue(), "a.npz", pack=lambda b: _zip({"x.npy": b})),
        "npz": Sample(files["npz"][0], "a.npz"),
        "parquet of pictures": Sample(parquet, "a.parquet"),
        "parquet of pixels": Sample(flat.getvalue(), "a.parquet"),
        "png": Sample(png, "c/3/a.png", "c", beside=(("c/4/b.png", png),)),
        "png with right sums": Sample(png, "c/3/a.png", "c", pack=_resummed),
        "jpeg": Sample(jpeg, "c/3/a.jpg", "c", beside=(("c/4/b.png", png),)),
        "png inside zip": Sample(png, "a.zip", pack=lambda b: _zip({"3/a.png": b, "4/b.png": png})),
    }


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


def attempt(sample: Sample, changes: list[Edit]) -> str:
    """Break a sample, load it, and say what became of it: "loaded" or "refused".

    Raises:
        Exception: whatever loading raises that is no TenfoldError of one line.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        broken_file = (sample.name, sample.pack(broken(sample.content, changes)))
        for name, content in (*sample.beside, broken_file):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        try:
            digits = load(folder / (sample.source or sample.name))
        except TenfoldError as error:
            if not str(error).isprintable() or len(str(error)) > 1000:
                raise ValueError(f"not one short line: {error!r}") from error
            return "refused"
        if len(digits) == 0:
            raise ValueError("loaded without a picture")
        return "loaded"


def main() -> int:
    """Break files, write the results and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = samples(Path(folder))
    for sample in kinds.values():  # what loading imports is no file's doing
        attempt(sample, [])
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
            outcomes[kind][attempt(kinds[kind], changes)] += 1
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
        "what": "broken files of every kind, loaded or refused in one line",
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
        f"{row['n']:,} broken files: {total['refused']:,} refused in one line, "
        f"{total['loaded']:,} loaded, {total['failed']:,} failed; slowest {slowest:.2f} s, peak "
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


def _encoded(digits: Dataset, form: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(digits.images[0]).save(file, form)
    return file.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _resummed(content: bytes) -> bytes:
    """Put right the check sums of a PNG's chunks, so that what was broken is looked at."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        body = content[at + 4 : at + 8 + length]
        out += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out + content[at:]


def _peak() -> int:
    """Return this process's peak resident bytes; getrusage's would be its parent's where higher."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    sys.exit(main())
