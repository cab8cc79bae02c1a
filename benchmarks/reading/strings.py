"""Images of strings and pages of digits with their truth, and what a reader makes of them."""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.core.store import Row, log
from benchmarks.reading.counting import Counts, count, parse_rows
from benchmarks.reading.handwriting import GreyImage, LabelledImages, shared_folder
from benchmarks.reading.naive import read_naively
from tenfold.model.reader import Reader, Reading

LISTED = "failures"  # the key of the list of synthetic strings that were not read right
NAIVE = "naive"  # the key of the counts of the naive way
COVERAGE, STEPS = "coverage", 20  # the key of what is wrong at each coverage, and its points


@dataclass(frozen=True)
class StringImage:
    """An image of one or more rows of digits.

    Args:
        image: ink on paper, or the path or the bytes of an image.
        truth: its rows; `?` for a mark that is no digit.
    """

    image: GreyImage | Path | bytes
    truth: tuple[str, ...]

    def grey(self) -> GreyImage:
        """Return the upright image in grey."""
        if isinstance(self.image, np.ndarray):
            return self.image
        with Image.open(
            BytesIO(self.image) if isinstance(self.image, bytes) else self.image
        ) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:  # what is transparent is paper
                upright = upright.convert("RGBA")
                paper = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(paper, upright)
            return np.asarray(upright.convert("L"))


MakeStrings = Callable[[], Iterable[StringImage]]


def given_strings() -> dict[str, MakeStrings]:
    """Return the given cheques, pages and single digits; those that are absent are left out.

    They were found in public places and are not ours to publish: only totals by kind may be, no
    image, no file name and no single result.
    """
    folder, found = shared_folder(), dict[str, MakeStrings]()
    kinds = {
        "cheques": ("car", ""),
        "found pages": ("found", "pages/"),
        "found singles": ("found", "single/"),
    }
    for name, (place, start) in kinds.items():
        truth = folder / place / "truth.csv"
        if truth.is_file():
            found[name] = partial(_listed, truth, start)
        else:
            log(f"{name}: left out, {truth} does not exist")
    return found


def _listed(truth: Path, start: str) -> Iterator[StringImage]:
    with truth.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["file"].startswith(start):
                yield StringImage(truth.parent / row["file"], parse_rows(row["digits"]))


def as_strings(make: Callable[[], LabelledImages]) -> Iterator[StringImage]:
    """Make a string of one digit of each image of a set."""
    digits = make()
    for image, label in zip(digits.images, digits.labels.tolist(), strict=True):
        yield StringImage(image, (str(label),))


def read_strings(
    reader: Reader, make: MakeStrings, single: bool = False, list_failures: bool = False
) -> Row:
    """Count what a reader and the naive way read in a set of strings.

    Args:
        reader: of the model.
        make: makes the strings.
        single: treat all ink of an image as one digit.
        list_failures: list the strings that are not right: index, rows read. Of synthetic
            strings only.

    Returns:
        The counts of `Counts.to_dict`, those of the naive way under `NAIVE`, the median seconds
        an image, and what is wrong at each coverage under `COVERAGE` (see `coverage_curve`).
    """
    total, naive = Counts(), Counts()
    seconds, failures = [], []
    probabilities, right = [], []
    for index, string in enumerate(make()):
        began = time.perf_counter()
        reading = reader.read(string.image, single)
        rows = reading.rows
        seconds.append(time.perf_counter() - began)
        probabilities.append(reading.probability)
        right.append(count(string.truth, likeliest_rows(reading)).strings_right == 1)
        counts = count(string.truth, rows)
        if not counts.strings_right:
            failures.append([index, "|".join(rows)])
        total += counts
        naive += count(string.truth, read_naively(reader.model, string.grey(), single))
    row: Row = {**total.to_dict(), NAIVE: naive.to_dict()}
    row["median_seconds"] = round(float(np.median(seconds)), 4)
    row[COVERAGE] = coverage_curve(probabilities, right)
    return row | ({LISTED: failures} if list_failures else {})


def likeliest_rows(reading: Reading) -> list[str]:
    """Return the rows with the most probable digit in place of each `?`."""
    rows: dict[int, str] = {}
    for digit in reading:
        rows[digit.row] = rows.get(digit.row, "") + digit.label
    return [rows[row] for row in sorted(rows)]


def coverage_curve(probabilities: Sequence[float], right: Sequence[bool]) -> list[list[float]]:
    """Return what is wrong among the surest strings, for every share of them.

    Args:
        probabilities: that each string is right, 0-1.
        right: whether it is.

    Returns:
        For 5, 10, ... 100 % of the strings, the surest first: that share, and the share of them
        that is wrong, both 0-1.
    """
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    wrong = np.cumsum(~np.asarray(right)[order])
    curve = []
    for step in range(1, STEPS + 1):
        covered = max(1, round(len(order) * step / STEPS))
        curve.append([step / STEPS, round(float(wrong[covered - 1]) / covered, 4)])
    return curve
