"""What is measured of a reader: functions from a `Reader` to the counts of a row."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.core.store import Row, log
from benchmarks.reading import corruptions, non_digits, perturbations
from benchmarks.reading.handwriting import (
    GreyImage,
    LabelledImages,
    handwriting_sets,
    rendered_test_set,
)
from benchmarks.reading.synthetic_pages import make_page
from tenfold.data.dataset import Images, Labels
from tenfold.data.source import load
from tenfold.evaluation.calibration import calibrate
from tenfold.model.reader import Digit, Reader

FASHION = Path("/usr/share/datasets/fashion-mnist")
RENDERED = 10_000  # of MNIST's test set
NON_DIGITS = 1_000  # images of each kind
PAGES = 9  # each paper with each pen
STEP_IMAGES = 200  # of MNIST's test set, at each step of each perturbation

Measurement = Callable[[Reader], Row]


def measurements() -> dict[str, Measurement]:
    """Return every measurement by its name."""
    found: dict[str, Measurement] = {
        "mnist:test": score_test_set,
        "mnist:test rendered": partial(
            read_set, make=lambda: rendered_test_set(RENDERED), list_errors=True
        ),
        "mnist:test rendered, segmented": segment_digits,
        "synthetic pages": read_pages,
    }
    draw, test_set = np.random.default_rng, load("mnist:test")
    kinds: dict[str, Callable[[], Sequence[GreyImage]]] = {
        "blank paper": lambda: non_digits.blanks(draw(1), NON_DIGITS),
        "noise": lambda: non_digits.noises(draw(2), NON_DIGITS),
        "a scribble": lambda: non_digits.scribbles(draw(3), NON_DIGITS),
        "a letter": non_digits.letters,
        "two digits": lambda: non_digits.digit_pairs(draw(4), test_set, NON_DIGITS),
        "half a digit": lambda: non_digits.half_digits(draw(5), test_set, NON_DIGITS),
    }
    if FASHION.is_dir():
        kinds["clothes"] = lambda: list(non_digits.clothes(FASHION, NON_DIGITS))
        found["28x28 of clothes"] = lambda reader: reject_small(
            reader, non_digits.clothes(FASHION, 10_000)
        )
    else:
        log(f"clothes: left out, {FASHION} does not exist")
    found["28x28 of noise"] = lambda reader: reject_small(
        reader, np.stack([image[:28, :28] for image in non_digits.noises(draw(6), NON_DIGITS)])
    )
    for kind in corruptions.KINDS:
        found[f"corrupted: {kind}"] = partial(read_corrupted, kind=kind)
    for kind in perturbations.GRID:
        found[f"perturbed: {kind}"] = partial(read_perturbed, kind=kind)
    for kind, make in kinds.items():
        found[f"image of {kind}"] = partial(reject_images, make=make)
    for name, make_set in handwriting_sets().items():
        found[name] = partial(read_set, make=make_set)
    return found


def score_test_set(reader: Reader) -> Row:
    """Score MNIST's test set as it is, and the calibration of the probabilities."""
    test_set = load("mnist:test")
    labels, predictions = test_set.require_labels(), reader.model.predict(test_set.images)
    wrong, confidence = predictions.labels != labels, predictions.probabilities.max(axis=1)
    covered = np.argsort(-confidence, kind="stable")[: round(0.99 * len(test_set))]
    return {
        "n": len(test_set),
        "errors": int(wrong.sum()),
        "rejected": int((~predictions.accepted).sum()),
        "errors_accepted": int((wrong & predictions.accepted).sum()),
        "errors_at_99_percent_coverage": int(wrong[covered].sum()),
        "misclassified": _misclassified(predictions.labels, labels),
        "calibration_error": calibrate(labels, predictions.probabilities).error,
        "temperature": reader.model.confidence.temperature,
        "threshold": reader.model.confidence.threshold,
        "bytes": len(reader.model.content),
    }


def _misclassified(predicted: Labels, labels: Labels) -> list[list[int]]:
    """List the indices of errors, each with what was predicted: -1 where no digit was found."""
    return [[int(index), int(predicted[index])] for index in np.flatnonzero(predicted != labels)]


def read_set(reader: Reader, make: Callable[[], LabelledImages], list_errors: bool = False) -> Row:
    """Read a set of single digits, which is made when it is needed; see `read_digits`."""
    return read_digits(reader, make(), list_errors)


