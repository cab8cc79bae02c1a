"""Render a digit as drawings, scans and photos show it, and normalise it as the Reader does.

What the shipped model learns from: each source's ink, strokes or bitmaps, at other scales, with
other pens and in other boxes, through `tenfold.ink`. Benchmarks render in other ways.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.reading.handwriting import GreyImage, Ink, enlarge
from tenfold.data.dataset import Images
from tenfold.ink.single import find_single_digit, find_single_drawn
from tenfold.ink.strokes import draw_strokes

Random = np.random.Generator
Stroke = NDArray[np.float64]  # [n, 2]: x to the right, y downwards

HEIGHT = 160  # pixels of the longer side of ink before it is rendered
MIN_SIDE, MAX_SIDE = 13, 150  # pixels of the longer side as rendered
# Forms and scanners fill a square. A bar stays one: broadened, it is a filled rectangle.
MAX_SLIM = 3.5
STRETCHED, SQUEEZED, BILEVEL, INVERTED = 0.2, 0.15, 0.4, 0.3  # of the renderings


def draw(strokes: Sequence[Stroke], random: Random) -> Ink:
    """Draw strokes with a pen of random width, float32 [h, w] in 0-1.

    Args:
        strokes: of one character, in any unit.
        random: draws the pen.
    """
    points = np.concatenate(strokes)
    low = points.min(0)
    zoom = HEIGHT / max(float((points.max(0) - low).max()), 1.0)
    pen = round(HEIGHT * float(random.uniform(0.035, 0.13)))
    width, height = np.ceil((points.max(0) - low) * zoom).astype(int) + 2 * pen
    canvas = np.zeros((int(height), int(width)), np.uint8)
    lines = [np.rint(((stroke - low) * zoom + pen) * 16).astype(np.int32) for stroke in strokes]
    cv2.polylines(canvas, lines, False, 255, pen, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def slant(strokes: Sequence[Stroke], random: Random) -> list[Stroke]:
    """Turn strokes by up to 9 degrees and shear them by up to 11."""
    angle, slope = float(random.uniform(-0.15, 0.15)), float(random.uniform(-0.2, 0.2))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, 0], [slope, 1]])
    return [stroke @ matrix for stroke in strokes]


def enlarged(image: Images, random: Random) -> Ink:
    """Enlarge one of MNIST's digits, float32 [h, w] in 0-1, with a pen a little wider or narrower.

    Args:
        image: uint8 [28, 28], ink bright.
        random: draws the pen.
    """
    return crop(enlarge(image, 6, float(random.uniform(0.3, 0.6)), blur=0.4, edge=2))


def enlarged_bitmap(bitmap: Images) -> Ink:
    """Enlarge a small bitmap of 0 and 1, [h, w], and round off its staircase."""
    zoom = HEIGHT / max(bitmap.shape)
    large = cv2.resize(
        np.pad(bitmap, 1).astype(np.float32), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC
    )
    large = np.asarray(cv2.GaussianBlur(large, (0, 0), 0.45 * zoom), np.float32)
    return crop(np.clip(0.5 + (large - 0.5) * 8, 0, 1))


def crop(ink: Ink) -> Ink:
    """Cut away the margins, where there is less than half of full ink."""
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    if not len(rows):
        return ink
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def normalised(ink: Ink, random: Random) -> Images | None:
    """Render ink at a random size, in a random box, and find it again as one digit.

    Args:
        ink: float32 [h, w] in 0-1, large and without margins.
        random: draws how.

    Returns:
        uint8 [28, 28]; None where nothing is found.
    """
    return find(render(ink, random))


def render(ink: Ink, random: Random) -> GreyImage:
    """Render ink small or large, stretched or not, in two greys or many, on a canvas."""
    height, width = ink.shape
    side = MIN_SIDE * (MAX_SIDE / MIN_SIDE) ** float(random.uniform())
    kind = float(random.uniform())
    if kind < STRETCHED and max(height, width) < MAX_SLIM * min(height, width):
        height = width = 1  # a square
    elif kind > 1 - SQUEEZED and height > width:
        width = round(width * float(random.uniform(0.6, 1.0)))
    zoom = side / max(height, width)
    size = max(3, round(width * zoom)), max(3, round(height * zoom))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    if random.uniform() < BILEVEL:
        bilevel = (small > float(random.uniform(0.35, 0.6))).astype(np.float32)
        small = bilevel if bilevel.any() else small
    else:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), 0.1 + 0.7 * float(random.uniform())))
    margins = [int(margin) for margin in random.integers(0, max(2, round(0.4 * side)), 4)]
    top, bottom, left, right = margins
    canvas = np.pad(small, ((top, bottom), (left, right)))
    dark, bright = float(random.uniform(0, 90)), float(random.uniform(170, 255))
    grain = random.normal(0, float(random.uniform(0, 6)), canvas.shape)
    grey = bright + (dark - bright) * canvas + grain
    if random.uniform() < INVERTED:
        grey = 255 - grey
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def find(image: GreyImage) -> Images | None:
    """Find the one digit on an image, uint8 [28, 28]; None where there is none."""
    digits = find_single_digit(image).digits
    return digits[0].image if digits else None


def find_strokes(strokes: Sequence[Stroke]) -> Images | None:
    """Draw strokes as those of the page to draw on, uint8 [28, 28]; None where there are none."""
    digits = find_single_drawn(draw_strokes([stroke.tolist() for stroke in strokes])).digits
    return digits[0].image if digits else None
