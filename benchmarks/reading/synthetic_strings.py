"""Synthetic strings of digits, made from MNIST's, with known truth.

Pairs and triples whose neighbours touch, on plain paper; and amounts as on a cheque, on paper with
a printed security pattern, with loose, touching and parted digits and now and then a comma, which
is not in the truth. The digits of a string have one height, one pen and one ink.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reading.handwriting import GreyImage, Ink, enlarge
from benchmarks.reading.strings import StringImage
from tenfold.data.dataset import Dataset, Images

PEN_ON_PAPER = 0.5  # of the ink: what counts as written where two digits are moved together


def touching(
    digits: Dataset, n_digits: int, count: int, random: np.random.Generator
) -> Iterator[StringImage]:
    """Draw strings in which each digit touches the next.

    Args:
        digits: what they are drawn from, with labels.
        n_digits: of each string.
        count: strings.
        random: what decides everything.
    """
    for _ in range(count):
        images, truth = _choose(digits, n_digits, random)
        scale, level = random.uniform(2, 6), random.uniform(0.4, 0.55)
        ink = draw_digit(images[0], scale, level)
        for image in images[1:]:
            overlap = random.uniform(0.3, 1.2) * scale
            ink = join(ink, draw_digit(image, scale, level), -overlap, _shift(scale, random))
        yield StringImage(on_plain_paper(pad(ink, random), random), (truth,))


def amounts(digits: Dataset, count: int, random: np.random.Generator) -> Iterator[StringImage]:
    """Draw amounts of three to seven digits on patterned paper.

    Args:
        digits: what they are drawn from, with labels.
        count: amounts.
        random: what decides everything.
    """
    for _ in range(count):
        images, truth = _choose(digits, int(random.integers(3, 8)), random)
        scale, level = random.uniform(2, 5), random.uniform(0.4, 0.55)
        comma = len(images) - 2 if random.random() < 0.3 else 0  # before the last two digits
        ink = draw_digit(images[0], scale, level)
        for place, image in enumerate(images[1:], 1):
            if place == comma:
                ink = _add_comma(ink, scale)
            # One neighbour in six touches, the others are up to a third of a digit apart.
            touches = random.random() < 1 / 6 and place != comma
            gap = random.uniform(-1, -0.3) if touches else random.uniform(1.5, 7)
            ink = join(ink, draw_digit(image, scale, level), gap * scale, _shift(scale, random))
        yield StringImage(_on_patterned_paper(pad(ink, random), scale, random), (truth,))


def _choose(
    digits: Dataset, n_digits: int, random: np.random.Generator
) -> tuple[Sequence[Images], str]:
    chosen = random.choice(len(digits), n_digits, replace=False)
    labels = digits.require_labels()[chosen]
    return list(digits.images[chosen]), "".join(map(str, labels.tolist()))


def _shift(scale: float, random: np.random.Generator) -> int:
    """Draw how far a digit is written above or below its neighbour, in pixels."""
    return round(float(random.normal(0, 0.8)) * scale)


def draw_digit(image: Images, scale: float, level: float) -> Ink:
    """Enlarge one of MNIST's digits smoothly and cut off the paper to its left and right."""
    ink = enlarge(image, scale, level, blur=0.35, edge=1.5)
    columns = np.flatnonzero((ink > PEN_ON_PAPER).any(0))
    return ink[:, max(0, columns[0] - 1) : columns[-1] + 2]


def join(left: Ink, right: Ink, gap: float, shift: int) -> Ink:
    """Write `right` after `left`, the nearest ink of the two `gap` pixels apart along a row.

    Args:
        left: what is written so far.
        right: the next digit.
        gap: below 0, so many pixels of both are in the same place.
        shift: how far below it is written, in pixels.
    """
    right = _moved(right, shift)
    height = max(len(left), len(right))
    left, right = (np.pad(ink, ((0, height - len(ink)), (0, 0))) for ink in (left, right))
    ends, starts = _edge(left, last=True), _edge(right, last=False)
    both = (ends >= 0) & (starts >= 0)
    # Rows of ink in one but not in the other never meet; then the digits' own boxes count.
    reach = (ends - starts)[both].max() if both.any() else ends.max() - starts[starts >= 0].min()
    place = max(0, int(reach) + 1 + round(gap))
    joined = np.zeros((height, max(left.shape[1], place + right.shape[1])), np.float32)
    joined[:, : left.shape[1]] = left
    part = joined[:, place : place + right.shape[1]]
    np.maximum(part, right, out=part)
    return joined