def read_digits(reader: Reader, digits: LabelledImages, list_errors: bool = False) -> Row:
    """Read images of single digits; predict them by naive resizing too."""
    found = [_first(one.result()) for one in reader.read_many(digits.images, single=True)]
    labels = digits.labels
    predicted = np.array([-1 if digit is None else int(digit.label) for digit in found])
    accepted = np.array([digit is not None and digit.accepted for digit in found])
    naive = reader.model.predict(np.stack([resize_naively(image) for image in digits.images]))
    return {
        "n": len(labels),
        "errors": int((predicted != labels).sum()),
        "not_found": int((predicted < 0).sum()),
        "rejected": int((~accepted).sum()),
        "errors_accepted": int((accepted & (predicted != labels)).sum()),
        "naive_errors": int((naive.labels != labels).sum()),
    } | ({"misclassified": _misclassified(predicted, labels)} if list_errors else {})


def read_perturbed(reader: Reader, kind: str) -> Row:
    """Read digits that are changed in one way, a step more each time."""
    chosen = np.random.default_rng(7).choice(10_000, STEP_IMAGES, replace=False)
    digits, steps = load("mnist:test").subset(chosen), []
    for step in perturbations.GRID[kind][1]:
        random = np.random.default_rng(8)
        images = [perturbations.perturb(image, kind, step, random) for image in digits.images]
        drawn = LabelledImages(images, digits.require_labels())
        steps.append({"step": step} | read_digits(reader, drawn))
    return {"n": len(steps) * STEP_IMAGES, "steps": steps}


def resize_naively(image: GreyImage) -> Images:
    """Resize an image to 28 x 28 and invert it where most of it is bright."""
    small = cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return 255 - small if np.median(image) > 127 else small


def _first(digits: Iterable[Digit]) -> Digit | None:
    return next(iter(digits), None)


def segment_digits(reader: Reader) -> Row:
    """Count how often the one digit of an image is found as one, when many are allowed."""
    digits = rendered_test_set(2000)
    readings = [[digit.label for digit in one.result()] for one in reader.read_many(digits.images)]
    right = [labels == [str(label)] for labels, label in zip(readings, digits.labels, strict=True)]
    return {
        "n": len(right),
        "errors": len(right) - sum(right),
        "not_one": sum(len(reading) != 1 for reading in readings),
    }


def reject_small(reader: Reader, images: Images) -> Row:
    """Count the 28 x 28 images that are rejected."""
    accepted = reader.model.predict(images).accepted
    return {"n": len(images), "rejected": int((~accepted).sum())}


def read_corrupted(reader: Reader, kind: str) -> Row:
    """Score MNIST's test set, corrupted."""
    test_set = load("mnist:test")
    predictions = reader.model.predict(corruptions.corrupt(test_set.images, kind))
    wrong = predictions.labels != test_set.require_labels()
    return {
        "n": len(test_set),
        "errors": int(wrong.sum()),
        "rejected": int((~predictions.accepted).sum()),
        "errors_accepted": int((wrong & predictions.accepted).sum()),
    }


def reject_images(reader: Reader, make: Callable[[], Sequence[GreyImage]]) -> Row:
    """Count the images on which no digit is accepted."""
    readings = [one.result() for one in reader.read_many(make(), single=True)]
    rejected = sum(not any(digit.accepted for digit in reading) for reading in readings)
    return {"n": len(readings), "rejected": rejected}


def read_pages(reader: Reader) -> Row:
    """Read photographed pages: how many digits are found, how many of those misclassified."""
    test_set, seconds = load("mnist:test"), []
    total = found = misclassified = rejected = extra = 0
    for seed in range(PAGES):
        page = make_page(test_set, seed)
        began = time.perf_counter()
        reading = reader.read(page.jpeg)
        seconds.append(time.perf_counter() - began)
        free = list(reading)
        for label, centre, height in zip(page.labels, page.centres, page.heights, strict=True):
            near = [digit for digit in free if _distance(digit, centre) < 0.4 * height]
            if near:
                digit = min(near, key=lambda digit: _distance(digit, centre))
                free.remove(digit)
                misclassified += digit.label != str(label)
                rejected += not digit.accepted
            found += bool(near)
        total += len(page.labels)
        extra += sum(digit.accepted for digit in free)
    return {
        "n": total,
        "found": found,
        "misclassified": misclassified,
        "rejected": rejected,
        "false_positives": extra,
        "pages": PAGES,
        "seconds_per_page": round(float(np.median(seconds)), 3),
    }


def _distance(digit: Digit, place: NDArray[np.float64]) -> float:
    box = digit.box
    return float(np.hypot(box.x + box.width / 2 - place[0], box.y + box.height / 2 - place[1]))
