"""The naive way to read a string, as tutorials show it, with the same network.

One threshold for the whole image (Otsu 1979), connected components, each stretched to a square with
a margin and resized to 28 x 28.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.reading.handwriting import GreyImage
from tenfold.data.dataset import Images
from tenfold.model.file import Model

MOST = 2_000  # components, the largest
SMALLEST = 1 / 3  # of the median height of those that are at least `SPECK` tall
SPECK = 8  # pixels


@dataclass(frozen=True)
class Component:
    """A connected component: its box in pixels, and the 28 x 28 image made from it."""

    x: int
    y: int
    width: int
    height: int
    image: Images


def read_naively(model: Model, image: GreyImage, single: bool = False) -> list[str]:
    """Read an image naively.

    Args:
        model: predicts the components; what it rejects is `?`.
        image: dark ink on bright paper, or the other way round.
        single: resize the whole image instead.

    Returns:
        Rows of digits, as `Reading.rows`.
    """
    if single:
        return _predict(model, [[resize_naively(image)]])
    rows: list[list[Component]] = []
    for part in sorted(components(image), key=lambda part: part.y + part.height / 2):
        if rows and part.y + part.height / 2 < rows[-1][-1].y + rows[-1][-1].height:
            rows[-1].append(part)
        else:
            rows.append([part])
    ordered = [sorted(row, key=lambda part: part.x) for row in rows]
    return _predict(model, [[part.image for part in row] for row in ordered])


def components(image: GreyImage) -> list[Component]:
    """Return the connected components of an image, specks left out."""
    bright = np.median(image) > 127
    kind = cv2.THRESH_BINARY_INV if bright else cv2.THRESH_BINARY
    _, ink = cv2.threshold(image, 0, 255, kind + cv2.THRESH_OTSU)
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(ink)
    tall = boxes[1:, cv2.CC_STAT_HEIGHT] >= SPECK
    numbers = 1 + np.flatnonzero(tall)
    if not len(numbers):
        return []
    heights = boxes[numbers, cv2.CC_STAT_HEIGHT]
    numbers = numbers[heights >= SMALLEST * np.median(heights)]
    numbers = numbers[np.argsort(-boxes[numbers, cv2.CC_STAT_AREA], kind="stable")][:MOST]
    found = []
    for number in numbers.tolist():
        x, y, width, height = boxes[number, :4].tolist()
        part = (parts[y : y + height, x : x + width] == number).astype(np.uint8) * 255
        side = max(width, height)
        around = side // 5 + 1  # MNIST's margin is a fifth of its digits' size
        top, left = (side - height) // 2 + around, (side - width) // 2 + around
        square = np.zeros((side + 2 * around, side + 2 * around), np.uint8)
        square[top : top + height, left : left + width] = part
        small = cv2.resize(square, (28, 28), interpolation=cv2.INTER_AREA)
        found.append(Component(x, y, width, height, small.astype(np.uint8)))
    return found


def resize_naively(image: GreyImage) -> Images:
    """Resize an image to 28 x 28 and invert it where most of it is bright."""
    small = cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return 255 - small if np.median(image) > 127 else small


def _predict(model: Model, rows: list[list[Images]]) -> list[str]:
    if not rows:
        return []
    predictions = model.predict(np.stack([image for row in rows for image in row]))
    labels = iter(
        model.classes[label] if accepted else "?"
        for label, accepted in zip(
            predictions.labels.tolist(), predictions.accepted.tolist(), strict=True
        )
    )
    return ["".join(next(labels) for _ in row) for row in rows]
