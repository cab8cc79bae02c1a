"""Find the digits on an image or among strokes; the Reader, server and command line use this."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Images
from tenfold.ink.image import AnyImage, Luminance, decode, downscale
from tenfold.ink.normalise import MEAN_PEN_WIDTH, normalise
from tenfold.ink.paper import Ink, find_ink
from tenfold.ink.region import Region
from tenfold.ink.segments import (
    MAX_SPECK,
    MIN_DIGIT_HEIGHT,
    Segment,
    find_segments,
    page_angle,
    reading_order,
    rotated,
    single_segment,
)
from tenfold.ink.sheet import CORNERS, NOTE, Sheet, find_sheet
from tenfold.ink.strokes import Strokes, draw_strokes

MIN_ROTATION = 2.0  # degrees; a smaller rotation of the page is not corrected
MAX_ROTATION = 30.0
PREVIEW_SIDE = 1600  # pixels of the longer side
PREVIEW_QUALITY = 90  # 1600 x 1200 are 5 ms and, full of writing, 0.7 MB


@dataclass(frozen=True)
class Box:
    """The bounding box of a digit, in pixels of the upright image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class FoundDigit:
    """One digit of an image.

    Args:
        image: uint8 [28, 28], the network's input: ink 255 on 0.
        box: its bounding box.
        row: which row of writing it is in, from 0.
        notes: what was done to it and to the whole image.
        is_point: it is a tap of the pen, which is no digit whatever it looks like.
    """

    image: Images
    box: Box
    row: int
    notes: tuple[str, ...]
    is_point: bool = False


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
    """The digits found on an image.

    Args:
        digits: in reading order.
        size: width and height of the upright image, in pixels.
        notes: what was done to the image as a whole.
        preview: the image, or the drawing of the strokes.
    """

    digits: tuple[FoundDigit, ...]
    size: tuple[int, int]
    notes: tuple[str, ...]
    preview: Preview

    @property
    def images(self) -> Images:
        """All digits, uint8 [n, 28, 28]."""
        images = [digit.image for digit in self.digits]
        return np.stack(images) if images else np.zeros((0, 28, 28), np.uint8)


def find_digits(
    image: AnyImage, single: bool = False, name: str = "image", region: Region | None = None
) -> Page:
    """Find the digits on an image and normalise each to MNIST's form.

    Args:
        image: a path, bytes, a Pillow image or an array (see `tenfold.ink.image.decode`).
        single: take all ink for one digit.
        name: the name used in errors.
        region: look at this rectangle of the upright image alone (see `region_edges`).

    Returns:
        The page; its boxes are in pixels of the whole upright image.

    Raises:
        TenfoldError: where the image cannot be read, or the region is not a part of it.
    """
    decoded = decode(image, name, region)
    sheet = None if region is not None else find_sheet(decoded.luminance)
    straight = decoded.luminance if sheet is None else sheet.straighten(decoded.luminance)
    ink = find_ink(straight)
    notes = decoded.notes if sheet is None else (*decoded.notes, NOTE)
    ink = replace(ink, notes=(*notes, *ink.notes))
    preview = _preview(decoded.luminance, decoded.scale, decoded.corner)
    return _page(ink, single, decoded.size, preview, decoded.scale, sheet=sheet)


def find_stroked_digits(strokes: Strokes, single: bool = False) -> Page:
    """Find the digits among strokes and draw each with MNIST's pen width, whatever the screen's.

    Args:
        strokes: a list of points x, y for each time the pen was down, y downwards (see
            `draw_strokes` for their unit).
        single: take all strokes for one digit.

    Returns:
        The page; its boxes are in the strokes' own unit, rounded to integers.

    Raises:
        TenfoldError: where a stroke has no points, or a coordinate is no finite number.
    """
    drawn = draw_strokes(strokes)
    mask = drawn.ink > 0.3
    only_points = bool(drawn.points[mask].all())
    notes: tuple[str, ...] = ()
    if drawn.n_points and not only_points and not single:
        mask &= ~drawn.points
        notes = (f"{drawn.n_points} point{'s' if drawn.n_points > 1 else ''} ignored",)
    ink = Ink(drawn.ink, mask, notes)
    # Drawing is deliberate: a digit half as tall as its neighbours is no dirt.
    preview = _preview(255 * (1 - drawn.ink), drawn.scale, drawn.corner)
    page = _page(ink, single, drawn.size, preview, drawn.scale, MEAN_PEN_WIDTH, MAX_SPECK)
    if not only_points:
        return page
    points = (
        replace(digit, is_point=True, notes=(*digit.notes, "a point: too small for a digit"))
        for digit in page.digits
    )
    return replace(page, digits=tuple(points))


def _page(
    ink: Ink,
    single: bool,
    size: tuple[int, int],
    preview: Preview,
    scale: float,
    pen: float | None = None,
    min_height: float = MIN_DIGIT_HEIGHT,
    sheet: Sheet | None = None,
) -> Page:
    """Segment ink into digits in reading order.

    The sheet, where there is one, then `scale` and the preview's corner place them.
    """
    corner = preview.corner
    segments = single_segment(ink.mask) if single else find_segments(ink.mask, min_height)
    angle = 0.0 if single else page_angle(segments)
    notes = ink.notes
    if MIN_ROTATION <= abs(angle) <= MAX_ROTATION:
        notes = (*notes, f"rotated by {-angle:.0f} degrees")
    else:
        angle = 0.0
    digits = []
    for row, indices in enumerate(reading_order(segments, angle)):
        for segment in (segments[index] for index in indices):
            normalised = normalise(_crop(segment, ink, angle), pen)
            left, top, width, height = _place(segment, sheet)
            left, top = corner[0] + left * scale, corner[1] + top * scale
            box = Box(*(round(value) for value in (left, top, width * scale, height * scale)))
            digit_notes = (*notes, *segment.notes, *normalised.notes)
            digits.append(FoundDigit(normalised.image, box, row, digit_notes))
    return Page(tuple(digits), size, notes, preview)


def _place(segment: Segment, sheet: Sheet | None) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a segment in the image."""
    left, top, width, height = segment.x, segment.y, segment.width, segment.height
    if sheet is None:
        return left, top, width, height
    corners = CORNERS * (width, height) + (left, top)
    places = sheet.to_image(corners)
    x, y = places.min(axis=0).tolist()
    return (x, y, *np.ptp(places, axis=0).tolist())


def _preview(luminance: Luminance, scale: float, corner: tuple[float, float]) -> Preview:
    small = downscale(luminance, PREVIEW_SIDE)
    quality = (cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY)
    jpeg = cv2.imencode(".jpg", cv2.convertScaleAbs(small), quality)[1].tobytes()
    return Preview(jpeg, scale * max(luminance.shape) / max(small.shape), corner)


def _crop(segment: Segment, ink: Ink, angle: float) -> NDArray[np.float32]:
    """Crop one digit's ink, without its neighbours', with the fringe that the mask leaves out."""
    margin = 2
    height, width = ink.mask.shape
    top, bottom = max(0, segment.y - margin), min(height, segment.y + segment.height + margin)
    left, right = max(0, segment.x - margin), min(width, segment.x + segment.width + margin)
    own = np.zeros((bottom - top, right - left), np.uint8)
    y, x = segment.y - top, segment.x - left
    own[y : y + segment.height, x : x + segment.width] = segment.mask
    near = cv2.dilate(own, np.ones((3, 3), np.uint8))
    others = ink.mask[top:bottom, left:right] & (own == 0)
    crop = ink.strength[top:bottom, left:right] * near * ~others
    return rotated(crop, angle) if angle else crop
