"""Measure how well a model reads what people write, and refuses what is no digit.

    python -m benchmarks.reading [MODEL]

MODEL is the shipped one by default. Each measurement is a line of `results/reading.jsonl` and is
not made twice for one model and one way of preparing pictures; all of a model's are then written as
the section "Reading" of `BENCHMARKS.md`. The sets of other people's handwriting are found in
`TENFOLD_SHARED_DATA` or `../shared/data`; where they are not, that part is left out, and said so.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import corruptions, not_digits, perturbations, results
from benchmarks.pages import put
from benchmarks.reading_pictures import draw_pictures
from benchmarks.reading_table import table
from benchmarks.results import Row
from benchmarks.sheets import make_sheet
from tenfold.data.dataset import Images, Labels
from tenfold.data.source import load
from tenfold.evaluation.calibration import calibrate
from tenfold.ink import normalise as ink_room
from tenfold.model.reader import SHIPPED, Digit, Reader

NAME = "reading"
FASHION = Path("/usr/share/datasets/fashion-mnist")
PATH_PICTURES = 10_000  # of MNIST's test set
REFUSALS = 1_000  # pictures of each kind that is no digit
SHEETS = 9  # each paper with each pen
STEP_PICTURES = 200  # of MNIST's test set, at each step of each perturbation
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Written:
    """Pictures of single digits as people left them, and what they show."""

    pictures: Sequence[Picture]
    labels: Labels


def main() -> None:
    """Measure what no row has yet, then write the table."""
    parser = argparse.ArgumentParser(description="Measure how a model reads.")
    parser.add_argument("model", nargs="?", default=SHIPPED)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    rows = measure(Reader(arguments.model, threads=arguments.threads), arguments.results)
    publish(rows)
    print(table(rows))


def publish(rows: list[Row]) -> None:
    """Write the section "Reading" with its tables and its pictures."""
    shown = draw_pictures(rows, load("mnist:test"), lambda: _drawn(PATH_PICTURES).pictures)
    put("Reading", f"{table(rows)}\n\n{shown}")


def measure(reader: Reader, folder: Path = results.FOLDER) -> list[Row]:
    """Make every measurement that no row of this model has yet; return all of its rows."""
    key = {"model": digest(reader), "ink": ink_digest()}
    for what, how in (measurements() | handwriting()).items():
        known = results.rows(NAME, folder)
        if not results.has(known, what=what, **key):
            began = time.perf_counter()
            row = {"what": what, **key, **how(reader)}
            row["seconds"] = round(time.perf_counter() - began, 1)
            results.append(NAME, row | results.stamp(), folder)
            print(f"{what}: {row}", file=sys.stderr, flush=True)
    return [row for row in results.rows(NAME, folder) if results.has([row], **key)]


def digest(reader: Reader) -> str:
    """Tell one model from another: the start of its file's sha256."""
    return hashlib.sha256(reader.model.content).hexdigest()[:12]


