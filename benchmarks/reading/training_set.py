"""What the shipped model learns from: four sources of ink, put through `tenfold.ink`.

MNIST's training images as they are and rendered anew; the strokes of the training half of UNIPEN's
writers; optdigits' and semeion's training parts; the same ink cut out of synthetic pages, as the
Reader cuts. Beside them images that show no digit: characters of the same UNIPEN writers, parts of
digits, several of them in one place.

Ten writers wrote nearly half of UNIPEN's digits: who wrote fewer is rendered more often.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.core.store import log
from benchmarks.reading import renderings, unipen
from benchmarks.reading.handwriting import OPTDIGITS, SEMEION, SEMEION_TEST, Ink, find_file
from benchmarks.reading.page_cutouts import cut_out
from benchmarks.reading.renderings import Random
from tenfold.data.bundled import bundled
from tenfold.data.dataset import SIDE, Dataset, Images, concatenate
from tenfold.data.split import Indices
from tenfold.errors import TenfoldError

SOURCE = "MNIST, UNIPEN, optdigits, semeion"
MNIST_RENDERED = 20_000  # of MNIST's 60,000 digits, once each
# UNIPEN's digits are rendered so often that a writer has about so many images, as strokes and as
# images by turns.
WRITER_IMAGES, MAX_RENDERINGS = 120, 6
OPTDIGITS_RENDERINGS, SEMEION_RENDERINGS = 3, 6
CHARACTER_RENDERINGS = 3
PAIRS, PARTS, HEAPS = 6_000, 5_000, 4_000
NOISES = 6_000  # images that are 28 x 28 as they come: without them 2.6 % of such were accepted
# Parts of a digit that are no digit: upper, lower, left, right half. Half a 0 is a 1, the upper
# part of a 4 a 4, the right one of a 3 a 3, and the round one of a 6, 8 or 9 a 0.
TOP, BOTTOM, LEFT, RIGHT = range(4)
PART_DIGITS = {
    TOP: (0, 2, 3, 5),
    BOTTOM: (0, 2, 3, 5),
    LEFT: (2, 3, 5, 8),
    RIGHT: (5, 6),
}


@dataclass
class _Collected:
    """Images made so far, with the label and the writer of each."""

    images: list[Images]
    labels: list[int]
    writers: list[int]

    def add(self, image: Images | None, label: int, writer: int) -> None:
        """Add one, where something was found."""
        if image is not None:
            self.images.append(image)
            self.labels.append(label)
            self.writers.append(writer)

    def dataset(self, source: str) -> Dataset:
        """Return them as a set."""
        columns = np.array(self.labels, np.int64), np.array(self.writers, np.int64)
        return Dataset(np.stack(self.images), columns[0], source=source, writers=columns[1])


def make_training_set(without: str = "") -> Dataset:
    """Make the training set, the same each time, with the images that show no digit.

    Args:
        without: a site of UNIPEN's that it has nothing of; "" for none.

    Raises:
        TenfoldError: where a file of `handwriting/` is absent.
    """
    random, mnist = np.random.default_rng(0), bundled("mnist")
    characters = unipen.load_unipen(without)
    digits = concatenate(
        [
            concatenate([mnist, _rendered(mnist, random)], "mnist", same_writers=True),
            _unipen(characters, random),
            _optdigits(random),
            _semeion(random),
            cut_out(without),
        ],
        SOURCE,
    )
    assert digits.negatives is not None
    made = make_negatives(mnist, characters, random)
    return replace(digits, negatives=np.concatenate([digits.negatives, made]))


def _rendered(mnist: Dataset, random: Random) -> Dataset:
    chosen = np.sort(random.permutation(len(mnist))[:MNIST_RENDERED])
    found, subset = _Collected([], [], []), mnist.subset(chosen)
    writers = [] if subset.writers is None else subset.writers.tolist()
    for image, label, writer in zip(
        subset.images, subset.require_labels().tolist(), writers, strict=True
    ):
        found.add(renderings.normalised(renderings.enlarged(image, random), random), label, writer)
    log(f"training set: {len(found.images):,} of MNIST's digits rendered")
    return found.dataset("mnist, rendered")


def _unipen(characters: unipen.Unipen, random: Random) -> Dataset:
    digits, found = characters.digits, _Collected([], [], [])
    train = characters.halves(digits)[0]
    writers, counts = np.unique(digits.writers[train], return_counts=True)
    often = dict(
        zip(writers.tolist(), np.clip(WRITER_IMAGES // counts, 1, MAX_RENDERINGS), strict=True)
    )
    for index in train.tolist():
        label, writer = int(digits.labels[index]), int(digits.writers[index])
        strokes = digits.strokes(index)
        for number in range(often[writer]):
            # of a writer with one rendering of each digit, half of them are strokes
            image = _rendering(strokes, (index + number) % 2 == 0, number > 1, random)
            found.add(image, label, writer)
    log(f"training set: {len(found.images):,} renderings of {len(train):,} of UNIPEN's digits")
    return found.dataset("unipen")


def _rendering(
    strokes: Sequence[unipen.Stroke], drawn: bool, changed: bool, random: Random
) -> Images | None:
    if changed:
        strokes = renderings.slant(strokes, random)
    if drawn:
        return renderings.find_strokes(strokes)
    return renderings.normalised(renderings.draw(strokes, random), random)


def _optdigits(random: Random) -> Dataset:
    with np.load(_file(OPTDIGITS)) as data:
        return _bitmaps(data["x_tra"], data["y_tra"], OPTDIGITS_RENDERINGS, "optdigits", random)


def _semeion(random: Random) -> Dataset:
    with np.load(_file(SEMEION)) as data:
        images, labels = data["x"][:SEMEION_TEST], data["y"][:SEMEION_TEST]
    return _bitmaps(images, labels, SEMEION_RENDERINGS, "semeion", random)


def _file(name: str) -> str:
    path = find_file(name)
    if path is None:
        raise TenfoldError(f"handwriting/{name} is not in the repository, and is trained on")
    return str(path)


def _bitmaps(
    bitmaps: Images, labels: Sequence[int], often: int, source: str, random: Random
) -> Dataset:
    """Render each bitmap, first as it is; who wrote it is unknown, so each is its own writer's."""
    found = _Collected([], [], [])
    for writer, (bitmap, label) in enumerate(zip(bitmaps, labels, strict=True)):
        found.add(renderings.find(bitmap.astype(np.uint8) * 255), int(label), writer)
        for _ in range(often - 1):
            image = renderings.normalised(renderings.enlarged_bitmap(bitmap), random)
            found.add(image, int(label), writer)
    log(f"training set: {len(found.images):,} renderings of {len(labels):,} of {source}'s digits")
    return found.dataset(source)


