"""The sets of strings that are measured: synthetic, given, and single digits as strings."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.reading.handwriting import LabelledImages, handwriting_sets, rendered_test_set
from benchmarks.reading.strings import MakeStrings, StringImage, as_strings, given_strings
from benchmarks.reading.synthetic_pages import make_page
from benchmarks.reading.synthetic_scenes import make_scene
from benchmarks.reading.synthetic_strings import amounts, touching
from tenfold.data.source import load

PAIRS, TRIPLES, AMOUNTS = 500, 300, 300
PAGES = 9  # each paper with each pen
SHEETS = 60  # whole sheets, ten on each table
RENDERED = 2_000  # of MNIST's test set, one digit an image

SYNTHETIC = ("touching pairs", "touching triples", "amounts")  # failures of these are drawn
# What the general OCR reads too. The others are single digits, which are no text to it.
TEXTS = (
    *SYNTHETIC,
    "synthetic pages",
    "sheets on tables",
    "cheques",
    "found pages",
    "found singles",
)


def string_sets() -> dict[str, MakeStrings]:
    """Return what makes each set that is there, by its name."""
    singles: dict[str, Callable[[], LabelledImages]] = handwriting_sets()
    singles["mnist:test rendered"] = partial(rendered_test_set, RENDERED)
    sets = synthetic_sets() | {
        "synthetic pages": partial(_pages, PAGES),
        "sheets on tables": partial(_sheets, SHEETS),
    }
    sets |= given_strings()
    sets |= {name: partial(as_strings, make) for name, make in singles.items()}
    return sets


def synthetic_sets() -> dict[str, MakeStrings]:
    """Return what makes the sets of `SYNTHETIC`, by its name."""
    return {
        "touching pairs": partial(_touching, 2, PAIRS, 20),
        "touching triples": partial(_touching, 3, TRIPLES, 21),
        "amounts": _amounts,
    }


def _touching(n_digits: int, count: int, seed: int) -> Iterator[StringImage]:
    return touching(load("mnist:test"), n_digits, count, np.random.default_rng(seed))


def _amounts() -> Iterator[StringImage]:
    return amounts(load("mnist:test"), AMOUNTS, np.random.default_rng(22))


def _pages(count: int, rows: int = 10, columns: int = 10) -> Iterator[StringImage]:
    test_set = load("mnist:test")
    for seed in range(count):
        page = make_page(test_set, seed, rows, columns)
        lines = page.labels.reshape(rows, columns).tolist()
        yield StringImage(page.jpeg, tuple("".join(map(str, line)) for line in lines))


def _sheets(count: int) -> Iterator[StringImage]:
    test_set = load("mnist:test")
    for seed in range(count):
        scene = make_scene(test_set, seed, framing="whole")
        yield StringImage(scene.jpeg, scene.rows)