def _moved(ink: Ink, shift: int) -> Ink:
    """Move ink down, or up where there is paper above it."""
    first = int(np.flatnonzero((ink > 0).any(1))[0])
    return np.pad(ink, ((shift, 0), (0, 0))) if shift >= 0 else ink[min(-shift, first) :]


def _edge(ink: Ink, last: bool) -> NDArray[np.int64]:
    """Return the column of the first or the last ink of each row, -1 in rows without ink."""
    written = ink > PEN_ON_PAPER
    place = ink.shape[1] - 1 - written[:, ::-1].argmax(1) if last else written.argmax(1)
    return np.where(written.any(1), place, -1)


def _add_comma(ink: Ink, scale: float) -> Ink:
    """Write a comma at the foot of the last digit."""
    rows = np.flatnonzero((ink > PEN_ON_PAPER).any(1))
    room = round(5 * scale)
    wide = np.pad(ink, ((0, room), (0, room)))
    x, y = ink.shape[1] + 2.5 * scale, float(rows[-1])
    start, end = (round(x), round(y - scale)), (round(x - scale), round(y + 2.5 * scale))
    drawn = (wide * 255).astype(np.uint8)
    cv2.line(drawn, start, end, 255, max(2, round(1.6 * scale)), cv2.LINE_AA)
    return drawn.astype(np.float32) / np.float32(255)


def pad(ink: Ink, random: np.random.Generator) -> Ink:
    """Leave paper around, a tenth to four tenths of the height on each side."""
    top, bottom, left, right = (int(side) for side in random.uniform(0.1, 0.4, 4) * len(ink))
    return np.pad(ink, ((top, bottom), (left, right)))


def on_plain_paper(ink: Ink, random: np.random.Generator) -> GreyImage:
    """Write ink on bright paper with a little noise."""
    paper = random.uniform(200, 250) + random.normal(0, 2, ink.shape)
    return _written(ink, paper, random)


def _on_patterned_paper(ink: Ink, scale: float, random: np.random.Generator) -> GreyImage:
    """Print wavy lines that cross, or hatching, or dots, in a pale ink beneath the writing."""
    height, width = ink.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    pitch = random.uniform(1.2, 3) * scale
    wave, swing = random.uniform(6, 16) * scale, random.uniform(0.5, 2) * pitch
    kind = random.choice(("guilloche", "hatching", "dots"))
    if kind == "guilloche":
        bend = swing * np.sin(2 * np.pi * x / wave + random.uniform(0, 6))
        lines = np.maximum(
            np.sin(2 * np.pi * (y + bend) / pitch), np.sin(2 * np.pi * (y - bend) / pitch)
        )
    elif kind == "hatching":
        angle = random.uniform(0.3, 1.2) * random.choice((-1, 1))
        lines = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch)
    else:
        lines = np.sin(2 * np.pi * x / pitch) * np.sin(2 * np.pi * y / pitch)
    printed = np.clip((lines - 0.6) * 4, 0, 1)
    fade = 0.7 + 0.3 * np.sin(2 * np.pi * x / width + random.uniform(0, 6))
    paper = random.uniform(205, 240) - random.uniform(20, 60) * printed * fade
    return _written(ink, paper + random.normal(0, 3, ink.shape), random)


def _written(ink: Ink, paper: NDArray[np.float64], random: np.random.Generator) -> GreyImage:
    """Write ink on paper; ink covers what is printed."""
    pen = random.uniform(15, 70) + random.normal(0, 4, ink.shape)
    seen = cv2.GaussianBlur(paper + (pen - paper) * ink, (0, 0), random.uniform(0.4, 0.9))
    return np.asarray(np.clip(np.rint(seen), 0, 255), np.uint8)