def ink_digest() -> str:
    """Tell one state of the code that prepares pictures from another."""
    files = sorted(Path(str(ink_room.__file__)).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def measurements() -> dict[str, Callable[[Reader], Row]]:
    """Name what is measured on pictures that everybody has."""
    found: dict[str, Callable[[Reader], Row]] = {
        "mnist:test": _plain,
        "mnist:test drawn": lambda reader: _read(reader, _drawn(PATH_PICTURES), listed=True),
        "mnist:test drawn, found": _found_alone,
        "sheets": _sheets,
    }
    draw, digits = np.random.default_rng, load("mnist:test")
    kinds: dict[str, Callable[[], Sequence[Picture]]] = {
        "blank": lambda: not_digits.blanks(draw(1), REFUSALS),
        "noise": lambda: not_digits.noises(draw(2), REFUSALS),
        "scribble": lambda: not_digits.scribbles(draw(3), REFUSALS),
        "letter": not_digits.letters,
        "two digits": lambda: not_digits.pairs(draw(4), digits, REFUSALS),
        "half a digit": lambda: not_digits.cut(draw(5), digits, REFUSALS),
    }
    if FASHION.is_dir():
        kinds["clothes"] = lambda: list(not_digits.clothes(FASHION, REFUSALS))
        found["28x28 clothes"] = lambda reader: _refused(
            reader, not_digits.clothes(FASHION, 10_000)
        )
    else:
        print(f"clothes: left out, {FASHION} is not there", file=sys.stderr)
    found["28x28 noise"] = lambda reader: _refused(
        reader, np.stack([picture[:28, :28] for picture in not_digits.noises(draw(6), REFUSALS)])
    )
    for kind in corruptions.KINDS:
        found[f"corrupted: {kind}"] = lambda reader, kind=kind: _corrupted(reader, kind)  # type: ignore[misc]
    for kind in perturbations.GRID:
        found[f"perturbed: {kind}"] = lambda reader, kind=kind: _perturbed(reader, kind)  # type: ignore[misc]
    for kind, make in kinds.items():
        found[f"picture of {kind}"] = lambda reader, make=make: _unread(reader, make())  # type: ignore[misc]
    return found


def handwriting() -> dict[str, Callable[[Reader], Row]]:
    """Name the sets of other people's handwriting, each read whole and the naive way."""
    shared = os.environ.get("TENFOLD_SHARED_DATA")
    folder = Path(shared) if shared else Path(__file__).parents[1] / "../shared/data"
    folder = folder.resolve() / "handwriting"
    if not folder.is_dir():
        print(f"handwriting: left out, {folder} is not there", file=sys.stderr)
        return {}
    found: dict[str, Callable[[Reader], Row]] = {}
    for name, take in (("hwd1000", _hwd1000), ("optdigits", _optdigits), ("semeion", _semeion)):
        found[name] = lambda reader, take=take: _read(reader, take(folder))  # type: ignore[misc]
    return found


def _hwd1000(folder: Path) -> Written:
    files = sorted((folder / "hwd1000").glob("*/*.png"))
    pictures = [np.asarray(Image.open(file).convert("L")) for file in files]
    return Written(pictures, np.array([int(file.parent.name) for file in files]))


def _optdigits(folder: Path) -> Written:
    with np.load(folder / "optdigits.npz") as data:
        images = np.concatenate([data["x_tra"], data["x_tes"]])
        labels = np.concatenate([data["y_tra"], data["y_tes"]])
    return Written(list(images.astype(np.uint8) * 255), labels.astype(np.int64))


def _semeion(folder: Path) -> Written:
    with np.load(folder / "semeion.npz") as data:
        return Written(list(data["x"].astype(np.uint8) * 255), data["y"].astype(np.int64))


def _drawn(count: int) -> Written:
    """Draw MNIST's test digits dark on bright: of any size, anywhere, with any pen."""
    digits, random = load("mnist:test").subset(np.arange(count)), np.random.default_rng(0)
    return Written([draw(image, random) for image in digits.images], digits.require_labels())


def draw(image: Images, random: np.random.Generator) -> Picture:
    """Draw one of MNIST's digits dark on a bright picture of random size, place and pen."""
    scale = float(random.uniform(1.5, 12))
    large = cv2.resize(
        np.pad(image, 2).astype(np.float32) / 255,
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_CUBIC,
    )
    large = cv2.GaussianBlur(large, (0, 0), 0.3 * scale)
    # An edge of a pixel or two; a level off one half draws with a wider or a narrower pen.
    ink = np.clip(0.5 + (large - random.uniform(0.35, 0.55)) * scale / 1.5, 0, 1)
    height, width = (int(side * random.uniform(1, 2)) for side in ink.shape)
    paper = np.zeros((height, width), np.float32)
    top, left = (int(random.integers(0, room + 1)) for room in np.subtract(paper.shape, ink.shape))
    paper[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.rint(255 * (1 - paper)).astype(np.uint8)


def _plain(reader: Reader) -> Row:
    """Score MNIST's test set as it is, and how far the probabilities can be trusted."""
    test = load("mnist:test")
    answers = reader.model.predict(test.images)
    wrong, sure = answers.labels != test.require_labels(), answers.probabilities.max(axis=1)
    surest = np.argsort(-sure, kind="stable")[: round(0.99 * len(test))]
    return {
        "n": len(test),
        "errors": int(wrong.sum()),
        "refused": int((~answers.accepted).sum()),
        "errors_accepted": int((wrong & answers.accepted).sum()),
        "errors_at_99_percent_coverage": int(wrong[surest].sum()),
        "misread": _misread(answers.labels, test.require_labels()),
        "calibration_error": calibrate(test.require_labels(), answers.probabilities).error,
        "temperature": reader.model.confidence.temperature,
        "threshold": reader.model.confidence.threshold,
        "bytes": len(reader.model.content),
    }


def _misread(said: Labels, labels: Labels) -> list[list[int]]:
    """List the places of wrong answers, and what was said: -1 where no digit was found."""
    return [[int(place), int(said[place])] for place in np.flatnonzero(said != labels)]


def _read(reader: Reader, written: Written, listed: bool = False) -> Row:
    """Read pictures of single digits, and answer them shrunk and inverted, the naive way."""
    digits = [_only(reading) for reading in reader.read_many(written.pictures, single=True)]
    labels = written.labels
    said = np.array([-1 if digit is None else int(digit.label) for digit in digits])
    accepted = np.array([digit is not None and digit.accepted for digit in digits])
    naive = reader.model.predict(np.stack([naively(picture) for picture in written.pictures]))
    return {
        "n": len(labels),
        "errors": int((said != labels).sum()),
        "not_found": int((said < 0).sum()),
        "refused": int((~accepted).sum()),
        "errors_accepted": int((accepted & (said != labels)).sum()),
        "naive_errors": int((naive.labels != labels).sum()),
    } | ({"misread": _misread(said, labels)} if listed else {})


def _perturbed(reader: Reader, kind: str) -> Row:
    """Read digits that are changed in one way, a step more each time, and the naive way too."""
    chosen = np.random.default_rng(7).choice(10_000, STEP_PICTURES, replace=False)
    digits, steps = load("mnist:test").subset(chosen), []
    for step in perturbations.GRID[kind][1]:
        random = np.random.default_rng(8)
        pictures = [perturbations.perturbed(image, kind, step, random) for image in digits.images]
        steps.append({"step": step} | _read(reader, Written(pictures, digits.require_labels())))
    return {"n": len(steps) * STEP_PICTURES, "steps": steps}


def naively(picture: Picture) -> Images:
    """Shrink a picture to 28 x 28 and invert it where most of it is bright."""
    small = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return 255 - small if np.median(picture) > 127 else small


def _only(digits: Iterable[Digit]) -> Digit | None:
    return next(iter(digits), None)


def _found_alone(reader: Reader) -> Row:
    """Say how often the one digit of a picture is found as one, unasked, and read rightly."""
    written = _drawn(2000)
    readings = [[digit.label for digit in r] for r in reader.read_many(written.pictures)]
    right = [r == [str(label)] for r, label in zip(readings, written.labels, strict=True)]
    return {
        "n": len(right),
        "errors": len(right) - sum(right),
        "not_one": sum(len(reading) != 1 for reading in readings),
    }


def _refused(reader: Reader, images: Images) -> Row:
    accepted = reader.model.predict(images).accepted
    return {"n": len(images), "refused": int((~accepted).sum())}


def _corrupted(reader: Reader, kind: str) -> Row:
    test = load("mnist:test")
    answers = reader.model.predict(corruptions.corrupt(test.images, kind))
    wrong = answers.labels != test.require_labels()
    return {
        "n": len(test),
        "errors": int(wrong.sum()),
        "refused": int((~answers.accepted).sum()),
        "errors_accepted": int((wrong & answers.accepted).sum()),
    }


def _unread(reader: Reader, pictures: Sequence[Picture]) -> Row:
    """Count the pictures on which no digit is accepted."""
    readings = list(reader.read_many(pictures, single=True))
    unread = sum(not any(digit.accepted for digit in reading) for reading in readings)
    return {"n": len(readings), "refused": unread}


def _sheets(reader: Reader) -> Row:
    """Read photographs of sheets: how many digits are found, how many of those misread."""
    test, seconds = load("mnist:test"), []
    total = found = misread = refused = extra = 0
    for seed in range(SHEETS):
        sheet = make_sheet(test, seed)
        began = time.perf_counter()
        reading = reader.read(sheet.jpeg)
        seconds.append(time.perf_counter() - began)
        free = list(reading)
        for label, centre, height in zip(sheet.labels, sheet.centres, sheet.heights, strict=True):
            near = [digit for digit in free if _distance(digit, centre) < 0.4 * height]
            if near:
                digit = min(near, key=lambda digit: _distance(digit, centre))
                free.remove(digit)
                misread += digit.label != str(label)
                refused += not digit.accepted
            found += bool(near)
        total += len(sheet.labels)
        extra += sum(digit.accepted for digit in free)
    return {
        "n": total,
        "found": found,
        "misread": misread,
        "refused": refused,
        "extra_accepted": extra,
        "sheets": SHEETS,
        "seconds_a_photo": round(float(np.median(seconds)), 3),
    }


def _distance(digit: Digit, place: NDArray[np.float64]) -> float:
    box = digit.box
    return float(np.hypot(box.x + box.width / 2 - place[0], box.y + box.height / 2 - place[1]))


if __name__ == "__main__":
    main()
