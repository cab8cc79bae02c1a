"""Read a folder of pictures and PDF pages with a command that is killed again and again.

    python -m benchmarks run batch-read

Pictures of three digits each, PDFs of five pages, and broken files lie in one folder. `tenfold read
FOLDER -o DIR` is killed with SIGKILL at random instants and given again; in the end every picture
and page must be there once, and every broken file in the side table. Each run adds a row.
"""

import argparse
import random
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.core.benchmark import Benchmark, command
from benchmarks.core.provenance import provenance
from benchmarks.core.store import Row, Store, log
from benchmarks.scale.cluster import finish, kill, start, wait_until
from tenfold.data.dataset import Images
from tenfold.data.source import load
from tenfold.workflow.batch.shards import PART_SIZE

PDF_PAGES = 5
DELAYS = (0.2, 3.0)  # seconds from a share of the parts, or from the start, to the kill


class BatchRead(Benchmark):
    """Reading of many pictures by a command that is killed."""

    name = "batch-read"
    description = "Read thousands of pictures and pages with a command that is killed."
    options = ()
    section = "Thousands of pictures, killed and resumed"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add how many pictures, pages, broken files and kills."""
        parser.add_argument("--pictures", type=int, default=20_000, metavar="N")
        parser.add_argument("--pages", type=int, default=500, metavar="N", help="of PDFs")
        parser.add_argument("--broken", type=int, default=100, metavar="N")
        parser.add_argument("--kills", type=int, default=20, metavar="N")
        parser.add_argument("--seed", type=int, default=0, help="of the instants")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run it, append a row and print the table; return 1 where a file is lost or twice."""
        row = read_with_kills(arguments)
        Store(self.file, arguments.results).append(row)
        print(self.table([row]))
        return int(not row["passed"])

    def pending(self, rows: list[Row]) -> list[str]:
        """List the benchmark where not all of the pictures were read."""
        whole = any(row["pictures"] >= 20_000 for row in rows)
        return [] if whole else [f"20,000 pictures: `{command(self.name)}`"]

    def table(self, rows: list[Row]) -> str:
        """Format a line for each row."""
        return "\n".join(
            f"- {row['pictures']:,} pictures, {row['pages']:,} PDF pages and {row['broken']:,} "
            f"broken files, killed {row['kills']} times and resumed: **{row['read']:,}** read, "
            f"each once, {row['failures']:,} in the side table, {row['lost']:,} lost, "
            f"{row['twice']:,} twice ({row['pictures_per_second']:.1f} a second, load "
            f"{row['load_average']:.1f}, commit {row['commit']}, {row['date'][:10]})."
            for row in rows
        )


def read_with_kills(arguments: argparse.Namespace) -> Row:
    """Read a folder with so many kills; count what is lost and what is there twice."""
    import polars as pl

    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, out, messages = Path(name) / "scans", Path(name) / "out", Path(name) / "log"
        expected, broken = write_scans(folder, arguments)
        words = ["read", str(folder), "-o", str(out)]
        began, kills = time.perf_counter(), 0
        n_files = arguments.pictures + -(-arguments.pages // PDF_PAGES) + arguments.broken
        n_parts = n_files // PART_SIZE["read"]
        # Spread over the whole job, whatever its pace; the delay has instants of the start as well.
        for share in sorted(draw.random() for _ in range(arguments.kills)):
            process = start(words, messages)
            wait_until(process, partial(_reached, out, int(share * n_parts)))
            time.sleep(draw.uniform(*DELAYS))
            kills += process.poll() is None
            kill(process)
            log(f"killed with {_count_done(out)} of about {n_parts} parts done")
        finish(start(words, messages), messages)
        seconds = time.perf_counter() - began
        read = pl.read_parquet(out / "readings" / "*.parquet")["id"].to_list()
        failures = pl.read_parquet(out / "failures" / "*.parquet")["id"].to_list()
    lost = (set(expected) - set(read)) | (set(broken) - set(failures))
    twice = len(read) - len(set(read)) + len(failures) - len(set(failures))
    return {
        "pictures": arguments.pictures,
        "pages": arguments.pages,
        "broken": arguments.broken,
        "kills": kills,
        "read": len(read),
        "failures": len(failures),
        "lost": len(lost),
        "twice": twice,
        "passed": not lost and not twice and len(read) == len(expected),
        "pictures_per_second": round(len(read) / seconds, 2),
        "seconds": round(seconds, 1),
        "seed": arguments.seed,
        **provenance(),
    }


def _reached(out: Path, n_parts: int) -> bool:
    return _count_done(out) >= n_parts


def _count_done(out: Path) -> int:
    return sum(1 for _ in (out / "done").glob("*.json"))


def write_scans(folder: Path, arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Write the pictures, the PDFs and the broken files; return their ids."""
    images = load("mnist:test").images
    expected, broken = [], []
    for number in range(arguments.pictures):
        place = folder / f"{number // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        three = images[[(3 * number + digit) % len(images) for digit in range(3)]]
        Image.fromarray(drawn(three)).save(place / f"{number:05d}.png")
        expected.append(f"{place.name}/{number:05d}.png")
    for number in range(-(-arguments.pages // PDF_PAGES)):
        count = min(PDF_PAGES, arguments.pages - number * PDF_PAGES)
        pages = [Image.fromarray(drawn(images[3 * page : 3 * page + 3])) for page in range(count)]
        pages[0].save(folder / f"{number:03d}.pdf", save_all=True, append_images=pages[1:])
        expected += [f"{number:03d}.pdf:{page}" for page in range(1, count + 1)]
    for number in range(arguments.broken):
        suffix = (".png", ".jpg", ".pdf")[number % 3]
        path = folder / f"broken-{number:03d}{suffix}"
        path.write_bytes(b"%PDF-1.4 and no more" if suffix == ".pdf" else b"\x89PNG\r\n\x1a\n" * 9)
        broken.append(path.name)
    return expected, broken


def drawn(images: Images) -> Images:
    """Draw digits in a row, dark on paper, uint8 [120, 340]."""
    page = np.zeros((120, 340), np.float32)
    for place, image in enumerate(images):
        big = cv2.resize(image.astype(np.float32), (100, 100), interpolation=cv2.INTER_CUBIC)
        page[10:110, 10 + 110 * place : 110 + 110 * place] = big
    return np.rint(250 - 0.9 * page.clip(0, 255)).astype(np.uint8)
