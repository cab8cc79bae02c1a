"""The one way from a picture to digits, for the Reader, the command line and the server alike."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.ink.normalise import USUAL, normalise
from tenfold.ink.paper import Ink, find_ink
from tenfold.ink.picture import AnyPicture, decode
from tenfold.ink.segments import (
    SMALL,
    SPECK,
    Segment,
    page_angle,
    reading_order,
    segments,
    turned,
    whole,
)
from tenfold.ink.strokes import Strokes, draw_strokes

LEAST_TURN = 2.0  # degrees; a smaller turn of the page is left
MOST_TURN = 30.0


@dataclass(frozen=True)
class Box:
    """Where a digit stands, in pixels of the upright picture."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class FoundDigit:
    """One digit of a picture.

    Args:
        image: uint8 [28, 28], as the network sees it: ink 255 on 0.
        box: where it stands.
        row: which row of writing it is in, from 0.
        notes: what was done to it and to its picture.
    """

    image: Images
    box: Box
    row: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """What was found on a picture.

    Args:
        digits: in reading order.
        size: width and height of the upright picture, in pixels.
        notes: what was done to the picture as a whole.
    """

    digits: tuple[FoundDigit, ...]
    size: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def images(self) -> Images:
        """All digits, uint8 [n, 28, 28]."""
        found = [digit.image for digit in self.digits]
        return np.stack(found) if found else np.zeros((0, 28, 28), np.uint8)


def find_digits(picture: AnyPicture, single: bool = False, name: str = "picture") -> Page:
    """Find the digits on a picture and bring each into MNIST's form.

    Args:
        picture: a path, bytes, a Pillow image or an array (see `picture.decode`).
        single: take all ink for one digit.
        name: what errors call it.

    Raises:
        TenfoldError: where the picture cannot be read.
    """
    decoded = decode(picture, name)
    ink = find_ink(decoded.luminance)
    ink = replace(ink, notes=(*decoded.notes, *ink.notes))
    return _page(ink, single, decoded.size, decoded.scale, (0.0, 0.0))


def find_stroked_digits(strokes: Strokes, single: bool = False) -> Page:
    """Find the digits among strokes and draw each with MNIST's pen, whatever the screen's.

    Args:
        strokes: a list of points x, y for each time the pen was down, in any unit, y downwards.
        single: take all strokes for one digit.

    Returns:
        The page; its boxes are in the strokes' own unit, rounded to whole ones.

    Raises:
        TenfoldError: where a stroke has no points, or a coordinate is no finite number.
    """
    drawn = draw_strokes(strokes)
    ink = Ink(drawn.ink, drawn.ink > 0.3, ())
    # Whoever draws means it: a digit half as tall as its neighbours is no dirt.
    return _page(ink, single, drawn.size, drawn.scale, drawn.corner, USUAL, SPECK)


def _page(
    ink: Ink,
    single: bool,
    size: tuple[int, int],
    scale: float,
    corner: tuple[float, float],
    pen: float | None = None,
    least: float = SMALL,
) -> Page:
    """Cut ink into digits in reading order; `scale` and `corner` lead back to the user's pixels."""
    found = whole(ink.mask) if single else segments(ink.mask, least)
    angle = 0.0 if single else page_angle(found)
    notes = ink.notes
    if LEAST_TURN <= abs(angle) <= MOST_TURN:
        notes = (*notes, f"turned by {-angle:.0f} degrees")
    else:
        angle = 0.0
    digits = []
    for row, indices in enumerate(reading_order(found, angle)):
        for segment in (found[index] for index in indices):
            done = normalise(_cut_out(segment, ink, angle), pen)
            left, top = corner[0] + segment.x * scale, corner[1] + segment.y * scale
            sides = (segment.width * scale, segment.height * scale)
            box = Box(*(round(value) for value in (left, top, *sides)))
            said = (*notes, *segment.notes, *done.notes)
            digits.append(FoundDigit(done.image, box, row, said))
    return Page(tuple(digits), size, notes)


def _cut_out(segment: Segment, ink: Ink, angle: float) -> NDArray[np.float32]:
    """Cut one digit's ink out of its neighbours', with the fringe that the mask leaves out."""
    margin = 2
    height, width = ink.mask.shape
    top, bottom = max(0, segment.y - margin), min(height, segment.y + segment.height + margin)
    left, right = max(0, segment.x - margin), min(width, segment.x + segment.width + margin)
    mine = np.zeros((bottom - top, right - left), np.uint8)
    y, x = segment.y - top, segment.x - left
    mine[y : y + segment.height, x : x + segment.width] = segment.mask
    near = cv2.dilate(mine, np.ones((3, 3), np.uint8))
    others = ink.mask[top:bottom, left:right] & (mine == 0)
    cut = ink.strength[top:bottom, left:right] * near * ~others
    return turned(cut, angle) if angle else cut
