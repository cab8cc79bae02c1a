"""Amounts, dates, times and sums with their marks, made from MNIST's digits; read with `marks`."""

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.core.store import Row
from benchmarks.reading.handwriting import GreyImage, Ink
from benchmarks.reading.synthetic_strings import draw_digit, join, on_plain_paper, pad
from tenfold.data.dataset import Dataset
from tenfold.data.source import load
from tenfold.model.reader import Reader

COUNT = 1_000


def read_marked(reader: Reader, count: int = COUNT) -> Row:
    """Count the strings that are read right with their marks, and what was read of the others."""
    strings = marked(load("mnist:test"), count, np.random.default_rng(23))
    right = digits_right = wrong = 0
    failures = []
    for image, truth in strings:
        reading = reader.read(image, marks=True)
        text = reading.text.replace(" ", "")
        right += text == truth
        digits = "".join(one for one in truth if one.isdecimal())
        digits_right += "".join(one for one in text if one.isdecimal()) == digits
        wrong += text != truth and "?" not in text
        if text != truth:
            failures.append([truth, text])
    return {
        "n": count,
        "right": right,
        "digits_right": digits_right,
        "accepted_wrong": wrong,
        "failures": failures,
    }


def marked(
    digits: Dataset, count: int, random: np.random.Generator
) -> Iterator[tuple[GreyImage, str]]:
    """Draw strings on plain paper.

    Args:
        digits: what they are drawn from, with labels.
        count: strings.
        random: what decides everything.
    """
    labels = digits.require_labels()
    for _ in range(count):
        truth = _text(random)
        scale, level = random.uniform(2, 5), random.uniform(0.4, 0.55)
        pen = random.uniform(1.6, 2.6) * scale
        ink: Ink | None = None
        for character in truth:
            if character.isdecimal():
                index = random.choice(np.flatnonzero(labels == int(character)))
                drawn = draw_digit(digits.images[index], scale, level)
            else:
                drawn = _mark(character, scale, pen, random)
            gap = random.uniform(1.5, 5) * scale
            ink = drawn if ink is None else join(ink, drawn, gap, 0)
        assert ink is not None
        yield on_plain_paper(pad(ink, random), random), truth


def _text(random: np.random.Generator) -> str:
    def digits(count: int) -> str:
        return "".join(str(value) for value in random.integers(0, 10, count))

    match int(random.integers(0, 5)):
        case 0:
            return f"{random.integers(1, 1000)}{random.choice(('.', ','))}{digits(2)}"
        case 1:
            return f"{random.choice(('-', '+'))}{random.integers(1, 1000)}"
        case 2:
            mark = str(random.choice((".", "/", "-")))
            return mark.join((digits(2), digits(2), digits(2)))
        case 3:
            return f"{digits(2)}:{digits(2)}"
        case _:
            one, other = random.integers(1, 50, 2)
            return f"{one}+{other}={one + other}"


def _mark(mark: str, scale: float, pen: float, random: np.random.Generator) -> Ink:
    """Draw a mark on the same lines as a digit, which is 28 source pixels tall."""
    side = round(28 * scale)
    canvas = np.zeros((side, side), np.uint8)
    wide = random.uniform(5, 9)
    shapes: dict[str, list[tuple[float, float, float, float]]] = {
        ".": [(14, 23, 14.3, 23.3)],
        ",": [(14.5, 22.5, 13, 26)],
        "-": [(14 - wide / 2, 14.5, 14 + wide / 2, 14)],
        "+": [(14 - wide / 2, 14, 14 + wide / 2, 14), (14, 14 - wide / 2, 14, 14 + wide / 2)],
        "=": [(14 - wide / 2, 12, 14 + wide / 2, 12), (14 - wide / 2, 16.5, 14 + wide / 2, 16.5)],
        ":": [(14, 11, 14.2, 11.2), (14, 20, 14.2, 20.2)],
        "/": [(18, 4, 10.5, 25)],
    }
    for line in shapes[mark]:
        moved = np.array(line) + random.normal(0, 0.4, 4) * (mark not in ".:,")
        x0, y0, x1, y1 = np.rint(moved * scale * 16).astype(int).tolist()
        cv2.line(canvas, (x0, y0), (x1, y1), 255, max(1, round(pen)), cv2.LINE_AA, 4)
    columns = np.flatnonzero((canvas > 127).any(0))
    cut = canvas[:, max(0, columns[0] - 1) : columns[-1] + 2]
    return cut.astype(np.float32) / np.float32(255)
