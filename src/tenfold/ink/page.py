"""What was found on an image: digits, marks, where they are, and the image to draw them on."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.ink.image import Luminance, downscale

PREVIEW_SIDE = 1600  # pixels of the longer side
PREVIEW_QUALITY = 90  # 1600 x 1200 are 5 ms and, full of writing, 0.7 MB


@dataclass(frozen=True)
class Box:
    """The bounding box of a character, in pixels of the upright image."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def of(cls, left: float, top: float, right: float, bottom: float) -> "Box":
        """Round the edges of a box."""
        return cls(round(left), round(top), round(right - left), round(bottom - top))


@dataclass(frozen=True)
class FoundDigit:
    """One character of an image that may be a digit.

    Args:
        image: uint8 [28, 28], the classifier's input: ink 255 on 0.
        box: its bounding box.
        row: which row of writing it is in, from 0.
        notes: what was done to it and to the whole image.
        is_point: it is a tap of the pen, which is no digit whatever it looks like.
        evidence: float32 [11], how probable the page network takes each digit and, last, anything
            else; None where it was not asked.
    """

    image: Images
    box: Box
    row: int
    notes: tuple[str, ...]
    is_point: bool = False
    evidence: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class FoundMark:
    """A mark between digits, or a gap.

    Args:
        label: the mark, one of `. , - + / : =`, or a space for a gap.
        probability: of the mark, 0-1; 1 for a gap.
        box: its bounding box.
        row: which row of writing it is in, from 0.
        before: how many of the page's digits, in reading order, are before it.
        accepted: whether it is surely there; in a text an unsure one is `?`.
    """

    label: str
    probability: float
    box: Box
    row: int
    before: int
    accepted: bool = True

    @property
    def text(self) -> str:
        """The mark as it stands in a text."""
        return self.label if self.accepted else "?"


@dataclass(frozen=True)
class Preview:
    """What was looked at, in grey, to draw a reading on.

    Args:
        jpeg: the image, compressed: many readings are kept, few are drawn.
        scale: units of a box for one of its pixels.
        corner: x and y of its upper left corner, in the unit of a box.
    """

    jpeg: bytes
    scale: float
    corner: tuple[float, float]


@dataclass(frozen=True)
class Page:
    """What was found on an image.

    Args:
        digits: in reading order.
        size: width and height of the upright image, in pixels.
        notes: what was done to the image as a whole, and what was found and is no digit.
        preview: the image, or the drawing of the strokes.
        marks: in reading order.
        n_unread: how many characters were found and are not among the digits, being unclear.
    """

    digits: tuple[FoundDigit, ...]
    size: tuple[int, int]
    notes: tuple[str, ...]
    preview: Preview
    marks: tuple[FoundMark, ...] = ()
    n_unread: int = 0

    @property
    def images(self) -> Images:
        """All digits, uint8 [n, 28, 28]."""
        images = [digit.image for digit in self.digits]
        return np.stack(images) if images else np.zeros((0, 28, 28), np.uint8)


def make_preview(luminance: Luminance, scale: float, corner: tuple[float, float]) -> Preview:
    """Keep an image small.

    Args:
        luminance: float32 [h, w] in 0-255.
        scale: units of a box for one of its pixels.
        corner: x and y of its upper left corner, in the unit of a box.
    """
    small = downscale(luminance, PREVIEW_SIDE)
    quality = (cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY)
    jpeg = cv2.imencode(".jpg", cv2.convertScaleAbs(small), quality)[1].tobytes()
    return Preview(jpeg, scale * max(luminance.shape) / max(small.shape), corner)