def make_negatives(mnist: Dataset, characters: unipen.Unipen, random: Random) -> Images:
    """Make images that show no digit, uint8 [m, 28, 28], from MNIST's and UNIPEN's training ink."""
    digits, others = _Digits(mnist, characters, random), characters.others
    rows = characters.halves(others)[0]
    made = [
        image
        for image in (
            *_characters(
                others, rows[~np.isin(others.labels[rows], list(unipen.LIKE_DIGITS))], random
            ),
            *(renderings.normalised(_pair(digits, random), random) for _ in range(PAIRS)),
            *(renderings.normalised(_part(digits, random), random) for _ in range(PARTS)),
            *(renderings.normalised(_heap(others, rows, random), random) for _ in range(HEAPS)),
        )
        if image is not None
    ]
    made += _noises(random)
    log(f"training set: {len(made):,} images that show no digit")
    return np.stack(made)


def _noises(random: Random) -> list[Images]:
    """Fill 28 x 28 with grains of any grey, of one pixel or of several, and of any strength."""
    made = []
    for _ in range(NOISES):
        grain = int(random.choice([1, 1, 2, 3, 5]))
        if random.uniform() < 0.5:
            cells = random.uniform(0, 255, (SIDE, SIDE))
        else:
            cells = random.normal(random.uniform(40, 220), random.uniform(20, 90), (SIDE, SIDE))
        grains = np.kron(cells, np.ones((grain, grain)))[:SIDE, :SIDE]
        made.append(np.clip(np.rint(grains * random.uniform(0.4, 1)), 0, 255).astype(np.uint8))
    return made


def _characters(
    others: unipen.Characters, rows: Indices, random: Random
) -> Iterator[Images | None]:
    for row in rows.tolist():
        for number in range(CHARACTER_RENDERINGS):
            yield _rendering(others.strokes(row), number == 0, number == 2, random)


class _Digits:
    """Draws large ink of digits of MNIST and UNIPEN, by turns."""

    def __init__(self, mnist: Dataset, characters: unipen.Unipen, random: Random) -> None:
        self.mnist, self.digits, self.random = mnist, characters.digits, random
        mnist_labels = mnist.require_labels()
        unipen_rows = characters.halves(self.digits)[0]
        unipen_labels = self.digits.labels[unipen_rows].astype(np.int64)
        self.mnist_rows = [np.flatnonzero(mnist_labels == label) for label in range(10)]
        self.unipen_rows = [unipen_rows[unipen_labels == label] for label in range(10)]

    def draw(self, label: int) -> Ink:
        """Return the ink of one digit."""
        if self.random.uniform() < 0.5:
            row = int(self.random.choice(self.mnist_rows[label]))
            return renderings.enlarged(self.mnist.images[row], self.random)
        row = int(self.random.choice(self.unipen_rows[label]))
        return renderings.crop(renderings.draw(self.digits.strokes(row), self.random))


def _pair(digits: _Digits, random: Random) -> Ink:
    """Place two digits side by side, apart or one over the other's edge."""
    one, other = (digits.draw(int(label)) for label in random.integers(0, 10, 2))
    height = max(len(one), len(other))
    gap = round(height * float(random.uniform(-0.12, 0.25)))
    width = max(one.shape[1] + other.shape[1] + gap, one.shape[1], other.shape[1])
    both = np.zeros((height, width), np.float32)
    for ink, left in ((one, 0), (other, width - other.shape[1])):
        top = int(random.integers(0, height - len(ink) + 1))
        place = both[top : top + len(ink), left : left + ink.shape[1]]
        np.maximum(place, ink, out=place)
    return both


def _part(digits: _Digits, random: Random) -> Ink:
    """Cut a digit near its middle and keep what is no digit."""
    side = int(random.integers(4))
    ink = digits.draw(int(random.choice(PART_DIGITS[side])))
    along = 0 if side in (TOP, BOTTOM) else 1
    cut = round(ink.shape[along] * float(random.uniform(0.42, 0.58)))
    parts = {TOP: ink[:cut], BOTTOM: ink[cut:], LEFT: ink[:, :cut], RIGHT: ink[:, cut:]}
    return renderings.crop(parts[side])


def _heap(others: unipen.Characters, rows: Indices, random: Random) -> Ink:
    """Write two to five characters over each other."""
    strokes: list[unipen.Stroke] = []
    for row in random.choice(rows, int(random.integers(2, 6))).tolist():
        place, zoom = random.uniform(0, 700, 2), float(random.uniform(0.5, 1.2))
        strokes += [stroke * zoom + place for stroke in others.strokes(row)]
    return renderings.crop(renderings.draw(renderings.slant(strokes, random), random))
