"""Images that show no digit, for measuring rejection: none is made as training makes its own.

Training draws letters from skeletons and its noise and scribbles on 28 x 28; here letters are
those of fonts, clothes are photographs, and scribbles and noise are made in other ways and large.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.reading.handwriting import GreyImage
from tenfold.data.dataset import Dataset, Images

# Those that look like a digit, too: O o D 0, l I 1, S 5, Z 2, B 8, g q 9.
TWINS = "OoDlISZBgq"
LETTERS = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in TWINS]
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
)
LETTER_SIZES = (30, 60, 120, 240)  # pixels


def blanks(random: np.random.Generator, count: int) -> list[GreyImage]:
    """Make blank paper as a camera sees it: any grey, uneven light, sensor noise."""
    made = []
    for _ in range(count):
        height, width = random.integers(60, 400, 2)
        across = np.linspace(-0.5, 0.5, width) * random.uniform(-40, 40)
        down = np.linspace(-0.5, 0.5, height)[:, None] * random.uniform(-40, 40)
        grain = random.normal(0, random.uniform(0, 4), (height, width))
        made.append(_bytes(random.uniform(120, 240) + across + down + grain))
    return made


def noises(random: np.random.Generator, count: int) -> list[GreyImage]:
    """Fill images with grains of random grey, 28 to 280 pixels a side."""
    made = []
    for index in range(count):
        grain = int(random.integers(1, 11))
        if index % 2:
            cells = random.uniform(0, 255, (28, 28))
        else:
            cells = random.normal(128, random.uniform(20, 80), (28, 28))
        made.append(_bytes(np.kron(cells, np.ones((grain, grain)))))
    return made


def scribbles(random: np.random.Generator, count: int) -> list[GreyImage]:
    """Draw the path of a pen with momentum on white paper, at least three times its width."""
    return [_scribble(random) for _ in range(count)]


def _scribble(random: np.random.Generator) -> GreyImage:
    side = int(random.integers(100, 400))
    place, speed = random.uniform(0.3, 0.7, 2), random.normal(0, 1, 2)
    turn, path = random.uniform(0.15, 0.5), []
    for _ in range(int(random.integers(150, 400))):
        speed = (1 - turn) * speed + turn * random.normal(0, 2, 2) - turn * 3 * (place - 0.5)
        place = place + 0.03 * speed
        path.append(place)
    points = np.array(path)
    points = (points - points.min(0)) / np.ptp(points, axis=0).max()
    paper = np.full((side, side), 255, np.uint8)
    lines = np.rint((0.1 + 0.8 * points) * side * 16).astype(np.int32)
    width = max(1, round(side * random.uniform(0.01, 0.05)))
    cv2.polylines(paper, [lines], False, 0, width, cv2.LINE_AA, 4)
    return paper


def letters() -> list[GreyImage]:
    """Print every letter that does not look like a digit, in three fonts and four sizes."""
    return [
        _letter(letter, ImageFont.truetype(font, size))
        for letter in LETTERS
        for font in FONTS
        for size in LETTER_SIZES
    ]


def _letter(letter: str, font: ImageFont.FreeTypeFont) -> GreyImage:
    left, top, right, bottom = (int(edge) for edge in font.getbbox(letter))
    margin = (bottom - top) // 2 + 4
    size = (right - left + 2 * margin, bottom - top + 2 * margin)
    paper = Image.new("L", size, 255)
    ImageDraw.Draw(paper).text((margin - left, margin - top), letter, 0, font)
    return np.asarray(paper)


def digit_pairs(random: np.random.Generator, digits: Dataset, count: int) -> list[GreyImage]:
    """Place two digits side by side, to be read as one."""
    made = []
    for _ in range(count):
        one, other = (_ink(digits.images[i]) for i in random.integers(0, len(digits), 2))
        gap = np.zeros((28, int(random.integers(1, 5))), np.uint8)
        made.append(_on_paper(np.hstack([one, gap, other]), random))
    return made


def half_digits(random: np.random.Generator, digits: Dataset, count: int) -> list[GreyImage]:
    """Cut digits across their middle, upright or level, and keep one half."""
    made = []
    for _ in range(count):
        image = digits.images[random.integers(0, len(digits))]
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        row, column = (rows[0] + rows[-1] + 1) // 2, (columns[0] + columns[-1] + 1) // 2
        halves = image[:row], image[row:], image[:, :column], image[:, column:]
        made.append(_on_paper(halves[random.integers(0, 4)], random))
    return made


def clothes(folder: Path, count: int) -> Images:
    """Load the first of Fashion-MNIST's test images, uint8 [n, 28, 28]."""
    from tenfold.data.source import load

    test_source = load(str(folder)).test_source
    assert test_source is not None
    return load(test_source).images[:count]


def _ink(image: Images) -> Images:
    columns = np.flatnonzero(image.any(0))
    return image[:, columns[0] : columns[-1] + 1]


def _on_paper(image: Images, random: np.random.Generator) -> GreyImage:
    """Draw an image of MNIST's, whatever its sides, dark and larger on white paper."""
    scale = float(random.uniform(3, 8))
    large = cv2.resize(np.pad(image, 6), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return _bytes(255 - large.astype(np.float64))


def _bytes(values: NDArray[np.floating[Any]]) -> GreyImage:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
