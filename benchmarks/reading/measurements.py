"""What is measured of a reader: functions from a `Reader` to the counts of a row."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.core.store import Row, log
from benchmarks.reading import (
    corruptions,
    forms,
    marked_strings,
    non_digits,
    perturbations,
    unipen,
)
from benchmarks.reading.counting import count_strings
from benchmarks.reading.handwriting import (
    GreyImage,
    LabelledImages,
    find_file,
    handwriting_sets,
    rendered_test_set,
)
from benchmarks.reading.naive import resize_naively
from benchmarks.reading.string_sets import SYNTHETIC, string_sets
from benchmarks.reading.strings import read_strings
from tenfold.data.dataset import Images, Labels
from tenfold.data.source import load
from tenfold.evaluation.calibration import calibrate
from tenfold.model.reader import Digit, Reader, Reading

FASHION = Path("/usr/share/datasets/fashion-mnist")
RENDERED = 10_000  # of MNIST's test set
NON_DIGITS = 1_000  # images of each kind
STEP_IMAGES = 200  # of MNIST's test set, at each step of each perturbation

Measurement = Callable[[Reader], Row]


def measurements() -> dict[str, Measurement]:
    """Return every measurement by its name."""
    found: dict[str, Measurement] = {
        "mnist:test": score_test_set,
        "mnist:test rendered": partial(
            read_set, make=lambda: rendered_test_set(RENDERED), list_errors=True
        ),
    }
    for name, make_strings in string_sets().items():
        found[f"strings: {name}"] = partial(
            read_strings, make=make_strings, list_failures=name in SYNTHETIC
        )
        if name == "found singles":
            found[f"strings: {name}, single"] = partial(
                read_strings, make=make_strings, single=True
            )
    found["marks"] = marked_strings.read_marked
    found["forms"] = forms.read_forms
    found["sheets"] = forms.find_sheets
    if find_file(unipen.FILE):
        found["strings: unipen"] = read_unipen
        found["strings: unipen, single"] = partial(read_unipen, single=True)
        found["strokes of a character"] = partial(reject_unipen, like_digits=False)
        found["strokes of a character like a digit"] = partial(reject_unipen, like_digits=True)
    draw, test_set = np.random.default_rng, load("mnist:test")
    kinds: dict[str, Callable[[], Sequence[GreyImage]]] = {
        "blank paper": lambda: non_digits.blanks(draw(1), NON_DIGITS),
        "noise": lambda: non_digits.noises(draw(2), NON_DIGITS),
        "a scribble": lambda: non_digits.scribbles(draw(3), NON_DIGITS),
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
    if missing := [font for font in non_digits.FONTS if not Path(font).is_file()]:
        log(f"letters: left out, {missing[0]} does not exist")
    else:
        kinds["a letter"] = non_digits.letters
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


def _first(digits: Iterable[Digit]) -> Digit | None:
    return next(iter(digits), None)


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


def read_unipen(reader: Reader, single: bool = False) -> Row:
    """Count the digits that UNIPEN's test writers wrote as strokes, each a string of one."""
    digits = unipen.load_unipen()
    chosen = digits.halves(digits.digits)[1].tolist()
    return count_strings(
        (
            (str(digits.digits.labels[index]),),
            _read_character(reader, digits.digits, index, single).rows,
        )
        for index in chosen
    ).to_dict()


def _read_character(
    reader: Reader, characters: unipen.Characters, index: int, single: bool
) -> Reading:
    return reader.read_strokes([stroke.tolist() for stroke in characters.strokes(index)], single)


def reject_unipen(reader: Reader, like_digits: bool) -> Row:
    """Count the characters of UNIPEN's test writers, none a digit, on which none is accepted.

    Args:
        reader: of the model.
        like_digits: those that look like a digit when they stand alone, or all others.
    """
    characters = unipen.load_unipen()
    others = characters.others
    alike = np.isin(others.labels, list(unipen.LIKE_DIGITS))
    chosen = [i for i in characters.halves(others)[1].tolist() if alike[i] == like_digits]
    readings = [_read_character(reader, others, index, single=True) for index in chosen]
    rejected = sum(not any(digit.accepted for digit in reading) for reading in readings)
    return {"n": len(chosen), "rejected": rejected}
